// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_CLOCK_HPP
#define VMEM_EVICTION_CLOCK_HPP

#include <vmem/config.hpp>
#include <vmem/detail/slot_list.hpp>
#include <vmem/eviction/concept.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace vmem {

/// CLOCK, also called second chance (Corbato, "A paging experiment with the Multics system", 1968):
/// a hand goes round the slots, clears the reference bit of those used since it last came by, and
/// evicts the first one that was not. Close to `lru` for one store per access.
///
/// RAM: one byte and one bit per slot, and one index (10 bytes for 8 slots).
///
/// Write `vmem::clock`: with `using namespace vmem`, the bare name is ambiguous where <time.h> has
/// declared the C function of that name.
template <std::size_t Slots>
class clock {
    static_assert(Slots >= 1, "clock: needs at least one slot");

public:
    /// Precondition: `slot` is not held. O(1).
    constexpr void on_insert(std::size_t slot) noexcept {
        held_.insert(slot);
        // Clear, not set: what is used once leaves after one round of the hand instead of two.
        referenced_[slot] = false;
    }

    /// Precondition: `slot` is held. One store.
    constexpr void on_access(std::size_t slot) noexcept { referenced_[slot] = true; }

    /// Precondition: `slot` is held. O(1).
    constexpr void on_remove(std::size_t slot) noexcept { held_.erase(slot); }

    /// The next slot that is held, not used since the hand last came by, and for which
    /// `evictable(slot)` is true; or `Slots`. A slot that is not evictable keeps its bit: while
    /// pinned it is in use without being accessed. The hand moves on, so that a caller that could
    /// not save the contents is offered another slot next. O(Slots): at most two rounds, so that
    /// `evictable` is called at most twice per held slot.
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
        for (std::size_t left = 2 * Slots; left != 0; --left) {
            const std::size_t slot = hand_;
            hand_ = static_cast<index>(slot + 1 < Slots ? slot + 1 : 0);
            if (!held_.contains(slot) || !evictable(slot)) {
                continue;
            }
            if (!referenced_[slot]) {
                return slot;
            }
            referenced_[slot] = false;
        }
        return Slots;
    }

private:
    using index = detail::smallest_uint<Slots - 1>;

    // bool, not a byte: a store to a byte type may alias every object, so that after each access
    // the compiler would load the heap's own fields again.
    std::array<bool, Slots> referenced_{};
    detail::slot_set<Slots> held_;
    index hand_ = 0;
};

static_assert(eviction_policy<clock<8>>);

} // namespace vmem

#endif
