// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/s3_fifo.hpp>

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

static_assert(sizeof(vmem::s3_fifo<8>) == 70);
static_assert(sizeof(vmem::s3_fifo<64>) == 508);
static_assert(sizeof(vmem::s3_fifo<256>) == 2524);
static_assert(all_zero_when_empty<vmem::s3_fifo<300>>());
static_assert(vmem::s3_fifo<1>::small_slots == 1 && vmem::s3_fifo<1>::ghosts == 1);
static_assert(vmem::s3_fifo<64>::small_slots == 6 && vmem::s3_fifo<64>::ghosts == 58);

/// The keys are ten times the slots.
template <std::size_t Slots>
vmem::s3_fifo<Slots> full() {
    vmem::s3_fifo<Slots> policy;
    for (std::size_t slot = 0; slot < Slots; ++slot) {
        policy.on_insert(slot, slot * 10);
    }
    return policy;
}

TEST_CASE("s3_fifo: contract") {
    vmem::contract::check_eviction_contract<vmem::s3_fifo>({.calls_per_slot = 5});
}

TEST_CASE("s3_fifo: what is used once leaves, what is used twice becomes a main page") {
    auto policy = full<4>();
    policy.on_access(0);
    policy.on_access(1);
    policy.on_access(1);
    CHECK(policy.victim(any) == 0);
    policy.on_remove(0);
    policy.on_insert(0, 100);
    CHECK(policy.victim(any) == 2);
    policy.on_remove(2);
    policy.on_insert(2, 101);
    // 1 has gone to the main queue, and the small one has its share.
    CHECK(policy.victim(any) == 3);
}

TEST_CASE("s3_fifo: what comes back soon is taken for a main page") {
    auto policy = full<4>();
    policy.on_remove(0);
    policy.on_insert(0, 0);
    for (const std::size_t slot : {1U, 2U, 3U}) {
        CHECK(policy.victim(any) == slot);
        policy.on_remove(slot);
    }
    CHECK(policy.victim(any) == 0);
    // Without a key it is as good as new.
    policy.on_remove(0);
    policy.on_insert(0);
    policy.on_insert(1, 10);
    CHECK(policy.victim(any) == 0);
}

TEST_CASE("s3_fifo: a slot that is not evictable keeps its place") {
    auto policy = full<3>();
    CHECK(policy.victim([](std::size_t slot) { return slot == 2; }) == 2);
    CHECK(policy.victim(none) == 3);
    CHECK(policy.victim(any) == 0);
    CHECK(policy.victim(any) == 0);
}

TEST_CASE(
    "s3_fifo: what is used often in a small queue below its share leaves where nothing else can") {
    vmem::s3_fifo<40> policy;
    policy.on_insert(7, 70);
    policy.on_access(7);
    policy.on_access(7);
    CHECK(policy.victim(any) == 7);
    policy.on_insert(8, 80);
    CHECK(policy.victim([](std::size_t slot) { return slot == 7; }) == 7);
}

TEST_CASE("s3_fifo: agrees with a model over 10^6 requests of each pattern") {
    const pattern_comparison found = compare_patterns<vmem::s3_fifo, s3_fifo_model>();
    CHECK(found.disagreements == 0);
    // .574 .400 .215 of the zipf requests.
    CHECK(found.misses == "574012 400165 215418 543397 250000 663836");
    CHECK(disagreements_of_few_slots<vmem::s3_fifo, s3_fifo_model>() == 0);
}

} // namespace
