// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_SIZE_COMMON_HPP
#define VMEM_TEST_FIRMWARE_SIZE_COMMON_HPP

#include "semihosting.hpp"
#include "size_buses.hpp"

#include <type_traits>

/// \file
/// What the programs whose size and instructions are counted have in common. Compiled with COUNTS
/// they run, and call `mark` before and after each operation; else they are as a product would be.
extern "C" void mark(); // Found by the emulator's plugin.

[[gnu::always_inline]] inline void begin_count([[maybe_unused]] const char* name) {
#if defined(COUNTS)
    semihosting::print("count ", name, "\n");
    asm volatile("" ::: "memory");
    mark();
    asm volatile("" ::: "memory");
#endif
}
[[gnu::always_inline]] inline void end_count() {
#if defined(COUNTS)
    asm volatile("" ::: "memory");
    mark();
#endif
}

/// An operation that is counted, by its name. What it returns is in a register then.
template <class Operation>
[[gnu::always_inline]] inline auto measure([[maybe_unused]] const char* name, Operation operation) {
    begin_count(name);
    if constexpr (std::is_void_v<decltype(operation())>) {
        operation();
        end_count();
    } else {
        const auto value = operation();
        asm volatile("" ::"r"(value));
        end_count();
        return value;
    }
}

/// What happens where a product would do something about it.
[[noreturn, gnu::noinline]] inline void give_up() noexcept {
    semihosting::exit(1);
}

/// A value that the compiler cannot guess.
template <class T>
[[gnu::always_inline]] inline T unknown(T value) {
    asm volatile("" : "+r"(value));
    return value;
}

#endif
