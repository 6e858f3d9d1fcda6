// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/sieve.hpp>

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

static_assert(sizeof(vmem::sieve<8>) == 8 + 8 + 3);
static_assert(sizeof(vmem::sieve<255>) == 255 + 255 + 3);
static_assert(sizeof(vmem::sieve<256>) == 256 + 256 + 2 + sizeof(std::uint16_t));
static_assert(all_zero_when_empty<vmem::sieve<8>>());

/// What a heap does with a full set of slots.
template <class Policy>
std::size_t replace(Policy& policy) {
    const std::size_t slot = policy.victim(any);
    policy.on_remove(slot);
    policy.on_insert(slot);
    return slot;
}

template <std::size_t Slots>
vmem::sieve<Slots> full() {
    vmem::sieve<Slots> policy;
    for (std::size_t slot = 0; slot < Slots; ++slot) {
        policy.on_insert(slot);
    }
    return policy;
}

TEST_CASE("sieve: contract") {
    vmem::contract::check_eviction_contract<vmem::sieve>({.calls_per_slot = 2});
}

TEST_CASE("sieve: the hand goes on from the evicted slot towards newer ones") {
    auto policy = full<4>();
    policy.on_access(0);
    policy.on_access(2);
    CHECK(replace(policy) == 1);
    // From the oldest to the newest: 0, where 1 was, then 2, 3, and 1. The hand is at 2, which was
    // used.
    CHECK(replace(policy) == 3);
    // 2, 0, 1, 3. The hand is at 1.
    CHECK(replace(policy) == 1);
    // 0, 2, 3, 1. The hand is at 3.
    CHECK(replace(policy) == 3);
    // 2, 0, 1, 3. The hand is at 1; past the newest, it comes to the oldest.
    policy.on_access(1);
    policy.on_access(3);
    CHECK(replace(policy) == 2);
}

TEST_CASE("sieve: a slot is offered again until it is removed or used") {
    auto policy = full<3>();
    CHECK(policy.victim(any) == 0);
    CHECK(policy.victim(any) == 0);
    CHECK(policy.victim([](std::size_t slot) { return slot != 0; }) == 1);
    policy.on_access(1);
    CHECK(policy.victim(any) == 2);
}

TEST_CASE("sieve: a pinned slot keeps its bit") {
    auto policy = full<2>();
    policy.on_access(0);
    CHECK(policy.victim([](std::size_t slot) { return slot == 1; }) == 1);
    CHECK(policy.victim(none) == 2);
    policy.on_remove(1);
    policy.on_insert(1);
    CHECK(policy.victim(any) == 1);
}

TEST_CASE("sieve: slots may leave in any order and come back") {
    auto policy = full<3>();
    policy.on_remove(1);
    policy.on_remove(2);
    CHECK(policy.victim(any) == 0);
    policy.on_remove(0);
    CHECK(policy.victim(any) == 3);
    policy.on_insert(2);
    policy.on_insert(0);
    CHECK(policy.victim(any) == 2);
}

TEST_CASE("sieve: one slot, two slots") {
    auto one = full<1>();
    one.on_access(0);
    CHECK(replace(one) == 0);
    CHECK(replace(one) == 0);
    one.on_remove(0);
    CHECK(one.victim(any) == 1);
    auto two = full<2>();
    CHECK(replace(two) == 0);
    CHECK(replace(two) == 1);
    two.on_access(0);
    CHECK(replace(two) == 1);
}

TEST_CASE("sieve: agrees with a model, at random") {
    const std::uint64_t seed = std::mt19937_64::default_seed;
    CAPTURE(seed);
    const agreement found = agree_at_random<vmem::sieve, sieve_ring_model>(seed);
    CHECK(found.victims > 8000);
    CHECK(found.disagreements == 0);
}

TEST_CASE("sieve: agrees with a model over 10^6 zipf requests, and misses as it must") {
    lockstep<vmem::sieve<256>, sieve_ring_model<256>> pair;
    const double misses = ratio(simulate_misses(pair, zipf_1024(), 256), zipf_1024());
    CHECK(pair.disagreements() == 0);
    CHECK(misses <= 0.205);
}

TEST_CASE("sieve: misses as it must with few frames") {
    CHECK(ratio(simulate_misses<vmem::sieve<16>>(zipf_1024(), 16), zipf_1024()) <= 0.585);
    CHECK(ratio(simulate_misses<vmem::sieve<64>>(zipf_1024(), 64), zipf_1024()) <= 0.390);
}

} // namespace
