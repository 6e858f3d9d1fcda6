// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/spi_sram.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concatenated.hpp>

#include "contract/storage_contract.hpp"
#include "support/chips/spi_sram_chip.hpp"

#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <utility>

namespace {

namespace chip = vmem::chip;
using vmem::errc;
using vmem::failure;
using vmem::contract::outcome;
using vmem::test::spi_sram_model;
using vmem::test::spi_traffic;
using vmem::test::spi_wires;

template <vmem::spi_sram_chip Chip>
using device = vmem::spi_sram<spi_wires, Chip>;

template <vmem::spi_sram_chip Chip>
struct socket {
    // A 23K wakes up in byte mode.
    spi_sram_model model{Chip.size, Chip.address_bytes,
                         std::byte(Chip.sequential_mode == std::byte{0x41} ? 0x00 : 0x40)};

    [[nodiscard]] device<Chip> start() {
        device<Chip> storage(spi_wires{&model});
        CHECK(outcome(storage.start()) == "ok");
        return storage;
    }
};

TEST_CASE_TEMPLATE_DEFINE("spi_sram: contract", Socket, spi_sram_contract) {
    Socket socket;
    vmem::contract::check_storage_contract([&] { return socket.start(); }, {.operations = 100});
}
TEST_CASE_TEMPLATE_INVOKE(spi_sram_contract, socket<chip::sram_23k640>, socket<chip::sram_23a512>,
                          socket<chip::sram_23lc1024>);

static_assert(device<chip::sram_23k256>::capacity == 32'768);
static_assert(device<chip::sram_23lc1024>::capacity == 131'072);
static_assert(sizeof(device<chip::sram_23lc1024>) == sizeof(spi_wires));

TEST_CASE("spi_sram: what goes over the wires") {
    socket<chip::sram_23lc1024> socket;
    auto storage = socket.start();
    CHECK(socket.model.take_traffic() == spi_traffic{.transactions = 2, .bytes = 4});
    std::array<std::byte, 256> page{};
    CHECK(outcome(storage.read(0x10203, page)) == "ok");
    CHECK(socket.model.take_traffic() == spi_traffic{.transactions = 1, .bytes = 4 + 256});
    CHECK(outcome(storage.write(0x1FFFF, std::span(page).first(1))) == "ok");
    CHECK(socket.model.take_traffic() == spi_traffic{.transactions = 1, .bytes = 4 + 1});
    CHECK(outcome(storage.sync()) == "ok");
    CHECK(outcome(storage.read(5, {})) == "ok");
    CHECK(outcome(storage.read(131'072, page)) == message(errc::out_of_range));
    CHECK(socket.model.take_traffic() == spi_traffic{});
}

TEST_CASE("spi_sram: a miss is the page, what changed of the other, and two commands") {
    socket<chip::sram_23lc1024> socket;
    vmem::paged<256, 2>::bind<device<chip::sram_23lc1024>, std::uint32_t, false> cache(
        socket.start());
    REQUIRE(outcome(cache.start(cache.storage().size())) == "ok");
    static_cast<void>(socket.model.take_traffic());
    std::array<std::byte, 10> bytes{};
    for (const vmem::address at : {256u, 512u}) {
        CHECK(outcome(cache.read(at, bytes)) == "ok");
        CHECK(socket.model.take_traffic() == spi_traffic{.transactions = 1, .bytes = 4 + 256});
    }
    CHECK(outcome(cache.write(256 + 100, bytes)) == "ok");
    CHECK(outcome(cache.write(512 + 100, bytes)) == "ok");
    CHECK(socket.model.take_traffic() == spi_traffic{});
    CHECK(outcome(cache.read(1024, bytes)) == "ok");
    CHECK(socket.model.take_traffic() == spi_traffic{.transactions = 2, .bytes = 4 + 10 + 4 + 256});
}

TEST_CASE("spi_sram: no chip") {
    device<chip::sram_23lc1024> empty(spi_wires{});
    CHECK(outcome(empty.start()) == message(errc::no_device));
    socket<chip::sram_23lc1024> socket;
    socket.model.power_off();
    device<chip::sram_23lc1024> unpowered(spi_wires{&socket.model});
    CHECK(outcome(unpowered.start()) == message(errc::no_device));
    socket.model.power_on();
    CHECK(outcome(unpowered.start()) == "ok");
}

TEST_CASE("spi_sram: what the bus reports") {
    socket<chip::sram_23lc1024> socket;
    vmem::result<void> fails;
    device<chip::sram_23lc1024> storage(spi_wires{&socket.model, &fails});
    REQUIRE(outcome(storage.start()) == "ok");
    std::array<std::byte, 4> bytes{};
    fails = failure(errc::timed_out);
    CHECK(outcome(storage.read(0, bytes)) == message(errc::timed_out));
    fails = failure(errc::timed_out);
    CHECK(outcome(storage.write(0, bytes)) == message(errc::timed_out));
    fails = failure(errc::timed_out);
    CHECK(outcome(storage.start()) == message(errc::timed_out));
    static_cast<void>(socket.model.take_complaint()); // Transactions without a byte.
    CHECK(outcome(storage.read(0, bytes)) == "ok");
}

TEST_CASE("spi_sram: several chips end to end") {
    socket<chip::sram_23k640> first;
    socket<chip::sram_23lc1024> second;
    using both = vmem::concatenated<device<chip::sram_23k640>, device<chip::sram_23lc1024>>;
    static_assert(both::capacity == 8'192 + 131'072);
    auto storage = both::make(first.start(), second.start()).value();
    std::array<std::byte, 4> bytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    CHECK(outcome(storage.write(8'190, bytes)) == "ok");
    CHECK(first.model.memory()[8'191] == std::byte{2});
    CHECK(second.model.memory()[0] == std::byte{3});
}

TEST_CASE("spi_sram: the model sees what the chip would not do") {
    spi_sram_model model(131'072, 3, std::byte{0x40});
    const auto say = [&](std::initializer_list<int> bytes) {
        model.select();
        for (const int value : bytes) {
            static_cast<void>(model.exchange(static_cast<std::byte>(value)));
        }
        model.deselect();
        return model.take_complaint();
    };
    CHECK(say({0x02, 0, 0, 0, 7, 8}) == "");
    CHECK(say({0x38}) == "23LC: no such command");
    CHECK(say({0x03, 0, 0}) == "23LC: deselected within a command");
    CHECK(say({0x03, 2, 0, 0, 0}) == "23LC: beyond the end, where addresses start over");
    CHECK(say({0x01, 0x00}) == "");
    CHECK(say({0x02, 0, 0, 0, 7, 8}) == "23LC: several bytes, but not in sequential mode");
}

} // namespace
