// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/two_queue.hpp>

#include "contract/eviction_contract.hpp"
#include "support/keyed_simulation.hpp"
#include "support/page_models.hpp"

#include <cstddef>
#include <doctest/doctest.h>

namespace {

using namespace vmem::test;

constexpr auto any = [](std::size_t) { return true; };
constexpr auto none = [](std::size_t) { return false; };

static_assert(sizeof(vmem::two_queue<8>) == 56);
static_assert(sizeof(vmem::two_queue<64>) == 392);
static_assert(sizeof(vmem::two_queue<256>) == 2062);
static_assert(vmem::two_queue<1>::new_slots == 1 && vmem::two_queue<1>::ghosts == 1);
static_assert(vmem::two_queue<3>::new_slots == 1 && vmem::two_queue<3>::ghosts == 1);
static_assert(vmem::two_queue<64>::new_slots == 16 && vmem::two_queue<64>::ghosts == 32);

/// The keys are ten times the slots.
template <std::size_t Slots>
vmem::two_queue<Slots> full() {
    vmem::two_queue<Slots> policy;
    for (std::size_t slot = 0; slot < Slots; ++slot) {
        policy.on_insert(slot, slot * 10);
    }
    return policy;
}

TEST_CASE("two_queue: contract") {
    vmem::contract::check_eviction_contract<vmem::two_queue>({.calls_per_slot = 1});
}

TEST_CASE("two_queue: all zero when empty") {
    CHECK(zero_when_empty<vmem::two_queue<8>>());
    CHECK(zero_when_empty<vmem::two_queue<300>>());
}

TEST_CASE("two_queue: uses of what is new change nothing") {
    auto policy = full<4>();
    policy.on_access(0);
    policy.on_access(0);
    CHECK(policy.victim(any) == 0);
    CHECK(policy.victim([](std::size_t slot) { return slot > 1; }) == 2);
    CHECK(policy.victim(none) == 4);
}

TEST_CASE("two_queue: what comes back stays, in the order of its last use") {
    auto policy = full<4>();
    for (const std::size_t slot : {0U, 1U, 2U}) {
        policy.on_remove(slot);
        policy.on_insert(slot, slot * 10);
    }
    // Only one is new, which is its share.
    CHECK(policy.victim(any) == 0);
    policy.on_access(0);
    CHECK(policy.victim(any) == 1);
    // Without a key it is new again.
    policy.on_remove(1);
    policy.on_insert(1);
    CHECK(policy.victim(any) == 3);
}

TEST_CASE("two_queue: remembers half as many keys as it has slots") {
    auto policy = full<4>();
    for (const std::size_t slot : {0U, 1U, 2U, 3U}) {
        policy.on_remove(slot);
    }
    policy.on_insert(0, 20);
    policy.on_insert(1, 0);
    policy.on_insert(2, 10);
    policy.on_insert(3, 30);
    CHECK(policy.victim(any) == 1);
    CHECK(policy.victim([](std::size_t slot) { return slot != 1; }) == 2);
    CHECK(policy.victim([](std::size_t slot) { return slot == 0 || slot == 3; }) == 0);
}

TEST_CASE("two_queue: agrees with a model over 10^6 requests of each pattern") {
    const pattern_comparison found = compare_patterns<vmem::two_queue, two_queue_model>();
    CHECK(found.disagreements == 0);
    // .615 .426 .232 of the zipf requests.
    CHECK(found.misses == "614788 425670 232429 1000000 250000 686424");
    CHECK(disagreements_of_few_slots<vmem::two_queue, two_queue_model>() == 0);
}

} // namespace
