// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_CONTRACT_EVICTION_CONTRACT_HPP
#define VMEM_TEST_CONTRACT_EVICTION_CONTRACT_HPP

#include <vmem/eviction/concept.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <string>
#include <type_traits>

/// \file
/// The contract of eviction policies, as a test that any policy can be put to:
///
///     TEST_CASE("my_policy: contract") { vmem::contract::check_eviction_contract<my_policy>(); }
namespace vmem::contract {

struct eviction_contract_options {
    /// Another seed is another sequence of operations; a failure prints the one it used.
    std::uint64_t seed = std::mt19937_64::default_seed;
    /// Operations per number of slots.
    std::size_t steps = 2000;
    /// How often one call of `victim` may ask whether a slot is evictable, for each held slot.
    std::size_t calls_per_slot = 4;
};

namespace detail {

/// Drives one policy and a copy of it, and knows which slots are held.
template <class Policy, std::size_t Slots>
class eviction_check {
    static_assert((check_eviction_policy<Policy>(), true));
    static_assert(std::is_copy_constructible_v<Policy> && std::is_copy_assignable_v<Policy>,
                  "eviction policy: must be copyable");

public:
    using slot_flags = std::array<bool, Slots>;

    explicit eviction_check(const eviction_contract_options& options)
        : options_(options), random_(options.seed) {}

    /// The rule that is broken first, or null.
    [[nodiscard]] const char* run() {
        ask(all());
        for (step_ = 0; step_ < options_.steps && broken_ == nullptr; ++step_) {
            random_operation();
        }
        for (std::size_t slot = 0; slot < Slots && broken_ == nullptr; ++slot) {
            ask(only(slot));
        }
        drain();
        fill();
        drain();
        return broken_;
    }

private:
    void random_operation() {
        if (random_() % 64 == 0) {
            copy_ = policy_;
        }
        const std::size_t slot = random_() % Slots;
        // Some slots are held most of the time; now and then all are, and now and then few.
        if (random_() % 128 == 0) {
            fill();
        }
        const bool shrinking = step_ / 128 % 4 == 3;
        switch (random_() % 16) {
        case 0:
            pinned_[slot] = !pinned_[slot] && random_() % 2 == 0;
            break;
        case 1:
            ask(none());
            break;
        case 2:
            ask(only(slot));
            break;
        case 3:
            ask(some());
            break;
        case 4:
        case 5:
            if (held_[slot]) {
                remove(slot);
            }
            break;
        case 6:
        case 7:
        case 8:
        case 9:
            if (held_[slot]) {
                copy_.on_access(slot);
                policy_.on_access(slot);
            }
            break;
        default:
            if (!held_[slot] && !shrinking) {
                insert(slot);
            } else {
                replace();
            }
        }
    }

    void insert(std::size_t slot) {
        held_[slot] = true;
        if constexpr (remembers_keys<Policy>) {
            // Few enough keys that most have been there before; and some that nobody has told.
            if (random_() % 8 != 0) {
                const address key = random_() % (2 * Slots + 1);
                copy_.on_insert(slot, key);
                policy_.on_insert(slot, key);
                return;
            }
        }
        copy_.on_insert(slot);
        policy_.on_insert(slot);
    }

    void remove(std::size_t slot) {
        copy_.on_remove(slot);
        policy_.on_remove(slot);
        held_[slot] = false;
    }

    /// What a heap does: the victim makes room, or stays because it could not be saved.
    void replace() {
        slot_flags unpinned{};
        for (std::size_t slot = 0; slot < Slots; ++slot) {
            unpinned[slot] = !pinned_[slot];
        }
        const std::size_t victim = ask(unpinned);
        if (victim >= Slots || !held_[victim] || random_() % 8 == 0) {
            return;
        }
        remove(victim);
        if (random_() % 8 != 0) {
            insert(victim);
        }
    }

    void fill() {
        for (std::size_t slot = 0; slot < Slots; ++slot) {
            if (!held_[slot]) {
                insert(slot);
            }
        }
    }

    /// Every held slot must leave, one after the other.
    void drain() {
        for (std::size_t left = Slots; left != 0 && broken_ == nullptr; --left) {
            const std::size_t victim = ask(all());
            if (victim < Slots && held_[victim]) {
                remove(victim);
            }
        }
        expect(held_ == slot_flags{}, "asked often enough, victim must have named every held slot");
        if (broken_ == nullptr) {
            ask(all());
        }
    }

