// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_FIFO_HPP
#define VMEM_EVICTION_FIFO_HPP

#include <vmem/config.hpp>
#include <vmem/detail/slot_list.hpp>
#include <vmem/eviction/concept.hpp>

#include <concepts>
#include <cstddef>

namespace vmem {

/// First in, first out: evicts the slot that has been held longest, used or not. An access costs
/// nothing at all.
///
/// RAM: 2 * (Slots + 1) indices (18 bytes for 8 slots).
template <std::size_t Slots>
class fifo {
    static_assert(Slots >= 1, "fifo: needs at least one slot");

public:
    /// Precondition: `slot` is not held. O(1).
    constexpr void on_insert(std::size_t slot) noexcept { by_age_.push_front(slot); }

    constexpr void on_access(std::size_t) noexcept {}

    /// Precondition: `slot` is held. O(1).
    constexpr void on_remove(std::size_t slot) noexcept { by_age_.erase(slot); }

    /// The longest-held slot for which `evictable(slot)` is true, or `Slots`. Changes nothing:
    /// asked again, it names the same slot. O(Slots), O(1) where the longest-held one is evictable;
    /// calls `evictable` at most once per held slot.
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
        return by_age_.find_from_back(evictable);
    }

private:
    detail::slot_list<Slots> by_age_;
};

static_assert(eviction_policy<fifo<8>>);

} // namespace vmem

#endif
