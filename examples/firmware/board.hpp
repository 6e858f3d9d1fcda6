// SPDX-License-Identifier: BSL-1.0
#ifndef BOARD_HPP
#define BOARD_HPP

#include <cstddef>
#include <cstdint>

/// All that the program asks of the hardware. On the emulated board the banks are a part of RAM,
/// and text goes to the machine that emulates it.
struct board {
    static constexpr unsigned banks = 44;
    static constexpr unsigned bank_size = 1024;

    /// A byte of the memory behind the window.
    static volatile std::byte& cell(unsigned bank, unsigned at) noexcept {
        return backup[bank][at];
    }

    static void print(const char* text) noexcept { ask(0x04, text); }
    static void print(std::uint32_t number) noexcept {
        char text[11];
        char* at = text + 10;
        *at = '\0';
        do {
            *--at = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number != 0);
        print(at);
    }
    [[noreturn]] static void exit(int code) noexcept {
        const std::uint32_t block[2] = {0x20026, static_cast<std::uint32_t>(code)};
        ask(0x20, block);
        for (;;) {
        }
    }

private:
    static void ask(std::uint32_t what, const void* argument) noexcept {
        register std::uint32_t code asm("r0") = what;
        register const void* block asm("r1") = argument;
        asm volatile("bkpt 0xab" : "+r"(code) : "r"(block) : "memory");
    }

    static volatile std::byte backup[banks][bank_size];
};

#endif