    /// Asks for a victim among the slots that are `allowed`, and checks the answer.
    std::size_t ask(const slot_flags& allowed) {
        bool possible = false;
        for (std::size_t slot = 0; slot < Slots; ++slot) {
            possible = possible || (held_[slot] && allowed[slot]);
        }
        const std::size_t of_copy = answer(copy_, allowed, possible);
        const std::size_t of_policy = answer(policy_, allowed, possible);
        expect(of_copy == of_policy, "a copy must behave as the original does");
        return of_policy;
    }

    std::size_t answer(Policy& policy, const slot_flags& allowed, bool possible) {
        std::array<std::size_t, Slots> calls{};
        bool asked_of_empty = false;
        bool asked_too_often = false;
        const auto evictable = [&](std::size_t slot) {
            if (slot >= Slots || !held_[slot]) {
                asked_of_empty = true;
                return true;
            }
            asked_too_often = asked_too_often || ++calls[slot] > options_.calls_per_slot;
            // A policy that goes on until it finds one must come to an end nevertheless.
            return allowed[slot] || asked_too_often;
        };
        const std::size_t victim = policy.victim(evictable);
        expect(!asked_of_empty, "victim must not ask whether a slot is evictable that is not held");
        expect(!asked_too_often, "victim must ask a constant number of times per held slot");
        expect(possible || victim == Slots,
               "victim must return Slots if no held slot is evictable");
        expect(!possible || victim != Slots, "victim must find a slot that is held and evictable");
        expect(victim == Slots || (victim < Slots && held_[victim]),
               "victim must name a held slot");
        expect(victim >= Slots || allowed[victim], "victim must name an evictable slot");
        return victim;
    }

    void expect(bool kept, const char* rule) {
        if (!kept && broken_ == nullptr) {
            broken_ = rule;
        }
    }

    static slot_flags none() { return {}; }
    static slot_flags only(std::size_t slot) {
        slot_flags flags{};
        flags[slot] = true;
        return flags;
    }
    static slot_flags all() {
        slot_flags flags{};
        flags.fill(true);
        return flags;
    }
    slot_flags some() {
        slot_flags flags{};
        for (bool& flag : flags) {
            flag = random_() % 2 == 0;
        }
        return flags;
    }

    eviction_contract_options options_;
    std::mt19937_64 random_;
    Policy policy_;
    Policy copy_ = policy_;
    slot_flags held_{};
    slot_flags pinned_{};
    std::size_t step_ = 0;
    /// The first rule that was broken, or null. What comes after it proves nothing.
    const char* broken_ = nullptr;
};

template <template <std::size_t> class Policy, std::size_t Slots>
void check_eviction_at(const eviction_contract_options& options) {
    const char* broken_rule = eviction_check<Policy<Slots>, Slots>(options).run();
    const bool kept = broken_rule == nullptr;
    const std::size_t slots = Slots;
    CAPTURE(slots);
    CAPTURE(options.seed);
    CHECK_MESSAGE(kept, std::string(kept ? "" : broken_rule));
}

template <template <std::size_t> class Policy, std::size_t... Slots>
void check_eviction_at_each(const eviction_contract_options& options) {
    (check_eviction_at<Policy, Slots>(options), ...);
}

} // namespace detail

/// Puts `Policy` to the contract in <vmem/eviction/concept.hpp>, with few slots and with numbers of
/// slots around 255, where an index outgrows a byte. The operations are random and replayable.
template <template <std::size_t> class Policy>
void check_eviction_contract(const eviction_contract_options& options = {}) {
    detail::check_eviction_at_each<Policy, 1, 2, 3, 7, 16, 255, 256, 257>(options);
}

/// For those who test the contract itself: the rule that `Policy` with `Slots` slots breaks first,
/// or null.
template <template <std::size_t> class Policy, std::size_t Slots>
[[nodiscard]] const char* broken_eviction_rule(const eviction_contract_options& options = {}) {
    return detail::eviction_check<Policy<Slots>, Slots>(options).run();
}

} // namespace vmem::contract

#endif
