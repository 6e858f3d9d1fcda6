// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_SIEVE_HPP
#define VMEM_EVICTION_SIEVE_HPP

#include <vmem/config.hpp>
#include <vmem/eviction/concept.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace vmem {

/// SIEVE (Zhang, Yang, Yue, Vigfusson, Rashmi, "SIEVE is simpler than LRU", NSDI 2024) in a ring
/// instead of a linked list. A hand walks from the oldest slot towards the newest, clears the bit
/// of those used since it last came by and evicts the first one that was not. Unlike the hand of
/// `clock` it does not meet a new slot only after a whole round, so that what is used once leaves
/// soon.
///
/// RAM: one byte and one index per slot, and three indices (19 bytes for 8 slots).
///
/// The ring holds the slots in order of age. When one is removed, the oldest takes its place, with
/// its bit, and the place of the oldest becomes the next newest one: O(1), and no links. The
/// slot that comes in then is the newest, and may be the next that the hand meets.
///
/// Not for loops that take turns between pages, element by element: docs/eviction/sieve.md says
/// why.
template <std::size_t Slots>
class sieve {
    static_assert(Slots >= 1, "sieve: needs at least one slot");

public:
    /// Precondition: `slot` is not held. O(1).
    constexpr void on_insert(std::size_t slot) noexcept {
        const std::size_t end = std::size_t{tail_} + held_;
        ring_[end < Slots ? end : end - Slots] = static_cast<index>(slot);
        ++held_;
        visited_[slot] = false;
    }

    /// Precondition: `slot` is held. One store.
    constexpr void on_access(std::size_t slot) noexcept { visited_[slot] = true; }

    /// Precondition: `slot` is held. O(1) for the slot that `victim` has just named, else O(Slots).
    constexpr void on_remove(std::size_t slot) noexcept {
        const index at = position(slot);
        ring_[at] = ring_[tail_];
        // The hand goes on to the next newer place: at `at` is now a slot older than it, and at the
        // tail nothing.
        if (hand_ == at || hand_ == tail_) {
            hand_ = next(hand_);
        }
        tail_ = next(tail_);
        --held_;
    }

    /// The next slot, from the hand towards newer ones and round again, that was not used since the
    /// hand last came by and for which `evictable(slot)` is true; or `Slots`. A slot that is not
    /// evictable keeps its bit: while pinned it is in use without being accessed. The hand stays at
    /// the slot that it names until that is removed: asked again, it names the same one, unless
    /// that was used meanwhile. O(Slots): at most two sweeps, so that `evictable` is called at most
    /// twice per held slot.
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
        if (!occupied(hand_)) {
            hand_ = tail_;
        }
        for (std::size_t left = std::size_t{2} * held_; left != 0; --left) {
            const std::size_t slot = ring_[hand_];
            if (evictable(slot)) {
                if (!visited_[slot]) {
                    return slot;
                }
                visited_[slot] = false;
            }
            const index newer = next(hand_);
            hand_ = occupied(newer) ? newer : tail_;
        }
        return Slots;
    }

private:
    /// A slot, or a place in the ring.
    using index = detail::smallest_uint<Slots - 1>;

    [[nodiscard]] static constexpr index next(index place) noexcept {
        const std::size_t following = std::size_t{place} + 1;
        return static_cast<index>(following < Slots ? following : 0);
    }

    /// Whether one of the `held_` places from `tail_` on is `place`.
    [[nodiscard]] constexpr bool occupied(index place) const noexcept {
        const std::size_t age =
            place >= tail_ ? std::size_t{place} - tail_ : std::size_t{place} + Slots - tail_;
        return age < held_;
    }

    /// Where `slot` is. Places that are not occupied still show the slot that was there.
    [[nodiscard]] constexpr index position(std::size_t slot) const noexcept {
        if (ring_[hand_] == slot && occupied(hand_)) {
            return hand_;
        }
        index place = tail_;
        for (std::size_t left = held_; left > 1 && ring_[place] != slot; --left) {
            place = next(place);
        }
        return place;
    }

    // bool, not a byte: a store to a byte type may alias every object, so that after each access
    // the compiler would load the heap's own fields again.
    std::array<bool, Slots> visited_{};
    std::array<index, Slots> ring_{};
    /// The place of the oldest slot.
    index tail_ = 0;
    /// Always one of the occupied places, or the one that the next slot takes.
    index hand_ = 0;
    detail::smallest_uint<Slots> held_ = 0;
};

static_assert(eviction_policy<sieve<8>>);

} // namespace vmem

#endif
