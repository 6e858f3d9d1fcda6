// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_RANDOM_HPP
#define VMEM_EVICTION_RANDOM_HPP

#include <vmem/config.hpp>
#include <vmem/detail/slot_list.hpp>
#include <vmem/eviction/concept.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace vmem {

/// Evicts any evictable slot with equal probability. The smallest state there is, an access costs
/// nothing, and no access pattern is its worst case: a loop that is a little too large for the
/// slots misses in part, where all the others miss always. The choices are pseudo-random and the
/// same in each run.
///
/// RAM: one bit per slot and 4 bytes (8 bytes for 8 slots).
///
/// Not called `random`: with `using namespace vmem` that would make calls of the POSIX and Arduino
/// function of that name ambiguous.
template <std::size_t Slots>
class random_eviction {
    static_assert(Slots >= 1, "random_eviction: needs at least one slot");
    static_assert(Slots <= UINT32_MAX, "random_eviction: at most 2^32 - 1 slots");

public:
    /// Precondition: `slot` is not held. O(1).
    constexpr void on_insert(std::size_t slot) noexcept { held_.insert(slot); }

    constexpr void on_access(std::size_t) noexcept {}

    /// Precondition: `slot` is held. O(1).
    constexpr void on_remove(std::size_t slot) noexcept { held_.erase(slot); }

    /// One of the held slots for which `evictable(slot)` is true, each with equal probability, or
    /// `Slots`. Asked again, it draws again. O(1) where all are, else O(Slots); calls `evictable`
    /// at most three times per held slot.
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
        const auto candidate = [&](std::size_t slot) {
            return held_.contains(slot) && evictable(slot);
        };
        const std::size_t guess = draw(Slots);
        if (candidate(guess)) {
            return guess;
        }
        // To take the neighbour of a wrong guess would favour those that follow a pinned slot.
        std::size_t candidates = 0;
        for (std::size_t slot = 0; slot != Slots; ++slot) {
            candidates += candidate(slot) ? 1U : 0U;
        }
        if (candidates == 0) {
            return Slots;
        }
        std::size_t slot = 0;
        for (std::size_t before = draw(candidates); slot != Slots; ++slot) {
            if (candidate(slot) && before-- == 0) {
                break;
            }
        }
        return slot;
    }

private:
    /// One of `0..bound-1`. A linear congruential generator modulo 2^32 (Knuth, TAOCP 2, 3.2.1; the
    /// multiplier is from 3.3.4, table 1), of which only the high bits are good and decide here.
    [[nodiscard]] constexpr std::size_t draw(std::size_t bound) noexcept {
        state_ = state_ * 1664525U + 1013904223U;
        return static_cast<std::size_t>((std::uint64_t{state_} * bound) >> 32U);
    }

    std::uint32_t state_ = 0;
    detail::slot_set<Slots> held_;
};

static_assert(eviction_policy<random_eviction<8>>);

} // namespace vmem

#endif
