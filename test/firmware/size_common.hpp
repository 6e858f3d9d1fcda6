// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_SIZE_COMMON_HPP
#define VMEM_TEST_FIRMWARE_SIZE_COMMON_HPP

#include <vmem/result.hpp>

#include "semihosting.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

/// \file
/// What the programs whose size and instructions are counted have in common. Compiled with COUNTS
/// they run, and call `mark` before and after each operation; else they are as a product would be.
extern "C" {
// Found by the emulator's plugin.
void mark();
void bus_begins();
void bus_ends();
}

// From the linker's script.
extern volatile std::uint32_t stack_ends asm("_ebss");
extern volatile std::uint32_t stack_begins asm("_estack");

/// A controller with a data register and a status register; the chip select is a pin.
struct register_bus {
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
    static volatile std::uint32_t& port(std::uintptr_t at) noexcept {
        return *reinterpret_cast<volatile std::uint32_t*>(at);
    }
    static std::byte exchange(std::byte value) noexcept {
        port(0x4000'8008) = std::to_integer<std::uint32_t>(value);
        while ((port(0x4000'800C) & 4) == 0) {
        }
        return static_cast<std::byte>(port(0x4000'8008));
    }
};

/// A chip in RAM, just good enough to be counted with: SRAM and FRAM have the same commands.
template <std::size_t Size, std::size_t AddressBytes>
struct chip_bus {
    static void select() noexcept { count_ = 0; }
    static void deselect() noexcept {}
    [[nodiscard, gnu::noinline]] static vmem::result<void>
    transfer(std::span<const std::byte> out, std::span<std::byte> in) noexcept {
        bus_begins();
        for (const std::byte value : out) {
            static_cast<void>(exchange(value));
        }
        for (std::byte& value : in) {
            value = exchange(std::byte{0xFF});
        }
        bus_ends();
        return {};
    }

private:
    static std::byte exchange(std::byte value) noexcept {
        const std::size_t n = count_++;
        if (n == 0) {
            command_ = value;
            at_ = 0;
        } else if (command_ == std::byte{0x05}) {
            return mode_;
        } else if (command_ == std::byte{0x01}) {
            mode_ = value;
        } else if (command_ == std::byte{0x9F}) {
            return n == 1 ? std::byte{0x04} : n == 2 ? std::byte{0x7F} : std::byte{0x03};
        } else if (n <= AddressBytes) {
            at_ = at_ << 8 | std::to_integer<std::size_t>(value);
        } else {
            std::byte& cell = memory_[at_++ % Size];
            if (command_ == std::byte{0x02}) {
                cell = value;
            }
            return cell;
        }
        return std::byte{0xFF};
    }

    static inline std::byte memory_[Size];
    static inline std::byte command_{};
    static inline std::byte mode_{};
    static inline std::size_t at_ = 0;
    static inline std::size_t count_ = 0;
};

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

/// From its construction on, how deep the stack gets.
class stack_watch {
public:
#if defined(COUNTS)
    stack_watch() {
        for (volatile std::uint32_t* at = bottom(); at != here(); ++at) {
            *at = paint;
        }
    }
    ~stack_watch() {
        const volatile std::uint32_t* at = bottom();
        while (*at == paint) {
            ++at;
        }
        semihosting::print("stack ",
                           reinterpret_cast<std::uintptr_t>(&stack_begins) -
                               reinterpret_cast<std::uintptr_t>(at),
                           "\n");
    }

private:
    static constexpr std::uint32_t paint = 0xA5A5'5A5A;
    static volatile std::uint32_t* bottom() { return &stack_ends; }
    /// Well below what is in use.
    static volatile std::uint32_t* here() {
        return static_cast<volatile std::uint32_t*>(__builtin_frame_address(0)) - 64;
    }
#else
    stack_watch() = default;
#endif
};

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
