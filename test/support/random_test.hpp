// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_RANDOM_TEST_HPP
#define VMEM_TEST_SUPPORT_RANDOM_TEST_HPP

#include <cstdint>
#include <cstdlib>
#include <random>

/// \file
/// What a random test is started with.
namespace vmem::test {

namespace detail {

[[nodiscard]] inline std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 0);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

} // namespace detail

/// The environment variable VMEM_SEED, to replay a failure or to go other ways; else always the
/// same.
[[nodiscard]] inline std::uint64_t random_seed() {
    return detail::number_from("VMEM_SEED", std::mt19937_64::default_seed);
}

/// The environment variable VMEM_OPERATIONS; else `usual`, or a tenth of it under a sanitizer.
[[nodiscard]] inline std::uint64_t random_operations(std::uint64_t usual) {
    return detail::number_from("VMEM_OPERATIONS", detail::sanitized ? usual / 10 : usual);
}

} // namespace vmem::test

#endif
