// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/clock_bits.hpp>

#include <vmem/eviction/clock.hpp>

#include "contract/eviction_contract.hpp"
#include "support/eviction_models.hpp"
#include "support/keyed_simulation.hpp"
#include "support/page_models.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>

namespace {

using namespace vmem::test;

constexpr auto any = [](std::size_t) { return true; };
constexpr auto none = [](std::size_t) { return false; };

template <std::size_t Slots>
using one_bit = vmem::clock_bits<1>::policy<Slots>;
template <std::size_t Slots>
using two_bits = vmem::clock_bits<2>::policy<Slots>;
template <std::size_t Slots>
using three_bits = vmem::clock_bits<3>::policy<Slots>;

static_assert(sizeof(two_bits<8>) == 8 + 1 + 1);
static_assert(sizeof(two_bits<64>) == 64 + 8 + 1);
static_assert(sizeof(two_bits<256>) == 256 + 256 / 8 + 1);
static_assert(sizeof(vmem::clock_bits<4>::policy<8>) == sizeof(two_bits<8>));
static_assert(all_zero_when_empty<two_bits<8>>());

TEST_CASE("clock_bits: contract") {
    vmem::contract::check_eviction_contract<one_bit>({.calls_per_slot = 2});
    vmem::contract::check_eviction_contract<two_bits>({.calls_per_slot = 4});
    vmem::contract::check_eviction_contract<three_bits>({.calls_per_slot = 8});
}

TEST_CASE("clock_bits: the hand takes one use away as it passes") {
    two_bits<3> policy;
    for (const std::size_t slot : {0U, 1U, 2U}) {
        policy.on_insert(slot);
    }
    for (int i = 0; i < 10; ++i) {
        policy.on_access(0);
    }
    policy.on_access(1);
    CHECK(policy.victim(any) == 2);
    // 0 has been used twice more, 1 not.
    CHECK(policy.victim([](std::size_t slot) { return slot != 2; }) == 1);
    CHECK(policy.victim([](std::size_t slot) { return slot == 0; }) == 0);
    CHECK(policy.victim(none) == 3);
}

TEST_CASE("clock_bits: a pinned slot keeps its count") {
    two_bits<2> policy;
    policy.on_insert(0);
    policy.on_insert(1);
    policy.on_access(0);
    CHECK(policy.victim([](std::size_t slot) { return slot == 1; }) == 1);
    CHECK(policy.victim(any) == 1);
}

TEST_CASE("clock_bits: with one bit it is clock") {
    const std::uint64_t seed = std::mt19937_64::default_seed;
    CAPTURE(seed);
    const agreement found = agree_at_random<one_bit, vmem::clock>(seed);
    CHECK(found.victims > 8000);
    CHECK(found.disagreements == 0);
}

TEST_CASE("clock_bits: agrees with a model over 10^6 requests of each pattern") {
    const pattern_comparison two = compare_patterns<two_bits, counting_clock_model<3>>();
    CHECK(two.disagreements == 0);
    CHECK(two.misses == "684121 467930 238284 1000000 250000 719550");
    const pattern_comparison three = compare_patterns<three_bits, counting_clock_model<7>>(500'000);
    CHECK(three.disagreements == 0);
    CHECK(three.misses == "339280 231332 116555 500000 125000 360974");
    CHECK(disagreements_of_few_slots<two_bits, counting_clock_model<3>>() == 0);
}

} // namespace
