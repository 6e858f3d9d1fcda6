// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_SEMIHOSTING_HPP
#define VMEM_TEST_FIRMWARE_SEMIHOSTING_HPP

#include <cstddef>
#include <cstdint>

/// \file
/// What an emulated board asks of the machine that emulates it (Arm, "Semihosting for AArch32 and
/// AArch64"; RISC-V uses the same calls).
namespace semihosting {

enum class call : std::uintptr_t {
    open = 0x01,
    write = 0x05,
    read = 0x06,
    seek = 0x0A,
    flen = 0x0C,
    write0 = 0x04,
    command_line = 0x15,
    exit_extended = 0x20,
};

#if defined(__arm__)
inline std::uintptr_t ask(call what, const void* argument) noexcept {
    register auto code asm("r0") = static_cast<std::uintptr_t>(what);
    register const void* block asm("r1") = argument;
    asm volatile("bkpt 0xab" : "+r"(code) : "r"(block) : "memory");
    return code;
}
#else
// In start_riscv.S: the instructions that the emulator looks for must lie in one page.
extern "C" std::uintptr_t semihosting_call(std::uintptr_t code, const void* block) noexcept;

inline std::uintptr_t ask(call what, const void* argument) noexcept {
    return semihosting_call(static_cast<std::uintptr_t>(what), argument);
}
#endif

inline void print(const char* text) noexcept {
    ask(call::write0, text);
}
inline void print(std::uint32_t number) noexcept {
    char text[11];
    char* at = text + 10;
    *at = '\0';
    do {
        *--at = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    print(at);
}
template <class... Parts>
    requires(sizeof...(Parts) > 1)
void print(Parts... parts) noexcept {
    (print(parts), ...);
}

[[noreturn]] inline void exit(int code) noexcept {
    constexpr std::uintptr_t application_exit = 0x20026;
    const std::uintptr_t block[2] = {application_exit, static_cast<std::uintptr_t>(code)};
    ask(call::exit_extended, block);
    for (;;) {
    }
}

/// Copies word number `n` of the command line, from 0. Whether there is one.
inline bool word(unsigned n, char* to, std::size_t size) noexcept {
    char line[400];
    std::uintptr_t block[2] = {reinterpret_cast<std::uintptr_t>(line), sizeof(line)};
    if (ask(call::command_line, block) != 0) {
        return false;
    }
    const char* at = line;
    for (; n != 0; --n) {
        while (*at != '\0' && *at != ' ') {
            ++at;
        }
        at += *at == ' ' ? 1 : 0;
    }
    std::size_t length = 0;
    while (*at != '\0' && *at != ' ' && length + 1 < size) {
        to[length++] = *at++;
    }
    to[length] = '\0';
    return length != 0;
}
inline std::uint32_t number(unsigned n, std::uint32_t otherwise) noexcept {
    char text[12];
    if (!word(n, text, sizeof(text))) {
        return otherwise;
    }
    std::uint32_t value = 0;
    for (const char* at = text; *at >= '0' && *at <= '9'; ++at) {
        value = value * 10 + static_cast<std::uint32_t>(*at - '0');
    }
    return value;
}

} // namespace semihosting

#endif
