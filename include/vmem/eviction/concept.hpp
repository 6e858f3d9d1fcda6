// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_CONCEPT_HPP
#define VMEM_EVICTION_CONCEPT_HPP

#include <vmem/config.hpp>

#include <concepts>
#include <cstddef>

/// \file
/// Which bytes leave RAM when something else must come in? An eviction policy ranks slots, numbered
/// `0..Slots-1`, and knows nothing of what they hold; one policy serves pages, objects and
/// overlays.
///
/// Contract, for a policy over `Slots` slots:
/// - `on_insert(s)`: slot `s`, not held so far, now holds something new. No `on_access` follows for
///   the access that brought it in.
/// - `on_access(s)`: slot `s`, held, was used. On the hot path: one store, if it can be.
/// - `on_remove(s)`: slot `s`, held, is empty again.
/// - `victim(evictable)`: a held slot for which `evictable(slot)` is true, or `Slots` if there is
///   none. It may reorder and clear reference bits, but does not remove: the caller calls
///   `on_remove`, or leaves the slot where it is when its contents could not be saved.
/// All are noexcept, allocate nothing and end after O(Slots) steps; `victim` calls `evictable` at
/// most a constant number of times per held slot.
///
/// A policy that wants to recognise what it has let go, or to know more of it, has one more member:
/// - `on_insert(s, key)`: as `on_insert(s)`, and what slot `s` now holds is called `key`: the same
///   number whenever it comes in again, and another one for anything else. Pages have their page
///   number.
/// Who has no key for what comes in calls `on_insert(s)` even then.
namespace vmem {

namespace detail {

struct any_slot {
    constexpr bool operator()(std::size_t) const noexcept { return true; }
};

template <class P>
concept has_on_insert = requires(P& p, std::size_t s) {
    { p.on_insert(s) } noexcept -> std::same_as<void>;
};
template <class P>
concept has_on_access = requires(P& p, std::size_t s) {
    { p.on_access(s) } noexcept -> std::same_as<void>;
};
template <class P>
concept has_on_remove = requires(P& p, std::size_t s) {
    { p.on_remove(s) } noexcept -> std::same_as<void>;
};
template <class P>
concept has_victim = requires(P& p) {
    { p.victim(any_slot{}) } noexcept -> std::convertible_to<std::size_t>;
};
template <class P>
concept accepts_keys = requires(P& p, std::size_t s, address key) { p.on_insert(s, key); };

} // namespace detail

/// See the contract above. A policy is a class template over its number of slots; this is the
/// concept of one instantiation.
template <class P>
concept eviction_policy =
    std::default_initializable<P> && detail::has_on_insert<P> && detail::has_on_access<P> &&
    detail::has_on_remove<P> && detail::has_victim<P>;

/// Whether `P` has the member that tells it what a slot holds.
template <class P>
concept remembers_keys = requires(P& p, std::size_t s, address key) {
    { p.on_insert(s, key) } noexcept -> std::same_as<void>;
};

/// Names each member that `P` lacks, one sentence each, on every compiler.
template <class P>
consteval void check_eviction_policy() {
    static_assert(std::default_initializable<P>,
                  "eviction policy: missing a default constructor (all slots empty)");
    static_assert(detail::has_on_insert<P>,
                  "eviction policy: missing 'void on_insert(std::size_t slot) noexcept'");
    static_assert(detail::has_on_access<P>,
                  "eviction policy: missing 'void on_access(std::size_t slot) noexcept'");
    static_assert(detail::has_on_remove<P>,
                  "eviction policy: missing 'void on_remove(std::size_t slot) noexcept'");
    static_assert(detail::has_victim<P>,
                  "eviction policy: missing 'std::size_t victim(auto evictable) noexcept'");
    static_assert(!detail::accepts_keys<P> || remembers_keys<P>,
                  "eviction policy: the member that takes a key must be 'void "
                  "on_insert(std::size_t slot, vmem::address key) noexcept'");
}

/// Tells `policy` that `slot` now holds `key`, or that it holds something new if that is all that
/// the policy wants to know.
template <class P>
constexpr void insert_with_key(P& policy, std::size_t slot, address key) noexcept {
    if constexpr (remembers_keys<P>) {
        policy.on_insert(slot, key);
    } else {
        policy.on_insert(slot);
    }
}

/// The smallest thing that is an eviction policy: a model to copy from, never called.
template <std::size_t Slots>
struct eviction_archetype {
    void on_insert(std::size_t slot) noexcept;
    void on_access(std::size_t slot) noexcept;
    void on_remove(std::size_t slot) noexcept;
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] std::size_t victim(Evictable evictable) noexcept;
};
static_assert(eviction_policy<eviction_archetype<4>>);

} // namespace vmem

#endif
