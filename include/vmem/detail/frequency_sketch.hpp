// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_FREQUENCY_SKETCH_HPP
#define VMEM_DETAIL_FREQUENCY_SKETCH_HPP

#include <vmem/config.hpp>
#include <vmem/detail/fingerprint.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace vmem::detail {

/// How often each of many keys was used lately, up to 15 times, roughly: a count-min sketch
/// (Cormode, Muthukrishnan, "An improved data stream summary", J. Algorithms 2005) of four rows of
/// 4-bit counters that is halved after every `10 * Slots` uses (Einziger, Friedman, Manes,
/// "TinyLFU: a highly efficient cache admission policy", ACM TOS 2017).
///
/// RAM: 8 bytes per slot, `Slots` rounded up to a power of two, and 2 or 4 bytes.
template <std::size_t Slots>
class frequency_sketch {
public:
    /// Uses from one halving to the next.
    static constexpr std::size_t period = 10 * Slots;

    /// O(1), and O(Slots) once in a period. No fingerprint counts as no use.
    constexpr void add(fingerprint print) noexcept {
        if (print == 0) {
            return;
        }
        for (unsigned row = 0; row != rows; ++row) {
            const place at = place_of(print, row);
            if (count_at(at) != 15) {
                octets_[at.octet] = static_cast<std::uint8_t>(octets_[at.octet] + (1U << at.shift));
            }
        }
        if (++uses_ == period) {
            halve();
        }
    }

    /// At least the uses since the last halving and half of those before, 15 at most.
    [[nodiscard]] constexpr unsigned estimate(fingerprint print) const noexcept {
        unsigned least = 15;
        for (unsigned row = 0; row != rows; ++row) {
            least = lesser(least, count_at(place_of(print, row)));
        }
        return least;
    }

private:
    static constexpr unsigned rows = 4;
    /// Counters per row. A counter is half an octet.
    static constexpr std::size_t width = 4 * std::bit_ceil(Slots);
    static_assert(width <= 65536, "tiny_lfu: too many slots");

    struct place {
        std::size_t octet;
        unsigned shift;
    };
    [[nodiscard]] static constexpr place place_of(fingerprint print, unsigned row) noexcept {
        // Multiplicative hashing (Knuth, TAOCP 3, 6.4), with the first 32 bits of the fractional
        // parts of the golden ratio and the square roots of 2, 3 and 11, which are odd.
        constexpr std::array<std::uint32_t, rows> factors{0x9E3779B9U, 0x6A09E667U, 0xBB67AE85U,
                                                          0x510E527FU};
        const std::uint32_t hash = print * factors[row];
        const std::size_t counter = (hash >> 12U) % width;
        return {.octet = row * (width / 2) + counter / 2,
                .shift = static_cast<unsigned>(counter % 2 * 4)};
    }
    [[nodiscard]] constexpr unsigned count_at(place at) const noexcept {
        return static_cast<unsigned>(octets_[at.octet] >> at.shift) & 15U;
    }
    constexpr void halve() noexcept {
        for (std::uint8_t& two : octets_) {
            two = static_cast<std::uint8_t>((two >> 1U) & 0x77U);
        }
        uses_ = static_cast<count>(uses_ / 2);
    }

    using count = smallest_uint<period>;

    std::array<std::uint8_t, rows * width / 2> octets_{};
    count uses_ = 0;
};

} // namespace vmem::detail

#endif
