// SPDX-License-Identifier: BSL-1.0
#ifndef AGING_HPP
#define AGING_HPP

#include <cstddef>
#include <cstdint>

/// An eviction policy of our own. Each slot has an age of 8 bits: a use sets the highest, and each
/// time that something has to leave, all are shifted down. So the one with the lowest age was used
/// least in the recent past ("aging", a textbook approximation of least frequently used).
///
/// A policy knows slots 0..Slots-1 and nothing of what is in them. What it holds is in `held_`.
template <std::size_t Slots>
class aging {
public:
    void on_insert(std::size_t slot) noexcept {
        held_[slot] = true;
        age_[slot] = 0x80;
    }
    // The hot path: one store.
    void on_access(std::size_t slot) noexcept { age_[slot] |= 0x80; }
    void on_remove(std::size_t slot) noexcept { held_[slot] = false; }

    /// The slot that should leave among those for which `evictable(slot)` is true; Slots if there
    /// is none.
    template <class Evictable>
    [[nodiscard]] std::size_t victim(Evictable evictable) noexcept {
        std::size_t oldest = Slots;
        for (std::size_t slot = 0; slot < Slots; ++slot) {
            if (held_[slot] && evictable(slot) && (oldest == Slots || age_[slot] < age_[oldest])) {
                oldest = slot;
            }
        }
        for (std::uint8_t& age : age_) {
            age = static_cast<std::uint8_t>(age >> 1);
        }
        return oldest;
    }

private:
    std::uint8_t age_[Slots] = {};
    bool held_[Slots] = {};
};

#endif
