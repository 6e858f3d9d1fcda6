// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_S3_FIFO_HPP
#define VMEM_EVICTION_S3_FIFO_HPP

#include <vmem/config.hpp>
#include <vmem/detail/fingerprint.hpp>
#include <vmem/detail/slot_queues.hpp>
#include <vmem/eviction/concept.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace vmem {

/// S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", SOSP
/// 2023): three first-in-first-out queues. What comes in goes through a small one, a tenth of the
/// slots, and leaves from there unless it is used twice meanwhile; those that are stay in the main
/// one as long as they are used. The third remembers the keys of those that left the small one;
/// what comes back while it is remembered goes to the main queue at once.
///
/// RAM: 6 bytes (48 bits) per slot and 2 bytes per remembered key, of which there are nine tenths
/// of the slots: 70 bytes for 8 slots. From 256 slots on, 64 bits per slot and 16 per key.
///
/// Without keys nothing is recognised, and it misses more often.
template <std::size_t Slots>
class s3_fifo {
    static_assert(Slots >= 1, "s3_fifo: needs at least one slot");

public:
    /// Slots that the small queue has before it gives one away while the main queue has any.
    static constexpr std::size_t small_slots = Slots < 20 ? 1 : Slots / 10;
    /// Keys that are remembered of what has left.
    static constexpr std::size_t ghosts = Slots > small_slots ? Slots - small_slots : 1;

    /// Precondition: `slot` is not held. O(1).
    constexpr void on_insert(std::size_t slot) noexcept { insert(slot, 0, small_queue); }

    /// Precondition: `slot` is not held. O(Slots).
    constexpr void on_insert(std::size_t slot, address key) noexcept {
        const detail::fingerprint print = detail::fingerprint_of(key);
        insert(slot, print, left_.take(print) ? main_queue : small_queue);
    }

    /// Precondition: `slot` is held. One load, one comparison, one store.
    constexpr void on_access(std::size_t slot) noexcept {
        if (uses_[slot] < most_uses) {
            ++uses_[slot];
        }
    }

    /// Precondition: `slot` is held. O(1).
    constexpr void on_remove(std::size_t slot) noexcept {
        if (queues_.queue_of(slot) == small_queue) {
            left_.push(prints_[slot]);
        }
        queues_.erase(slot);
    }

    /// The oldest slot of the small queue that was used less than twice, where that queue has its
    /// share; else the oldest of the main queue that was not used since it last came by; else the
    /// oldest of the small queue; or `Slots` if `evictable(slot)` is true for none. A slot that is
    /// not evictable keeps its place. Asked again, it names the same slot, unless that was used
    /// meanwhile. O(Slots); calls `evictable` at most five times per held slot.
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
        std::size_t slot = Slots;
        if (queues_.size(small_queue) >= small_slots) {
            slot = victim_of_small(evictable);
        }
        if (slot == Slots) {
            slot = victim_of_main(evictable);
        }
        return slot == Slots ? queues_.find_from_back(small_queue, evictable) : slot;
    }

private:
    static constexpr std::size_t small_queue = 0;
    static constexpr std::size_t main_queue = 1;
    static constexpr char8_t most_uses = 3;

    constexpr void insert(std::size_t slot, detail::fingerprint print, std::size_t queue) noexcept {
        prints_[slot] = print;
        uses_[slot] = 0;
        queues_.push_front(queue, slot);
    }

    template <class Evictable>
    [[nodiscard]] constexpr std::size_t victim_of_small(Evictable& evictable) noexcept {
        for (std::size_t slot = queues_.back(small_queue); slot != Slots;) {
            const std::size_t newer = queues_.toward_front(slot);
            if (evictable(slot)) {
                if (uses_[slot] < 2) {
                    return slot;
                }
                queues_.move_to_front(main_queue, slot);
                uses_[slot] = 0;
            }
            slot = newer;
        }
        return Slots;
    }

    template <class Evictable>
    [[nodiscard]] constexpr std::size_t victim_of_main(Evictable& evictable) noexcept {
        std::size_t slot = queues_.back(main_queue);
        for (std::size_t left = queues_.size(main_queue) * (most_uses + 1U); left != 0; --left) {
            const std::size_t newer = queues_.toward_front(slot);
            if (evictable(slot)) {
                if (uses_[slot] == 0) {
                    return slot;
                }
                --uses_[slot];
                queues_.move_to_front(main_queue, slot);
            }
            slot = newer != Slots ? newer : queues_.back(main_queue);
        }
        return Slots;
    }

    std::array<detail::fingerprint, Slots> prints_{};
    detail::recent_fingerprints<ghosts> left_;
    detail::slot_queues<Slots, 2> queues_;
    // Not a byte type: a store to one may alias every object, so that after each access the
    // compiler would load the heap's own fields again.
    std::array<char8_t, Slots> uses_{};
};

static_assert(eviction_policy<s3_fifo<8>>);
static_assert(remembers_keys<s3_fifo<8>>);

} // namespace vmem

#endif
