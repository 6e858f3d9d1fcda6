// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_CLOCK_BITS_HPP
#define VMEM_EVICTION_CLOCK_BITS_HPP

#include <vmem/config.hpp>
#include <vmem/detail/slot_list.hpp>
#include <vmem/eviction/concept.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace vmem {

/// `clock` that counts (A. J. Smith, "Sequentiality and prefetching in database systems", ACM TODS
/// 1978, calls it GCLOCK): each slot has a counter of `Bits` bits instead of one reference bit. An
/// access adds one up to the largest count, the hand takes one away as it passes, and what it finds
/// at zero leaves. With one bit it is `clock`.
///
/// RAM: one byte and one bit (9 bits) per slot, and one index (10 bytes for 8 slots), whatever
/// `Bits` is.
template <std::size_t Slots, unsigned Bits>
class basic_clock {
    static_assert(Slots >= 1, "clock_bits: needs at least one slot");
    static_assert(Bits >= 1 && Bits <= 4,
                  "clock_bits: 1 to 4 bits; the hand goes 2^Bits rounds at worst");

public:
    /// Precondition: `slot` is not held. O(1).
    constexpr void on_insert(std::size_t slot) noexcept {
        held_.insert(slot);
        uses_[slot] = 0;
    }

    /// Precondition: `slot` is held. One load, one comparison, one store.
    constexpr void on_access(std::size_t slot) noexcept {
        if (uses_[slot] < most_uses) {
            ++uses_[slot];
        }
    }

    /// Precondition: `slot` is held. O(1).
    constexpr void on_remove(std::size_t slot) noexcept { held_.erase(slot); }

    /// The first slot that the hand finds held, with a count of zero and for which
    /// `evictable(slot)` is true; or `Slots`. A slot that is not evictable keeps its count. The
    /// hand moves on, so that a caller that could not save the contents is offered another slot
    /// next. O(Slots): at most 2^Bits rounds, so that `evictable` is called at most that often per
    /// held slot.
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
        for (std::size_t left = (std::size_t{most_uses} + 1) * Slots; left != 0; --left) {
            const std::size_t slot = hand_;
            hand_ = static_cast<index>(slot + 1 < Slots ? slot + 1 : 0);
            if (!held_.contains(slot) || !evictable(slot)) {
                continue;
            }
            if (uses_[slot] == 0) {
                return slot;
            }
            --uses_[slot];
        }
        return Slots;
    }

private:
    using index = detail::smallest_uint<Slots - 1>;
    static constexpr char8_t most_uses = (1U << Bits) - 1U;

    // Not a byte type: a store to one may alias every object, so that after each access the
    // compiler would load the heap's own fields again.
    std::array<char8_t, Slots> uses_{};
    detail::slot_set<Slots> held_;
    index hand_ = 0;
};

/// `clock_bits<Bits>::policy` is `basic_clock` in the form that heaps take.
template <unsigned Bits>
struct clock_bits {
    template <std::size_t Slots>
    using policy = basic_clock<Slots, Bits>;
};

static_assert(eviction_policy<clock_bits<2>::policy<8>>);

} // namespace vmem

#endif
