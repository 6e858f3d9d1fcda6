// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_FINGERPRINT_HPP
#define VMEM_DETAIL_FINGERPRINT_HPP

#include <vmem/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

/// \file
/// How policies remember the keys of what has left: two bytes each.
namespace vmem::detail {

/// What is kept of a key; 0 stands for no key.
using fingerprint = std::uint16_t;

/// Keys below 65535 have fingerprints of their own. Two others have the same one with a probability
/// of 1/65535; then a policy takes what comes in for something that it let go before, and gives it
/// the wrong rank.
[[nodiscard]] constexpr fingerprint fingerprint_of(address key) noexcept {
    std::uint64_t high = std::uint64_t{key} >> 16U;
    // Multiplicative hashing (Knuth, TAOCP 3, 6.4) by 2^64 divided by the golden ratio.
    high = (high * 0x9E3779B97F4A7C15U) >> 48U;
    const auto folded = static_cast<fingerprint>((key ^ high) & 0xFFFFU);
    return static_cast<fingerprint>(folded == 0xFFFFU ? folded : folded + 1U);
}

/// The last `Count` fingerprints, whatever became of them since: what is taken out leaves a hole
/// until its time is over. RAM: two bytes each, and one index.
template <std::size_t Count>
class recent_fingerprints {
    static_assert(Count >= 1);

public:
    /// Forgets the oldest one. No fingerprint is remembered as none. O(1).
    constexpr void push(fingerprint print) noexcept {
        if (print != 0) {
            ring_[next_] = print;
            next_ = static_cast<index>(next_ + std::size_t{1} < Count ? next_ + 1U : 0U);
        }
    }
    /// Takes `print` out; whether it was there. O(Count).
    [[nodiscard]] constexpr bool take(fingerprint print) noexcept {
        for (fingerprint& remembered : ring_) {
            if (remembered == print) {
                remembered = 0;
                return print != 0;
            }
        }
        return false;
    }

private:
    using index = smallest_uint<Count - 1>;

    std::array<fingerprint, Count> ring_{};
    index next_ = 0;
};

} // namespace vmem::detail

#endif
