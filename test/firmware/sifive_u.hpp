// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_SIFIVE_U_HPP
#define VMEM_TEST_FIRMWARE_SIFIVE_U_HPP

#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

/// The parts of a SiFive HiFive Unleashed that the tests use.
namespace board {

/// The SD card's socket: SPI2.
struct sd_bus {
    static void enable() noexcept {
        port(0x18) = 0; // Chip select is the controller's, by hand.
        port(0x10) = 0;
        port(0x14) = 1;
        port(0x00) = 3;
        port(0x04) = 0;
        port(0x40) = 8u << 16;
        deselect();
    }
    static void select() noexcept { port(0x18) = 2; }
    static void deselect() noexcept { port(0x18) = 0; }
    [[nodiscard, gnu::noinline]] static vmem::result<void>
    transfer(std::span<const std::byte> out, std::span<std::byte> in) noexcept {
        for (const std::byte value : out) {
            static_cast<void>(exchange(value));
        }
        for (std::byte& value : in) {
            value = exchange(std::byte{0xFF});
        }
        return {};
    }

private:
    static volatile std::uint32_t& port(std::uintptr_t at) noexcept {
        return *reinterpret_cast<volatile std::uint32_t*>(0x1005'0000 + at);
    }
    static std::byte exchange(std::byte value) noexcept {
        while ((port(0x48) >> 31) != 0) {
        }
        port(0x48) = std::to_integer<std::uint32_t>(value);
        for (;;) {
            const std::uint32_t found = port(0x4C);
            if (found >> 31 == 0) {
                return static_cast<std::byte>(found);
            }
        }
    }
};

} // namespace board

#endif
