// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/tiny_lfu.hpp>

#include "contract/eviction_contract.hpp"
#include "support/keyed_simulation.hpp"
#include "support/page_models.hpp"

#include <cstddef>
#include <doctest/doctest.h>

namespace {

using namespace vmem::test;

constexpr auto any = [](std::size_t) { return true; };
constexpr auto none = [](std::size_t) { return false; };

static_assert(sizeof(vmem::tiny_lfu<8>) == 116);
static_assert(sizeof(vmem::tiny_lfu<64>) == 846);
static_assert(sizeof(vmem::tiny_lfu<256>) == 3862);
static_assert(vmem::tiny_lfu<1>::window_slots == 1 && vmem::tiny_lfu<1>::protected_slots == 1);
static_assert(vmem::tiny_lfu<3>::window_slots == 1 && vmem::tiny_lfu<3>::protected_slots == 1);
static_assert(vmem::tiny_lfu<300>::window_slots == 3 &&
              vmem::tiny_lfu<300>::protected_slots == 237);

/// The keys are ten times the slots. The last slot is in the window.
template <std::size_t Slots>
vmem::tiny_lfu<Slots> full() {
    vmem::tiny_lfu<Slots> policy;
    for (std::size_t slot = 0; slot < Slots; ++slot) {
        policy.on_insert(slot, slot * 10);
    }
    return policy;
}

TEST_CASE("tiny_lfu: contract") {
    vmem::contract::check_eviction_contract<vmem::tiny_lfu>({.calls_per_slot = 1});
}

TEST_CASE("tiny_lfu: all zero when empty") {
    CHECK(zero_when_empty<vmem::tiny_lfu<8>>());
    CHECK(zero_when_empty<vmem::tiny_lfu<300>>());
}

TEST_CASE("tiny_lfu: what is new leaves until it has been used more often than the rest") {
    auto policy = full<4>();
    for (int use = 0; use < 3; ++use) {
        CHECK(policy.victim(any) == 3);
        policy.on_remove(3);
        policy.on_insert(3, 100 - static_cast<std::size_t>(use));
    }
    CHECK(policy.victim(any) == 3);
    policy.on_remove(3);
    policy.on_insert(3, 100);
    CHECK(policy.victim(any) == 0);
    // Asked again, it names the same slot.
    CHECK(policy.victim(any) == 0);
    policy.on_remove(0);
    policy.on_insert(0, 500);
    CHECK(policy.victim(any) == 0);
}

TEST_CASE("tiny_lfu: what is used again is protected") {
    auto policy = full<6>();
    policy.on_access(0);
    policy.on_access(1);
    CHECK(policy.victim([](std::size_t slot) { return slot != 5; }) == 2);
    CHECK(policy.victim([](std::size_t slot) { return slot < 2; }) == 0);
    CHECK(policy.victim([](std::size_t slot) { return slot == 5; }) == 5);
    CHECK(policy.victim(none) == 6);
}

TEST_CASE("tiny_lfu: an access to the slot used last is the same use") {
    auto policy = full<3>();
    for (int i = 0; i < 5; ++i) {
        policy.on_access(2);
    }
    CHECK(policy.victim(any) == 2);
}

TEST_CASE("tiny_lfu: what came without a key is let in") {
    auto policy = full<3>();
    policy.on_access(0);
    policy.on_remove(2);
    policy.on_insert(2);
    CHECK(policy.victim(any) == 1);
}

TEST_CASE("tiny_lfu: agrees with a model over 10^6 requests of each pattern") {
    const pattern_comparison found = compare_patterns<vmem::tiny_lfu, tiny_lfu_model>();
    CHECK(found.disagreements == 0);
    // .585 .397 .209 of the zipf requests.
    CHECK(found.misses == "585232 396826 208609 404751 250000 579254");
    CHECK(disagreements_of_few_slots<vmem::tiny_lfu, tiny_lfu_model>() == 0);
}

} // namespace
