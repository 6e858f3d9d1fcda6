// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_CLOCK_HPP
#define VMEM_EVICTION_CLOCK_HPP

#include <vmem/config.hpp>
#include <vmem/eviction/concept.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace vmem {

/// CLOCK, also called second chance (Corbato, "A paging experiment with the Multics system", 1968):
/// a hand goes round the slots, clears the reference bit of those used since it last came by, and
/// evicts the first one that was not. Close to `lru` for one store per access.
///
/// RAM: one byte per slot, and one index (9 bytes for 8 slots).
///
/// Write `vmem::clock`: with `using namespace vmem`, the bare name is ambiguous where <time.h> has
/// declared the C function of that name.
template <std::size_t Slots>
class clock {
    static_assert(Slots >= 1, "clock: needs at least one slot");

public:
    /// Precondition: `slot` is not held. O(1).
    constexpr void on_insert(std::size_t slot) noexcept {
        // Not used yet: what is used once leaves after one round of the hand instead of two.
        states_[slot] = state::held;
    }

    /// Precondition: `slot` is held. One store.
    constexpr void on_access(std::size_t slot) noexcept { states_[slot] = state::used; }

    /// Precondition: `slot` is held. O(1).
    constexpr void on_remove(std::size_t slot) noexcept { states_[slot] = state::empty; }

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
            if (states_[slot] == state::empty || !evictable(slot)) {
                continue;
            }
            if (states_[slot] == state::held) {
                return slot;
            }
            states_[slot] = state::held;
        }
        return Slots;
    }

private:
    using index = detail::smallest_uint<Slots - 1>;

    // Not a byte: a store to a byte type may alias every object, so that after each access the
    // compiler would load the heap's own fields again.
    enum class state : std::uint8_t { empty, held, used };

    std::array<state, Slots> states_{};
    index hand_ = 0;
};

static_assert(eviction_policy<clock<8>>);

} // namespace vmem

#endif
