// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/i2c_memory.hpp>
#include <vmem/result.hpp>

#include "contract/storage_contract.hpp"
#include "support/chips/i2c_memory_chip.hpp"

#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <vector>

namespace {

namespace chip = vmem::chip;
using vmem::errc;
using vmem::contract::outcome;
using vmem::test::i2c_memory_model;
using vmem::test::i2c_traffic;
using vmem::test::i2c_wires;

template <vmem::i2c_memory_chip Chip>
struct socket {
    using device = vmem::i2c_memory<i2c_wires, Chip>;
    i2c_memory_model model{Chip, 0x50, 3};

    [[nodiscard]] device start() {
        device storage(i2c_wires{&model});
        CHECK(outcome(storage.start()) == "ok");
        return storage;
    }
};

TEST_CASE_TEMPLATE_DEFINE("i2c_memory: contract", Socket, i2c_memory_contract) {
    Socket socket;
    vmem::contract::check_storage_contract([&] { return socket.start(); }, {.operations = 50});
}
TEST_CASE_TEMPLATE_INVOKE(i2c_memory_contract, socket<chip::eeprom_24lc16>,
                          socket<chip::eeprom_24lc256>, socket<chip::fram_mb85rc16>,
                          socket<chip::fram_mb85rc256>);

TEST_CASE("i2c_memory: addresses that need bits of the device address") {
    socket<chip::eeprom_24lc1025> high;
    socket<chip::eeprom_24lc1026> low;
    const auto check = [](auto& socket) {
        auto storage = socket.start();
        std::vector<std::byte> bytes(300, std::byte{9});
        CHECK(outcome(storage.write(65'400, bytes)) == "ok");
        CHECK(socket.model.memory()[65'535] == std::byte{9});
        CHECK(socket.model.memory()[65'536] == std::byte{9});
        CHECK(socket.model.memory()[65'400 + 300] == std::byte{0});
        std::vector<std::byte> found(300);
        CHECK(outcome(storage.read(65'400, found)) == "ok");
        CHECK(found == bytes);
    };
    check(high);
    check(low);
}

TEST_CASE("i2c_memory: what goes over the wires") {
    socket<chip::eeprom_24lc256> socket;
    auto storage = socket.start();
    CHECK(socket.model.take_traffic() == i2c_traffic{.transactions = 1, .bytes = 1});
    std::array<std::byte, 100> bytes{};
    CHECK(outcome(storage.read(7, bytes)) == "ok");
    CHECK(socket.model.take_traffic() == i2c_traffic{.transactions = 1, .bytes = 4 + 100});
    // Three pages, and four questions after each.
    CHECK(outcome(storage.write(60, bytes)) == "ok");
    CHECK(socket.model.take_traffic() ==
          i2c_traffic{.transactions = 15, .bytes = 9 + 100 + 12, .unanswered = 9});
}

TEST_CASE("i2c_memory: an FRAM is not asked whether it is ready") {
    socket<chip::fram_mb85rc256> socket;
    auto storage = socket.start();
    static_cast<void>(socket.model.take_traffic());
    std::array<std::byte, 100> bytes{};
    CHECK(outcome(storage.write(60, bytes)) == "ok");
    CHECK(socket.model.take_traffic() == i2c_traffic{.transactions = 1, .bytes = 3 + 100});
}

TEST_CASE("i2c_memory: no chip, or one that never gets ready") {
    vmem::i2c_memory<i2c_wires, chip::eeprom_24lc256> empty{i2c_wires{}};
    CHECK(outcome(empty.start()) == message(errc::no_device));
    socket<chip::eeprom_24lc256> socket;
    auto storage = socket.start();
    socket.model.never_ready();
    std::array<std::byte, 1> bytes{};
    CHECK(outcome(storage.read(0, bytes)) == message(errc::no_device));
    static_cast<void>(socket.model.take_traffic());
    CHECK(outcome(storage.start()) == message(errc::no_device));
    // 5 ms are 181 questions at 400 kHz.
    CHECK(socket.model.take_traffic().transactions == 181);
    socket.model.ready();
    CHECK(outcome(storage.read(0, bytes)) == "ok");
}

TEST_CASE("i2c_memory: power cut in the middle of a page") {
    socket<chip::fram_mb85rc256> fram;
    auto storage = fram.start();
    std::array<std::byte, 10> bytes{};
    bytes.fill(std::byte{3});
    fram.model.cut_after(3 + 4);
    CHECK(outcome(storage.write(0, bytes)) == message(errc::write_failed));
    fram.model.power_on();
    CHECK(fram.model.memory()[3] == std::byte{3});
    CHECK(fram.model.memory()[4] == std::byte{0});
    fram.model.cut_after(3 + 2);
    CHECK(outcome(storage.read(0, bytes)) == message(errc::read_failed));
}

TEST_CASE("i2c_memory: the model sees what the chip would not do") {
    i2c_memory_model model(chip::eeprom_24lc256, 0x50, 0);
    const std::array head{std::byte{0}, std::byte{60}};
    std::array<std::byte, 5> bytes{};
    CHECK_FALSE(model.write(0x50, head, bytes));
    CHECK(model.take_complaint() == "24xx: written beyond the end of a page");
    CHECK(model.write(0x50, std::span(head).first(1), {}));
    CHECK(model.take_complaint() == "24xx: an address with the wrong number of bytes");
    CHECK_FALSE(model.write(0x51, head, {}));
}

} // namespace
