// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_ARC_HPP
#define VMEM_EVICTION_ARC_HPP

#include <vmem/config.hpp>
#include <vmem/detail/fingerprint.hpp>
#include <vmem/detail/slot_queues.hpp>
#include <vmem/eviction/concept.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace vmem {

/// ARC, the adaptive replacement cache (Megiddo, Modha, "ARC: a self-tuning, low overhead
/// replacement cache", FAST 2003): one LRU order of what was used once, one of what was used
/// again, and the keys of what has left either. Each time something comes back that is remembered,
/// the order that it left gets a larger share of the slots.
///
/// In two things it is not the paper's. The victim leaves before it is known what comes in, so that
/// the shares change one eviction later. And an access to the slot used last is still the same use:
/// a scan that looks at several elements of a page would seem to use each page again.
///
/// RAM: 10 bytes (80 bits) per slot, 5 of which are for a key of what has left, and 19 bytes (100
/// bytes for 8 slots). From 128 slots on 14 bytes per slot, 7 for a key.
///
/// Without keys nothing is recognised, and the shares never change.
template <std::size_t Slots>
class arc {
    static_assert(Slots >= 1, "arc: needs at least one slot");

public:
    /// Keys that are remembered of what has left: as many as slots, and one while a slot is free.
    static constexpr std::size_t ghosts = Slots + 1;

    /// Precondition: `slot` is not held. O(1).
    constexpr void on_insert(std::size_t slot) noexcept { insert(slot, 0, once); }

    /// Precondition: `slot` is not held. O(Slots).
    constexpr void on_insert(std::size_t slot, address key) noexcept {
        const detail::fingerprint print = detail::fingerprint_of(key);
        const std::size_t ghost = ghost_of(print);
        if (ghost == nodes::none) {
            insert(slot, print, once);
            return;
        }
        adapt(nodes_.queue_of(ghost));
        nodes_.erase(ghost);
        insert(slot, print, again);
    }

    /// Precondition: `slot` is held. One comparison where `slot` is the last one used, else O(1).
    constexpr void on_access(std::size_t slot) noexcept {
        if (slot != last_) {
            last_ = static_cast<index>(slot);
            nodes_.move_to_front(again, slot);
        }
    }

    /// Precondition: `slot` is held. O(Slots).
    constexpr void on_remove(std::size_t slot) noexcept {
        const std::size_t left = nodes_.queue_of(slot) == once ? left_once : left_again;
        nodes_.erase(slot);
        if (prints_[slot] != 0) {
            const std::size_t ghost = free_ghost();
            prints_[ghost] = prints_[slot];
            nodes_.push_front(left, ghost);
        }
    }

    /// The least recently used slot for which `evictable(slot)` is true, of those used once if they
    /// have more than their share, else of the others, else of any; or `Slots`. Changes nothing:
    /// asked again, it names the same slot. O(Slots), O(1) where the first one is evictable; calls
    /// `evictable` at most once per held slot.
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
        const std::size_t first = nodes_.size(once) > share_ ? once : again;
        std::size_t slot = nodes_.find_from_back(first, evictable);
        if (slot == nodes::none) {
            slot = nodes_.find_from_back(first == once ? again : once, evictable);
        }
        return slot == nodes::none ? Slots : slot;
    }

private:
    /// The nodes from `Slots` on are of keys.
    using nodes = detail::slot_queues<Slots + ghosts, 4>;
    using index = detail::smallest_uint<Slots - 1>;

    // The paper's T1, T2, B1 and B2.
    static constexpr std::size_t once = 0;
    static constexpr std::size_t again = 1;
    static constexpr std::size_t left_once = 2;
    static constexpr std::size_t left_again = 3;

    constexpr void insert(std::size_t slot, detail::fingerprint print, std::size_t queue) noexcept {
        prints_[slot] = print;
        last_ = static_cast<index>(slot);
        nodes_.push_front(queue, slot);
        if (nodes_.size(left_once) != 0 && nodes_.size(once) + nodes_.size(left_once) > Slots) {
            nodes_.erase(nodes_.back(left_once));
        }
        if (nodes_.size(left_once) + nodes_.size(left_again) > Slots) {
            nodes_.erase(nodes_.back(nodes_.size(left_again) != 0 ? left_again : left_once));
        }
    }

    /// Something comes back that is still in the queue `left`: what leaves from there should have
    /// stayed longer.
    constexpr void adapt(std::size_t left) noexcept {
        const std::size_t of_once = nodes_.size(left_once);
        const std::size_t of_again = nodes_.size(left_again);
        if (left == left_once) {
            const std::size_t step = of_again < of_once ? 1 : of_again / of_once;
            share_ = static_cast<count>(Slots - share_ < step ? Slots : share_ + step);
        } else {
            const std::size_t step = of_once < of_again ? 1 : of_once / of_again;
            share_ = static_cast<count>(share_ < step ? 0 : share_ - step);
        }
    }

    [[nodiscard]] constexpr std::size_t ghost_of(detail::fingerprint print) const noexcept {
        for (std::size_t node = Slots; print != 0 && node != nodes::none; ++node) {
            if (prints_[node] == print && nodes_.queue_of(node) != 4) {
                return node;
            }
        }
        return nodes::none;
    }
    /// A node for a key; if there is none, that of the oldest key in the longer queue.
    [[nodiscard]] constexpr std::size_t free_ghost() noexcept {
        std::size_t node = Slots;
        while (node != nodes::none && nodes_.queue_of(node) != 4) {
            ++node;
        }
        if (node == nodes::none) {
            node = nodes_.back(nodes_.size(left_once) > nodes_.size(left_again) ? left_once
                                                                                : left_again);
            nodes_.erase(node);
        }
        return node;
    }

    using count = detail::smallest_uint<Slots>;

    std::array<detail::fingerprint, Slots + ghosts> prints_{};
    nodes nodes_;
    /// Slots that what was used once may have before it leaves first.
    count share_ = 0;
    index last_ = 0;
};

static_assert(eviction_policy<arc<8>>);
static_assert(remembers_keys<arc<8>>);

} // namespace vmem

#endif
