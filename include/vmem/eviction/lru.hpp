// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_LRU_HPP
#define VMEM_EVICTION_LRU_HPP

#include <vmem/config.hpp>
#include <vmem/detail/slot_list.hpp>
#include <vmem/eviction/concept.hpp>

#include <concepts>
#include <cstddef>

namespace vmem {

/// Least recently used: evicts the slot whose last use is longest ago. It keeps the exact order,
/// which makes it predictable, and pays for that at each access to another slot than the last one:
/// three loads and six stores, where `clock` and `sieve` do one store.
///
/// RAM: 2 * (Slots + 1) indices (18 bytes for 8 slots).
template <std::size_t Slots>
class lru {
    static_assert(Slots >= 1, "lru: needs at least one slot");

public:
    /// Precondition: `slot` is not held. O(1).
    constexpr void on_insert(std::size_t slot) noexcept { by_use_.push_front(slot); }

    /// Precondition: `slot` is held. O(1), one comparison where `slot` is the last one used.
    constexpr void on_access(std::size_t slot) noexcept { by_use_.move_to_front(slot); }

    /// Precondition: `slot` is held. O(1).
    constexpr void on_remove(std::size_t slot) noexcept { by_use_.erase(slot); }

    /// The least recently used slot for which `evictable(slot)` is true, or `Slots`. Changes
    /// nothing: asked again, it names the same slot. O(Slots), O(1) where the least recently used
    /// one is evictable; calls `evictable` at most once per held slot.
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
        return by_use_.find_from_back(evictable);
    }

private:
    detail::slot_list<Slots> by_use_;
};

static_assert(eviction_policy<lru<8>>);

} // namespace vmem

#endif
