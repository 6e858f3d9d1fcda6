// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/lirs.hpp>

#include "contract/eviction_contract.hpp"
#include "support/eviction_models.hpp"
#include "support/keyed_simulation.hpp"
#include "support/page_models.hpp"

#include <cstddef>
#include <doctest/doctest.h>

namespace {

using namespace vmem::test;

constexpr auto any = [](std::size_t) { return true; };
constexpr auto none = [](std::size_t) { return false; };

static_assert(sizeof(vmem::lirs<8>) == 112);
static_assert(sizeof(vmem::lirs<64>) == 840);
static_assert(sizeof(vmem::lirs<256>) == 4878);
static_assert(all_zero_when_empty<vmem::lirs<7>>());
static_assert(vmem::lirs<1>::low_slots == 1);
static_assert(vmem::lirs<2>::low_slots == 1);
static_assert(vmem::lirs<128>::low_slots == 127);
static_assert(vmem::lirs<300>::low_slots == 297);

/// The keys are ten times the slots. All but the last one are low.
template <std::size_t Slots>
vmem::lirs<Slots> full() {
    vmem::lirs<Slots> policy;
    for (std::size_t slot = 0; slot < Slots; ++slot) {
        policy.on_insert(slot, slot * 10);
    }
    return policy;
}

TEST_CASE("lirs: contract") {
    vmem::contract::check_eviction_contract<vmem::lirs>({.calls_per_slot = 1});
}

TEST_CASE("lirs: what is new leaves, until it comes back while it is remembered") {
    auto policy = full<3>();
    CHECK(policy.victim(any) == 2);
    policy.on_remove(2);
    policy.on_insert(2, 100);
    CHECK(policy.victim(any) == 2);
    policy.on_remove(2);
    // Low now, in the place of 0.
    policy.on_insert(2, 20);
    CHECK(policy.victim(any) == 0);
}

TEST_CASE("lirs: what is used again soon becomes low") {
    auto policy = full<3>();
    policy.on_access(1);
    policy.on_access(2);
    CHECK(policy.victim(any) == 0);
    policy.on_access(0);
    CHECK(policy.victim(any) == 0);
}

TEST_CASE("lirs: an access to the slot used last is the same use") {
    auto policy = full<3>();
    policy.on_access(2);
    policy.on_access(2);
    CHECK(policy.victim(any) == 2);
}

TEST_CASE("lirs: low slots leave where no other can, least recently used first") {
    auto policy = full<3>();
    policy.on_access(0);
    CHECK(policy.victim([](std::size_t slot) { return slot != 2; }) == 1);
    CHECK(policy.victim([](std::size_t slot) { return slot == 0; }) == 0);
    CHECK(policy.victim(none) == 3);
    policy.on_remove(1);
    CHECK(policy.victim(any) == 2);
    // Another low one may come.
    policy.on_insert(1, 200);
    CHECK(policy.victim(any) == 2);
}

TEST_CASE("lirs: agrees with a model over 10^6 requests of each pattern") {
    const pattern_comparison found = compare_patterns<vmem::lirs, lirs_model>();
    CHECK(found.disagreements == 0);
    // .594 .412 .226 of the zipf requests, .365 of the loop.
    CHECK(found.misses == "594219 412296 225706 365127 249748 657213");
    CHECK(disagreements_of_few_slots<vmem::lirs, lirs_model>() == 0);
}

} // namespace
