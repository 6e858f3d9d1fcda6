// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/spi_fram.hpp>
#include <vmem/result.hpp>

#include "contract/storage_contract.hpp"
#include "support/chips/spi_fram_chip.hpp"

#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <span>

namespace {

namespace chip = vmem::chip;
using vmem::errc;
using vmem::failure;
using vmem::contract::outcome;
using vmem::test::spi_fram_model;
using vmem::test::spi_traffic;
using vmem::test::spi_wires;

template <vmem::spi_fram_chip Chip>
using device = vmem::spi_fram<spi_wires, Chip>;

template <vmem::spi_fram_chip Chip>
struct socket {
    spi_fram_model model{Chip.size, Chip.address_bytes};

    [[nodiscard]] device<Chip> start() {
        device<Chip> storage(spi_wires{&model});
        CHECK(outcome(storage.start()) == "ok");
        return storage;
    }
};

TEST_CASE_TEMPLATE_DEFINE("spi_fram: contract", Socket, spi_fram_contract) {
    Socket socket;
    vmem::contract::check_storage_contract([&] { return socket.start(); }, {.operations = 100});
    vmem::contract::check_storage_reopens([&] {
        socket.model.power_off();
        socket.model.power_on();
        return socket.start();
    });
}
TEST_CASE_TEMPLATE_INVOKE(spi_fram_contract, socket<chip::fram_mb85rs64v>,
                          socket<chip::fram_mb85rs512t>, socket<chip::fram_mb85rs1mt>);

static_assert(device<chip::fram_mb85rs4mt>::capacity == 524'288);
static_assert(sizeof(device<chip::fram_mb85rs4mt>) == sizeof(spi_wires));

TEST_CASE("spi_fram: what goes over the wires") {
    socket<chip::fram_mb85rs64v> socket;
    auto storage = socket.start();
    CHECK(socket.model.take_traffic() == spi_traffic{.transactions = 2, .bytes = 5 + 2});
    std::array<std::byte, 100> bytes{};
    CHECK(outcome(storage.read(77, bytes)) == "ok");
    CHECK(socket.model.take_traffic() == spi_traffic{.transactions = 1, .bytes = 3 + 100});
    CHECK(outcome(storage.write(77, bytes)) == "ok");
    CHECK(socket.model.take_traffic() == spi_traffic{.transactions = 2, .bytes = 1 + 3 + 100});
    CHECK(outcome(storage.write(8192, {})) == "ok");
    CHECK(outcome(storage.write(8092, bytes)) == "ok");
    CHECK(outcome(storage.write(8093, bytes)) == message(errc::out_of_range));
}

TEST_CASE("spi_fram: another chip, or none") {
    device<chip::fram_mb85rs64v> empty(spi_wires{});
    CHECK(outcome(empty.start()) == message(errc::no_device));

    socket<chip::fram_mb85rs128b> larger;
    device<chip::fram_mb85rs64v> other_size(spi_wires{&larger.model});
    CHECK(outcome(other_size.start()) == message(errc::wrong_device));

    larger.model.set_maker(std::byte{0xC2});
    device<chip::fram_mb85rs128b> other_maker(spi_wires{&larger.model});
    CHECK(outcome(other_maker.start()) == message(errc::wrong_device));
    larger.model.set_maker(std::byte{0x04});
    CHECK(outcome(other_maker.start()) == "ok");

    larger.model.protect(std::byte{0x04});
    CHECK(outcome(other_maker.start()) == message(errc::read_only));
}

TEST_CASE("spi_fram: sleeps and wakes") {
    socket<chip::fram_mb85rs1mt> socket;
    auto storage = socket.start();
    const std::array bytes{std::byte{42}};
    CHECK(outcome(storage.write(9, bytes)) == "ok");
    CHECK(outcome(storage.sleep()) == "ok");
    CHECK(socket.model.is_asleep());
    CHECK(outcome(storage.start()) == "ok");
    std::array<std::byte, 1> found{};
    CHECK(outcome(storage.read(9, found)) == "ok");
    CHECK(found == bytes);
}

TEST_CASE("spi_fram: what the bus reports") {
    socket<chip::fram_mb85rs64v> socket;
    vmem::result<void> fails;
    device<chip::fram_mb85rs64v> storage(spi_wires{&socket.model, &fails});
    REQUIRE(outcome(storage.start()) == "ok");
    std::array<std::byte, 4> bytes{};
    for (const bool write : {false, true}) {
        fails = failure(errc::timed_out);
        CHECK(outcome(write ? storage.write(0, bytes) : storage.read(0, bytes)) ==
              message(errc::timed_out));
    }
    static_cast<void>(socket.model.take_complaint()); // Transactions without a byte.
}

TEST_CASE("spi_fram: power cut in the middle of a write") {
    for (std::size_t after = 0; after <= 14; ++after) {
        CAPTURE(after);
        socket<chip::fram_mb85rs64v> socket;
        auto storage = socket.start();
        std::array<std::byte, 10> bytes{};
        bytes.fill(std::byte{1});
        CHECK(outcome(storage.write(0, bytes)) == "ok");
        bytes.fill(std::byte{2});
        socket.model.cut_after(after);
        // A chip that is gone cannot say so.
        CHECK(outcome(storage.write(0, bytes)) == "ok");
        socket.model.power_on();
        CHECK(outcome(storage.start()) == "ok");
        CHECK(outcome(storage.read(0, bytes)) == "ok");
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            CHECK(bytes[i] == std::byte(i + 4 < after ? 2 : 1));
        }
    }
}

TEST_CASE("spi_fram: the model sees what the chip would not do") {
    spi_fram_model model(8'192, 2);
    const auto say = [&](std::initializer_list<int> bytes) {
        model.select();
        for (const int value : bytes) {
            static_cast<void>(model.exchange(static_cast<std::byte>(value)));
        }
        model.deselect();
        return model.take_complaint();
    };
    CHECK(say({0x02, 0, 0, 1}) == "MB85RS: write without the write-enable latch");
    CHECK(say({0x06}) == "");
    CHECK(say({0x02, 0, 0, 1, 2}) == "");
    CHECK(say({0x02, 0, 0, 1}) == "MB85RS: write without the write-enable latch");
    CHECK(model.memory()[1] == std::byte{2});
    CHECK(say({0x03, 0}) == "MB85RS: deselected within a command");
    CHECK(say({0x03, 0x1F, 0xFF, 0, 0}) == "MB85RS: beyond the end, where addresses start over");
    CHECK(say({0xB9}) == "");
    CHECK(say({0x06}) == "MB85RS: used while it wakes");
}

} // namespace
