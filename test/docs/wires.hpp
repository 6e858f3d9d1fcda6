// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_DOCS_WIRES_HPP
#define VMEM_TEST_DOCS_WIRES_HPP

#include <vmem/device/i2c_memory.hpp>
#include <vmem/device/spi_sram.hpp>
#include <vmem/result.hpp>

#include "support/chips/i2c_memory_chip.hpp"
#include "support/chips/spi_sram_chip.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <span>
#include <vector>

/// \file
/// What the stand-ins for the vendors' functions are connected to, and what is asked of the buses
/// that docs/device shows: the storages work through them, and what the controller reports arrives.
namespace vmem::test {

/// The wires of a board: a chip on SPI, one on I2C, and a controller that may fail.
struct board_wires {
    spi_chip* spi = nullptr;
    i2c_memory_model* i2c = nullptr;
    std::size_t address_bytes = 2;
    /// The controller for SPI does.
    bool fails = false;
    /// The controller for SPI is the program's at the moment.
    bool taken = false;

    void chip_select(bool high) const { high ? spi->deselect() : spi->select(); }
    [[nodiscard]] std::uint8_t exchange(std::uint8_t out) const {
        CHECK_MESSAGE(taken, "a transfer on a bus that is not the program's");
        return std::to_integer<std::uint8_t>(spi->exchange(std::byte{out}));
    }
    /// A transaction of all these bytes; the first ones are the chip's address for a byte.
    [[nodiscard]] result<void> send(std::uint8_t device, std::span<const std::byte> bytes) const {
        const std::size_t head = (std::min)(bytes.size(), address_bytes);
        return i2c == nullptr ? result<void>(failure(errc::no_device))
                              : i2c->write(device, bytes.first(head), bytes.subspan(head));
    }
    [[nodiscard]] result<void> receive(std::uint8_t device, std::span<const std::byte> head,
                                       std::span<std::byte> in) const {
        return i2c == nullptr ? result<void>(failure(errc::no_device))
                              : i2c->read(device, head, in);
    }
};
inline board_wires wires;

[[nodiscard]] inline std::span<const std::byte> bytes_of(const void* data, std::size_t size) {
    return {static_cast<const std::byte*>(data), size};
}
[[nodiscard]] inline std::span<std::byte> bytes_of(void* data, std::size_t size) {
    return {static_cast<std::byte*>(data), size};
}

[[nodiscard]] inline std::vector<std::byte> some_bytes(std::size_t count) {
    std::vector<std::byte> bytes(count);
    std::uint32_t state = 1;
    for (std::byte& each : bytes) {
        state = state * 1664525 + 1013904223;
        each = static_cast<std::byte>(state >> 24);
    }
    return bytes;
}

/// In a single operation all the chip has, which is more than some controllers take at once, and
/// then a little.
template <class Storage>
void check_storage(Storage& storage, const std::vector<std::byte>& memory, std::size_t at_once) {
    REQUIRE(storage.start());
    const std::vector<std::byte> written = some_bytes(storage.size());
    std::vector<std::byte> back(storage.size());
    for (std::size_t at = 0; at < written.size(); at += at_once) {
        const std::size_t part = (std::min)(at_once, written.size() - at);
        REQUIRE(storage.write(at, std::span(written).subspan(at, part)));
        REQUIRE(storage.read(at, std::span(back).subspan(at, part)));
    }
    CHECK(memory == written);
    CHECK(back == written);

    std::array<std::byte, 3> few{};
    REQUIRE(storage.read(1234, few));
    CHECK(std::ranges::equal(few, std::span(written).subspan(1234, 3)));
    REQUIRE(storage.write(0, few));
    CHECK(std::ranges::equal(few, std::span(memory).first(3)));
}

/// Answers each byte with its complement, and remembers it.
class echo_chip : public spi_chip {
public:
    [[nodiscard]] const std::vector<std::byte>& heard() const { return heard_; }

private:
    [[nodiscard]] std::byte on_byte(std::byte in) override {
        heard_.push_back(in);
        return ~in;
    }
    std::vector<std::byte> heard_;
};

/// What goes over the wires is what the concept says.
template <class Bus>
void check_transfer(Bus& bus) {
    echo_chip chip;
    wires = {.spi = &chip};
    const std::array out = {std::byte{1}, std::byte{2}};
    std::array<std::byte, 3> in{};
    bus.select();
    CHECK(bus.transfer(out, in));
    CHECK(bus.transfer({}, {}));
    CHECK(bus.transfer(out, {}));
    CHECK(bus.transfer({}, std::span(in).first(1)));
    bus.deselect();
    const std::array<std::byte, 8> all = {std::byte{1},    std::byte{2},    std::byte{0xFF},
                                          std::byte{0xFF}, std::byte{0xFF}, std::byte{1},
                                          std::byte{2},    std::byte{0xFF}};
    CHECK(std::ranges::equal(chip.heard(), all));
    CHECK(in == std::array<std::byte, 3>{});
}

/// Not all vendors' functions report errors.
template <class Bus>
void check_spi_bus(Bus bus, bool reports_errors = true) {
    static_assert(spi_bus<Bus>);
    check_transfer(bus);
    spi_sram_model chip(131'072, 3, std::byte{0x40});
    wires = {.spi = &chip};
    spi_sram<Bus, chip::sram_23lc1024> storage(bus);
    check_storage(storage, chip.memory(), storage.size());
    CHECK(!wires.taken);

    wires.fails = true;
    std::array<std::byte, 4> four{};
    CHECK(storage.read(0, four).has_value() != reports_errors);
    CHECK(storage.write(0, four).has_value() != reports_errors);
    CHECK(!wires.taken);
    static_cast<void>(chip.take_complaint()); // It has got no whole command.
}

/// `at_once` is as much as the bus moves in a transaction.
template <class Bus>
void check_i2c_bus(Bus bus, std::size_t at_once = 131'072) {
    static_assert(i2c_bus<Bus>);
    // Two blocks, each with a device address of its own, and pages.
    i2c_memory_model eeprom(chip::eeprom_24lc1026, 0x50, 3);
    wires = {.i2c = &eeprom};
    i2c_memory<Bus, chip::eeprom_24lc1026> slow(bus);
    check_storage(slow, eeprom.memory(), at_once < 128 ? 16 : at_once);

    // No pages: a write is as long as it is.
    i2c_memory_model fram(chip::fram_mb85rc1m, 0x50, 0);
    wires = {.i2c = &fram};
    i2c_memory<Bus, chip::fram_mb85rc1m> fast(bus);
    check_storage(fast, fram.memory(), at_once);

    // One byte of address.
    i2c_memory_model small(chip::fram_mb85rc16, 0x50, 0);
    wires = {.i2c = &small, .address_bytes = 1};
    i2c_memory<Bus, chip::fram_mb85rc16> short_address(bus);
    check_storage(short_address, small.memory(), at_once);

    // What can not be sent at once is not sent in part.
    if (at_once < fram.memory().size()) {
        wires = {.i2c = &fram};
        const std::vector<std::byte> before = fram.memory();
        std::vector<std::byte> longer(at_once + 3);
        CHECK(fast.write(0, longer).error() == errc::write_failed);
        CHECK(fast.read(0, longer).error() == errc::read_failed);
        CHECK(fram.memory() == before);
    }

    wires = {};
    CHECK(fast.start().error() == errc::no_device);
    std::array<std::byte, 4> four{};
    CHECK(!fast.read(0, four));
    CHECK(!fast.write(0, four));
}

} // namespace vmem::test

#endif
