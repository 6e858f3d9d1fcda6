// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_TWO_QUEUE_HPP
#define VMEM_EVICTION_TWO_QUEUE_HPP

#include <vmem/config.hpp>
#include <vmem/detail/fingerprint.hpp>
#include <vmem/detail/slot_queues.hpp>
#include <vmem/eviction/concept.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace vmem {

/// 2Q, in full (Johnson, Shasha, "2Q: a low overhead high performance buffer management replacement
/// algorithm", VLDB 1994): what comes in goes through a first-in-first-out queue, a quarter of the
/// slots, used or not; the keys of what leaves it are remembered. What comes back while it is
/// remembered goes to an LRU order, which has the rest of the slots. However often something
/// new is used, as a page by a loop over its elements, that is one use, and a scan leaves no trace.
///
/// RAM: 5 bytes (40 bits) per slot, 2 bytes per remembered key, of which there are half as many as
/// slots, and 8 bytes (56 bytes for 8 slots). From 256 slots on 7 bytes per slot.
///
/// Without keys it is `fifo`.
template <std::size_t Slots>
class two_queue {
    static_assert(Slots >= 1, "two_queue: needs at least one slot");

public:
    /// Slots that the queue of new things keeps while the others have any: the paper's Kin.
    static constexpr std::size_t new_slots = Slots < 4 ? 1 : Slots / 4;
    /// Keys that are remembered of what has left: the paper's Kout.
    static constexpr std::size_t ghosts = Slots < 2 ? 1 : Slots / 2;

    /// Precondition: `slot` is not held. O(1).
    constexpr void on_insert(std::size_t slot) noexcept {
        prints_[slot] = 0;
        queues_.push_front(fresh, slot);
    }

    /// Precondition: `slot` is not held. O(Slots).
    constexpr void on_insert(std::size_t slot, address key) noexcept {
        const detail::fingerprint print = detail::fingerprint_of(key);
        prints_[slot] = print;
        queues_.push_front(left_.take(print) ? known : fresh, slot);
    }

    /// Precondition: `slot` is held. O(1): one comparison where `slot` is new, two where it is the
    /// last one used of the others.
    constexpr void on_access(std::size_t slot) noexcept {
        if (queues_.queue_of(slot) == known) {
            queues_.move_to_front(known, slot);
        }
    }

    /// Precondition: `slot` is held. O(1).
    constexpr void on_remove(std::size_t slot) noexcept {
        if (queues_.queue_of(slot) == fresh) {
            left_.push(prints_[slot]);
        }
        queues_.erase(slot);
    }

    /// The oldest of the new slots if they are more than `new_slots`, else the least recently used
    /// of the others, else any, for which `evictable(slot)` is true; or `Slots`. Changes nothing:
    /// asked again, it names the same slot. O(Slots), O(1) where the first one is evictable; calls
    /// `evictable` at most once per held slot.
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
        const std::size_t first = queues_.size(fresh) > new_slots ? fresh : known;
        const std::size_t slot = queues_.find_from_back(first, evictable);
        return slot != Slots ? slot
                             : queues_.find_from_back(first == fresh ? known : fresh, evictable);
    }

private:
    // The paper's A1in and Am; A1out is `left_`.
    static constexpr std::size_t fresh = 0;
    static constexpr std::size_t known = 1;

    std::array<detail::fingerprint, Slots> prints_{};
    detail::recent_fingerprints<ghosts> left_;
    detail::slot_queues<Slots, 2> queues_;
};

static_assert(eviction_policy<two_queue<8>>);
static_assert(remembers_keys<two_queue<8>>);

} // namespace vmem

#endif
