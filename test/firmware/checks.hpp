// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_CHECKS_HPP
#define VMEM_TEST_FIRMWARE_CHECKS_HPP

#include "semihosting.hpp"

#include <cstdint>

/// Ends the program, with what is not so and where.
[[noreturn, gnu::noinline]] inline void fail(const char* what, const char* file, unsigned line) {
    semihosting::print("FAILED ", file, ":", line, ": ", what, "\n");
    semihosting::exit(1);
}

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): to tell what and where
#define VERIFY(...)                                                                                \
    do {                                                                                           \
        if (!(__VA_ARGS__)) {                                                                      \
            fail(#__VA_ARGS__, __FILE_NAME__, __LINE__);                                           \
        }                                                                                          \
    } while (false)

/// xorshift32 (Marsaglia, "Xorshift RNGs", 2003).
class random_numbers {
public:
    explicit random_numbers(std::uint32_t seed = 2'463'534'242) : state_(seed) {}
    std::uint32_t operator()() noexcept {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 17;
        state_ ^= state_ << 5;
        return state_;
    }
    std::uint32_t below(std::uint32_t end) noexcept { return (*this)() % end; }

private:
    std::uint32_t state_;
};

#endif
