// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/fifo.hpp>

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

static_assert(sizeof(vmem::fifo<8>) == 2 * 9);
static_assert(sizeof(vmem::fifo<255>) == 2 * 256);
static_assert(sizeof(vmem::fifo<256>) == 2 * 257 * sizeof(std::uint16_t));
static_assert(all_zero_when_empty<vmem::fifo<8>>());

TEST_CASE("fifo: contract") {
    vmem::contract::check_eviction_contract<vmem::fifo>({.calls_per_slot = 1});
}

TEST_CASE("fifo: evicts the longest-held slot, used or not") {
    vmem::fifo<4> policy;
    policy.on_insert(2);
    policy.on_insert(0);
    policy.on_insert(3);
    policy.on_access(2);
    CHECK(policy.victim(any) == 2);
    CHECK(policy.victim([](std::size_t slot) { return slot != 2; }) == 0);
    CHECK(policy.victim(none) == 4);
    CHECK(policy.victim(any) == 2);
    policy.on_remove(2);
    policy.on_insert(2);
    CHECK(policy.victim(any) == 0);
    policy.on_remove(3);
    policy.on_remove(0);
    CHECK(policy.victim(any) == 2);
}

TEST_CASE("fifo: agrees with a model, at random") {
    const std::uint64_t seed = std::mt19937_64::default_seed;
    CAPTURE(seed);
    const agreement found = agree_at_random<vmem::fifo, fifo_model>(seed);
    CHECK(found.victims > 8000);
    CHECK(found.disagreements == 0);
}

TEST_CASE("fifo: agrees with a model over 10^6 zipf requests") {
    lockstep<vmem::fifo<256>, fifo_model<256>> pair;
    const double misses = ratio(simulate_misses(pair, zipf_1024(), 256), zipf_1024());
    CHECK(pair.disagreements() == 0);
    CHECK(misses > 0.305);
    CHECK(misses < 0.315);
}

} // namespace
