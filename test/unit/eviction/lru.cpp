// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/lru.hpp>

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

static_assert(sizeof(vmem::lru<8>) == 2 * 9);
static_assert(sizeof(vmem::lru<255>) == 2 * 256);
static_assert(sizeof(vmem::lru<256>) == 2 * 257 * sizeof(std::uint16_t));
static_assert(all_zero_when_empty<vmem::lru<8>>());

TEST_CASE("lru: contract") {
    vmem::contract::check_eviction_contract<vmem::lru>({.calls_per_slot = 1});
}

TEST_CASE("lru: evicts the least recently used slot") {
    vmem::lru<4> policy;
    policy.on_insert(2);
    policy.on_insert(0);
    policy.on_insert(3);
    CHECK(policy.victim(any) == 2);
    policy.on_access(2);
    policy.on_access(2);
    CHECK(policy.victim(any) == 0);
    CHECK(policy.victim([](std::size_t slot) { return slot == 2; }) == 2);
    CHECK(policy.victim(none) == 4);
    policy.on_access(0);
    CHECK(policy.victim(any) == 3);
    policy.on_remove(3);
    CHECK(policy.victim(any) == 2);
}

TEST_CASE("lru: agrees with a model, at random") {
    const std::uint64_t seed = std::mt19937_64::default_seed;
    CAPTURE(seed);
    const agreement found = agree_at_random<vmem::lru, lru_model>(seed);
    CHECK(found.victims > 8000);
    CHECK(found.disagreements == 0);
}

TEST_CASE("lru: agrees with a model over 10^6 zipf requests, and misses as it must") {
    lockstep<vmem::lru<256>, lru_model<256>> pair;
    const double misses = ratio(simulate_misses(pair, zipf_1024(), 256), zipf_1024());
    CHECK(pair.disagreements() == 0);
    CHECK(misses <= 0.265);
}

TEST_CASE("lru: misses as often as the stack distances say") {
    const auto trace = zipf_1024().first(50'000);
    const auto expected = lru_misses_by_stack_distance(trace, 256);
    for (const std::size_t frames : {1U, 2U, 3U, 16U, 64U, 255U, 256U}) {
        CAPTURE(frames);
        CHECK(simulate_misses<vmem::lru<256>>(trace, frames) == expected[frames]);
    }
}

} // namespace
