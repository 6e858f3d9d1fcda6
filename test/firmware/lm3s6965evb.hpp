// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_LM3S6965EVB_HPP
#define VMEM_TEST_FIRMWARE_LM3S6965EVB_HPP

#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

/// The parts of a Texas Instruments LM3S6965 evaluation board that the tests use.
namespace board {

inline volatile std::uint32_t& port(std::uintptr_t at) noexcept {
    return *reinterpret_cast<volatile std::uint32_t*>(at);
}

/// The SD card's socket: SSI0, with chip select on port D pin 0.
struct sd_bus {
    static void enable() noexcept {
        port(0x400F'E104) = port(0x400F'E104) | 1u << 4;
        port(0x400F'E108) = port(0x400F'E108) | 1u << 3 | 1u;
        port(0x4000'7400) = port(0x4000'7400) | 1;
        port(0x4000'751C) = port(0x4000'751C) | 1;
        deselect();
        port(0x4000'8004) = 0;
        port(0x4000'8010) = 2;
        port(0x4000'8000) = 7; // Mode 0, 8 bits.
        port(0x4000'8004) = 2;
    }
    static void select() noexcept { port(0x4000'7004) = 0; }
    static void deselect() noexcept { port(0x4000'7004) = 1; }
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
    static std::byte exchange(std::byte value) noexcept {
        port(0x4000'8008) = std::to_integer<std::uint32_t>(value);
        while ((port(0x4000'800C) & 4) == 0) {
        }
        return static_cast<std::byte>(port(0x4000'8008));
    }
};

/// UART0.
struct serial_line {
    static void enable() noexcept {
        port(0x400F'E104) = port(0x400F'E104) | 1;
        port(0x4000'C030) = 0;
        port(0x4000'C024) = 1;
        port(0x4000'C02C) = 0x70; // 8 bits, with queues.
        port(0x4000'C030) = 0x301;
    }
    [[nodiscard]] static vmem::result<void> send(std::span<const std::byte> out) noexcept {
        for (const std::byte value : out) {
            while ((port(0x4000'C018) & 0x20) != 0) {
            }
            port(0x4000'C000) = std::to_integer<std::uint32_t>(value);
        }
        return {};
    }
    [[nodiscard]] static vmem::result<void> receive(std::span<std::byte> in) noexcept {
        for (std::byte& value : in) {
            for (std::uint32_t polls = 0; (port(0x4000'C018) & 0x10) != 0; ++polls) {
                if (polls == longest_wait) {
                    return vmem::failure(vmem::errc::timed_out);
                }
            }
            value = static_cast<std::byte>(port(0x4000'C000));
        }
        return {};
    }
    static inline std::uint32_t longest_wait = 3'000'000;
};

/// Calls SysTick_Handler once, after so many ticks of 24 bits.
inline void alarm_in(std::uint32_t ticks) noexcept {
    port(0x400F'E060) = 1u << 22; // 5 ns each.
    port(0xE000'E014) = ticks;
    port(0xE000'E018) = 0;
    port(0xE000'E010) = 7;
}
inline void no_alarm() noexcept {
    port(0xE000'E010) = 0;
}

} // namespace board

#endif
