// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_CONFIG_HPP
#define VMEM_CONFIG_HPP

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace vmem {

/// A byte offset into a storage: the machine's natural size, but at least 32 bits, so that an 8-bit
/// processor reaches megabytes and a 32-bit one pays for no 64-bit arithmetic.
/// In a heap's virtual memory, address 0 is the null pointer.
using address = std::conditional_t<(sizeof(std::size_t) < 4), std::uint_least32_t, std::size_t>;

namespace detail {

/// The smallest unsigned type that holds every value in `0..Max`.
template <std::uintmax_t Max>
using smallest_uint = std::conditional_t<
    (Max <= (std::numeric_limits<std::uint8_t>::max)()), std::uint8_t,
    std::conditional_t<(Max <= (std::numeric_limits<std::uint16_t>::max)()), std::uint16_t,
                       std::conditional_t<(Max <= (std::numeric_limits<std::uint32_t>::max)()),
                                          std::uint32_t, std::uint64_t>>>;

/// Rounds `value` up to a multiple of `alignment`, a power of two.
/// Precondition: the result is representable.
template <class U>
[[nodiscard]] constexpr U align_up(U value, std::type_identity_t<U> alignment) noexcept {
    return static_cast<U>((value + (alignment - 1)) & ~(alignment - 1));
}

/// Rounds `value` down to a multiple of `alignment`, a power of two.
template <class U>
[[nodiscard]] constexpr U align_down(U value, std::type_identity_t<U> alignment) noexcept {
    return static_cast<U>(value & ~(alignment - 1));
}

/// `std::min` without <algorithm>, which costs 26 000 lines.
template <class U>
[[nodiscard]] constexpr U lesser(U a, std::type_identity_t<U> b) noexcept {
    return b < a ? b : a;
}

} // namespace detail
} // namespace vmem

#endif
