// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/clock.hpp>

#include "contract/eviction_contract.hpp"
#include "support/cache_simulation.hpp"
#include "support/eviction_models.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>

namespace {

using namespace vmem::test;

constexpr auto any = [](std::size_t) { return true; };
constexpr auto none = [](std::size_t) { return false; };

static_assert(sizeof(vmem::clock<8>) == 8 + 1);
static_assert(sizeof(vmem::clock<256>) == 256 + 1);
static_assert(all_zero_when_empty<vmem::clock<8>>());

TEST_CASE("clock: contract") {
    vmem::contract::check_eviction_contract<vmem::clock>({.calls_per_slot = 2});
}

TEST_CASE("clock: passes over what was used since the hand last came by") {
    vmem::clock<4> policy;
    for (std::size_t slot = 0; slot < 4; ++slot) {
        policy.on_insert(slot);
    }
    policy.on_access(0);
    policy.on_access(2);
    CHECK(policy.victim(any) == 1);
    policy.on_remove(1);
    policy.on_insert(1);
    CHECK(policy.victim(any) == 3);
    policy.on_remove(3);
    policy.on_insert(3);
    CHECK(policy.victim(any) == 0);
}

TEST_CASE("clock: a slot that was not saved is not offered again at once") {
    vmem::clock<3> policy;
    policy.on_insert(0);
    policy.on_insert(1);
    CHECK(policy.victim(any) == 0);
    CHECK(policy.victim(any) == 1);
    CHECK(policy.victim(any) == 0);
}

TEST_CASE("clock: a pinned slot keeps its reference bit") {
    vmem::clock<2> policy;
    policy.on_insert(0);
    policy.on_insert(1);
    policy.on_access(0);
    CHECK(policy.victim([](std::size_t slot) { return slot == 1; }) == 1);
    CHECK(policy.victim(none) == 2);
    policy.on_remove(1);
    policy.on_insert(1);
    CHECK(policy.victim(any) == 1);
}

TEST_CASE("clock: agrees with a model, at random") {
    const std::uint64_t seed = std::mt19937_64::default_seed;
    CAPTURE(seed);
    const agreement found = agree_at_random<vmem::clock, clock_model>(seed);
    CHECK(found.victims > 8000);
    CHECK(found.disagreements == 0);
}

TEST_CASE("clock: agrees with a model over 10^6 zipf requests, and misses as it must") {
    lockstep<vmem::clock<256>, clock_model<256>> pair;
    const double misses = ratio(simulate_misses(pair, zipf_1024(), 256), zipf_1024());
    CHECK(pair.disagreements() == 0);
    CHECK(misses <= 0.256);
}

} // namespace
