// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_TINY_LFU_HPP
#define VMEM_EVICTION_TINY_LFU_HPP

#include <vmem/config.hpp>
#include <vmem/detail/fingerprint.hpp>
#include <vmem/detail/frequency_sketch.hpp>
#include <vmem/detail/slot_queues.hpp>
#include <vmem/eviction/concept.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace vmem {

/// W-TinyLFU (Einziger, Friedman, Manes, "TinyLFU: a highly efficient cache admission policy", ACM
/// TOS 2017): what comes in has a small window, a hundredth of the slots, in LRU order. What falls
/// out of it stays only if it was used more often lately, as a sketch of 4-bit counters remembers,
/// than what would have to leave for it. The rest is a segmented LRU order: what is used again is
/// protected, up to four fifths of it.
///
/// In one thing it is not the paper's: an access to the slot used last is still the same use. A
/// scan that looks at several elements of a page would seem to use each page several times.
///
/// RAM: 13 bytes (104 bits) per slot, 8 of which are for the sketch, and 12 bytes (116 bytes for 8
/// slots). From 256 slots on 15 bytes per slot. The sketch rounds the number of slots up to a power
/// of two.
///
/// Without keys it is a segmented LRU order.
template <std::size_t Slots>
class tiny_lfu {
    static_assert(Slots >= 1, "tiny_lfu: needs at least one slot");

public:
    /// Slots of the window.
    static constexpr std::size_t window_slots = Slots < 200 ? 1 : Slots / 100;
    /// Slots that may be protected.
    static constexpr std::size_t protected_slots =
        (Slots - window_slots) * 4 / 5 == 0 ? 1 : (Slots - window_slots) * 4 / 5;

    /// Precondition: `slot` is not held. O(1).
    constexpr void on_insert(std::size_t slot) noexcept { insert(slot, 0); }

    /// Precondition: `slot` is not held. O(1), and O(Slots) once in `5 * Slots` uses.
    constexpr void on_insert(std::size_t slot, address key) noexcept {
        insert(slot, detail::fingerprint_of(key));
    }

    /// Precondition: `slot` is held. One comparison where `slot` is the last one used; else O(1),
    /// of four counters among others, and O(Slots) once in `5 * Slots` uses.
    constexpr void on_access(std::size_t slot) noexcept {
        if (slot == last_) {
            return;
        }
        last_ = static_cast<index>(slot);
        sketch_.add(prints_[slot]);
        if (queues_.queue_of(slot) == window) {
            queues_.move_to_front(window, slot);
            return;
        }
        queues_.move_to_front(kept, slot);
        if (queues_.size(kept) > protected_slots) {
            queues_.move_to_front(trial, queues_.back(kept));
        }
    }

    /// Precondition: `slot` is held. O(1).
    constexpr void on_remove(std::size_t slot) noexcept { queues_.erase(slot); }

    /// Of the slots for which `evictable(slot)` is true, the least recently used one of the window,
    /// or the least recently used one that is not protected if it was used less often; or `Slots`.
    /// In the latter case the window gives up its own, so that, asked again, it names the same
    /// slot. O(Slots), O(1) where the first ones are evictable; calls `evictable` at most once per
    /// held slot.
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
        std::size_t slot = queues_.find_from_back(trial, evictable);
        if (slot == Slots) {
            slot = queues_.find_from_back(kept, evictable);
        }
        if (slot != Slots && queues_.size(window) < window_slots) {
            return slot;
        }
        const std::size_t candidate = queues_.find_from_back(window, evictable);
        if (slot == Slots || candidate == Slots) {
            return slot == Slots ? candidate : slot;
        }
        if (!is_wanted_more(candidate, slot)) {
            return candidate;
        }
        queues_.move_to_front(trial, candidate);
        return slot;
    }

private:
    using index = detail::smallest_uint<Slots - 1>;

    static constexpr std::size_t window = 0;
    // The paper's probation and protected.
    static constexpr std::size_t trial = 1;
    static constexpr std::size_t kept = 2;

    constexpr void insert(std::size_t slot, detail::fingerprint print) noexcept {
        prints_[slot] = print;
        last_ = static_cast<index>(slot);
        sketch_.add(print);
        queues_.push_front(window, slot);
        if (queues_.size(window) > window_slots) {
            queues_.move_to_front(trial, queues_.back(window));
        }
    }

    /// What nobody has counted is let in.
    [[nodiscard]] constexpr bool is_wanted_more(std::size_t slot, std::size_t than) const noexcept {
        return prints_[slot] == 0 ||
               sketch_.estimate(prints_[slot]) > sketch_.estimate(prints_[than]);
    }

    std::array<detail::fingerprint, Slots> prints_{};
    detail::slot_queues<Slots, 3> queues_;
    detail::frequency_sketch<Slots> sketch_;
    index last_ = 0;
};

static_assert(eviction_policy<tiny_lfu<8>>);
static_assert(remembers_keys<tiny_lfu<8>>);

} // namespace vmem

#endif
