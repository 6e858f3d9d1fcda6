// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_LIRS_HPP
#define VMEM_EVICTION_LIRS_HPP

#include <vmem/config.hpp>
#include <vmem/detail/fingerprint.hpp>
#include <vmem/detail/slot_queues.hpp>
#include <vmem/eviction/concept.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace vmem {

/// LIRS (Jiang, Zhang, "LIRS: an efficient low inter-reference recency set replacement policy",
/// SIGMETRICS 2002): keeps what is used again after few other things were used, and evicts from the
/// rest, a hundredth of the slots, whatever comes in without such a history. A loop over more than
/// fits keeps what it can, where `lru` keeps nothing.
///
/// The stack, in order of last use, holds the slots that stay ("low" ones), and above the lowest of
/// them other slots and keys of what has left; what is used again while it is there becomes low,
/// and the lowest low slot goes back to the queue from which slots leave.
///
/// In one thing it is not the paper's: an access to the slot used last is still the same use. A
/// scan that looks at several elements of a page would seem to use each page several times.
///
/// RAM: 13 bytes (104 bits) per slot, 5 of which are for a key of what has left, and 7 indices (112
/// bytes for 8 slots). From 128 slots on 17 bytes per slot, 7 for a key; from 256 on 19.
///
/// Without keys nothing is recognised, and it misses more often.
template <std::size_t Slots>
class lirs {
    static_assert(Slots >= 1, "lirs: needs at least one slot");

public:
    /// Slots that may be low.
    static constexpr std::size_t low_slots =
        Slots == 1 ? 1 : Slots - (Slots < 200 ? 1 : Slots / 100);
    /// Keys that are remembered of what has left.
    static constexpr std::size_t ghosts = Slots;

    /// Precondition: `slot` is not held. O(Slots).
    constexpr void on_insert(std::size_t slot) noexcept { insert(slot, 0); }

    /// Precondition: `slot` is not held. O(Slots).
    constexpr void on_insert(std::size_t slot, address key) noexcept {
        insert(slot, detail::fingerprint_of(key));
    }

    /// Precondition: `slot` is held. One comparison where `slot` is the last one used, else O(1) on
    /// average and O(Slots) at worst.
    constexpr void on_access(std::size_t slot) noexcept {
        if (stack_.front(0) == slot) {
            return;
        }
        const bool in_stack = stack_.queue_of(slot) == 0;
        if (in_stack) {
            stack_.erase(slot);
        }
        stack_.push_front(0, slot);
        if (queue_.queue_of(slot) == 0) {
            if (in_stack) {
                queue_.erase(slot);
                make_low();
            } else {
                queue_.move_to_front(0, slot);
            }
        }
        prune();
    }

    /// Precondition: `slot` is held. O(Slots).
    constexpr void on_remove(std::size_t slot) noexcept {
        const bool in_stack = stack_.queue_of(slot) == 0;
        if (queue_.queue_of(slot) != 0) {
            --low_;
            stack_.erase(slot);
            prune();
            return;
        }
        queue_.erase(slot);
        if (in_stack && prints_[slot] != 0) {
            const std::size_t ghost = free_ghost();
            prints_[ghost] = prints_[slot];
            stack_.replace(slot, ghost);
        } else if (in_stack) {
            stack_.erase(slot);
        }
    }

    /// The slot that has been longest in the queue, else the low one whose last use is longest ago,
    /// for which `evictable(slot)` is true; or `Slots`. Changes nothing: asked again, it names the
    /// same slot. O(Slots), O(1) where the first one is evictable; calls `evictable` at most once
    /// per held slot.
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
        const std::size_t slot = queue_.find_from_back(0, evictable);
        if (slot != Slots) {
            return slot;
        }
        const std::size_t low = stack_.find_from_back(0, [&](std::size_t node) {
            return node < Slots && queue_.queue_of(node) != 0 && evictable(node);
        });
        return low < Slots ? low : Slots;
    }

private:
    // Each has one queue, number 0; what is in none has `queue_of` 1. The nodes from `Slots` on are
    // of keys.
    using stack = detail::slot_queues<Slots + ghosts, 1>;

    constexpr void insert(std::size_t slot, detail::fingerprint print) noexcept {
        const std::size_t ghost = ghost_of(print);
        if (ghost != stack::none) {
            stack_.erase(ghost);
        }
        prints_[slot] = print;
        stack_.push_front(0, slot);
        if (ghost != stack::none || low_ < low_slots) {
            make_low();
        } else {
            queue_.push_front(0, slot);
        }
        prune();
    }

    /// Counts the slot on top of the stack as low; if there are too many, the lowest is none more.
    constexpr void make_low() noexcept {
        if (low_ < low_slots) {
            ++low_;
            return;
        }
        const std::size_t lowest = stack_.back(0);
        stack_.erase(lowest);
        queue_.push_front(0, lowest);
    }

    /// Takes off the stack what is below the lowest low slot.
    constexpr void prune() noexcept {
        for (std::size_t node = stack_.back(0);
             node != stack::none && (node >= Slots || queue_.queue_of(node) == 0);
             node = stack_.back(0)) {
            stack_.erase(node);
        }
    }

    [[nodiscard]] constexpr std::size_t ghost_of(detail::fingerprint print) const noexcept {
        for (std::size_t node = Slots; print != 0 && node != stack::none; ++node) {
            if (prints_[node] == print && stack_.queue_of(node) == 0) {
                return node;
            }
        }
        return stack::none;
    }
    /// A node for a key, if need be that of the key used longest ago.
    [[nodiscard]] constexpr std::size_t free_ghost() noexcept {
        for (std::size_t node = Slots; node != stack::none; ++node) {
            if (stack_.queue_of(node) != 0) {
                return node;
            }
        }
        const std::size_t oldest =
            stack_.find_from_back(0, [](std::size_t node) { return node >= Slots; });
        stack_.erase(oldest);
        return oldest;
    }

    std::array<detail::fingerprint, Slots + ghosts> prints_{};
    stack stack_;
    detail::slot_queues<Slots, 1> queue_;
    detail::smallest_uint<Slots> low_ = 0;
};

static_assert(eviction_policy<lirs<8>>);
static_assert(remembers_keys<lirs<8>>);

} // namespace vmem

#endif
