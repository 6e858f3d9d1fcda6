// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_PRIORITY_HPP
#define VMEM_EVICTION_PRIORITY_HPP

#include <vmem/config.hpp>
#include <vmem/eviction/concept.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace vmem {

/// How much the contents of a slot are wanted.
enum class priority_level : std::uint8_t { critical = 1, important, normal, low };

/// What `priority` does unless told otherwise. Derive from it to change one thing.
struct priority_defaults {
    /// Percent of the slots that must be held before a clean-up is due, 1 to 100.
    static constexpr unsigned start_percent = 90;
    /// Percent of the slots that a clean-up gives up, 1 to 100.
    static constexpr unsigned free_percent = 30;

    /// The level of what is called `key`: a page number in `paged`.
    [[nodiscard]] static constexpr priority_level level_of(address) noexcept {
        return priority_level::normal;
    }
};

/// The rule of caches of named resources: evicts the slot with the highest score,
///
///     level * (age + 1) / (uses + 1)
///
/// where the age is the number of insertions since the last use, and critical slots leave only when
/// no other can. Between equals, the one of the less important level leaves, then the one with the
/// lower number. (The levels, their numbers and the thresholds are those of the VRAM system, a
/// resource cache for the M5StickC; which gives no formula for the score.)
///
/// RAM: 4 bytes (32 bits) per slot, one index and 2 bytes (36 bytes for 8 slots).
///
/// Levels come from `Rule::level_of(key)` where keys are told, else they are normal; and from
/// `set_level`.
template <std::size_t Slots, class Rule = priority_defaults>
class basic_priority {
    static_assert(Slots >= 1, "priority: needs at least one slot");
    static_assert(Rule::start_percent >= 1 && Rule::start_percent <= 100 &&
                      Rule::free_percent >= 1 && Rule::free_percent <= 100,
                  "priority: thresholds are percentages, 1 to 100");

public:
    /// Held slots from which on a clean-up is due.
    static constexpr std::size_t start_slots = (Slots * Rule::start_percent + 99) / 100;
    /// Slots that a clean-up gives up.
    static constexpr std::size_t free_slots = (Slots * Rule::free_percent + 99) / 100;

    /// Precondition: `slot` is not held. O(1); O(Slots) once in 32768 calls.
    constexpr void on_insert(std::size_t slot) noexcept { insert(slot, priority_level::normal); }

    /// Precondition: `slot` is not held. O(1); O(Slots) once in 32768 calls.
    constexpr void on_insert(std::size_t slot, address key) noexcept {
        insert(slot, Rule::level_of(key));
    }

    /// Precondition: `slot` is held. O(1): two stores.
    constexpr void on_access(std::size_t slot) noexcept {
        entry& used = entries_[slot];
        used.last_use = now_;
        if (used.uses != most_uses) {
            ++used.uses;
        }
    }

    /// Precondition: `slot` is held. O(1).
    constexpr void on_remove(std::size_t slot) noexcept {
        entries_[slot].level = 0;
        --held_;
    }

    /// The slot with the highest score among those for which `evictable(slot)` is true, or `Slots`.
    /// Changes nothing: asked again, it names the same slot. O(Slots); calls `evictable` at most
    /// once per held slot.
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
        std::size_t best = Slots;
        for (std::size_t slot = 0; slot != Slots; ++slot) {
            if (entries_[slot].level != 0 && evictable(slot) &&
                (best == Slots || leaves_before(entries_[slot], entries_[best]))) {
                best = slot;
            }
        }
        return best;
    }

    /// Precondition: `slot` is held. The level lasts until the slot is emptied. O(1).
    constexpr void set_level(std::size_t slot, priority_level level) noexcept {
        entries_[slot].level = static_cast<std::uint8_t>(level);
    }
    /// Precondition: `slot` is held.
    [[nodiscard]] constexpr priority_level level(std::size_t slot) const noexcept {
        return static_cast<priority_level>(entries_[slot].level);
    }

    /// How many slots to give up now: none until `start_slots` are held, then `free_slots`. For
    /// caches that clean up ahead of time; a heap asks for a victim only when it has no slot left.
    [[nodiscard]] constexpr std::size_t cleanup_due() const noexcept {
        return held_ < start_slots ? 0 : free_slots;
    }

private:
    struct entry {
        std::uint16_t last_use;
        std::uint8_t uses;
        /// 0 where the slot is not held.
        std::uint8_t level;
    };
    static constexpr std::uint8_t most_uses = 255;
    static constexpr std::uint16_t last_moment = 65535;
    static constexpr std::uint16_t half = 32768;

    constexpr void insert(std::size_t slot, priority_level level) noexcept {
        if (now_ == last_moment) {
            forget_old_ages();
        }
        ++now_;
        ++held_;
        entries_[slot] = {.last_use = now_, .uses = 0, .level = static_cast<std::uint8_t>(level)};
    }

    /// Moves the origin of time, so that it does not overflow. What is older than 32768 insertions
    /// is that old.
    constexpr void forget_old_ages() noexcept {
        for (entry& each : entries_) {
            each.last_use =
                static_cast<std::uint16_t>(each.last_use < half ? 0 : each.last_use - half);
        }
        now_ = static_cast<std::uint16_t>(now_ - half);
    }

    [[nodiscard]] constexpr bool leaves_before(const entry& a, const entry& b) const noexcept {
        constexpr auto critical = static_cast<std::uint8_t>(priority_level::critical);
        if ((a.level == critical) != (b.level == critical)) {
            return b.level == critical;
        }
        // The quotients are compared without division: at most 4 * 2^16 * 2^8.
        const std::uint32_t of_a = weight(a) * (b.uses + 1U);
        const std::uint32_t of_b = weight(b) * (a.uses + 1U);
        return of_a != of_b ? of_a > of_b : a.level > b.level;
    }
    [[nodiscard]] constexpr std::uint32_t weight(const entry& of) const noexcept {
        return std::uint32_t{of.level} * (std::uint32_t{now_} - of.last_use + 1U);
    }

    std::array<entry, Slots> entries_{};
    std::uint16_t now_ = 0;
    detail::smallest_uint<Slots> held_ = 0;
};

/// `basic_priority` as it is: all levels normal until `set_level` says otherwise.
template <std::size_t Slots>
using priority = basic_priority<Slots>;

/// `priority_by<Rule>::policy` is `basic_priority` with another `Rule`, in the form that heaps
/// take.
template <class Rule>
struct priority_by {
    template <std::size_t Slots>
    using policy = basic_priority<Slots, Rule>;
};

static_assert(eviction_policy<priority<8>>);
static_assert(remembers_keys<priority<8>>);

} // namespace vmem

#endif
