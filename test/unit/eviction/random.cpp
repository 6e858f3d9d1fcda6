// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/random.hpp>

#include "contract/eviction_contract.hpp"
#include "support/cache_simulation.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <vector>

namespace {

using namespace vmem::test;

constexpr auto any = [](std::size_t) { return true; };
constexpr auto none = [](std::size_t) { return false; };

static_assert(sizeof(vmem::random_eviction<8>) == 8);
static_assert(sizeof(vmem::random_eviction<256>) == 256 / 8 + 4);

template <std::size_t Slots>
vmem::random_eviction<Slots> full() {
    vmem::random_eviction<Slots> policy;
    for (std::size_t slot = 0; slot < Slots; ++slot) {
        policy.on_insert(slot);
    }
    return policy;
}

TEST_CASE("random_eviction: contract") {
    vmem::contract::check_eviction_contract<vmem::random_eviction>({.calls_per_slot = 3});
}

TEST_CASE(
    "random_eviction: every evictable slot is as likely as any other, pinned neighbours or not") {
    auto policy = full<10>();
    const auto evictable = [](std::size_t slot) { return slot < 2 || slot == 6 || slot == 9; };
    std::array<int, 11> count{};
    for (int i = 0; i < 10'000; ++i) {
        ++count[policy.victim(any)];
    }
    for (std::size_t slot = 0; slot < 10; ++slot) {
        CAPTURE(slot);
        CHECK(count[slot] > 900);
        CHECK(count[slot] < 1100);
    }
    count = {};
    for (int i = 0; i < 10'000; ++i) {
        ++count[policy.victim(evictable)];
    }
    for (const std::size_t slot : {0U, 1U, 6U, 9U}) {
        CAPTURE(slot);
        CHECK(count[slot] > 2350);
        CHECK(count[slot] < 2650);
    }
    CHECK(policy.victim(none) == 10);
}

TEST_CASE("random_eviction: a loop larger than the slots hits all the same") {
    std::vector<std::uint32_t> loop(100'000);
    for (std::uint32_t i = 0; i < loop.size(); ++i) {
        loop[i] = i % 200;
    }
    const double misses = ratio(simulate_misses<vmem::random_eviction<128>>(loop, 128), loop);
    CHECK(misses > 0.60);
    CHECK(misses < 0.64);
}

TEST_CASE("random_eviction: misses as often as fifo over 10^6 zipf requests") {
    const auto trace = zipf_1024();
    const double misses = ratio(simulate_misses<vmem::random_eviction<256>>(trace, 256), trace);
    CHECK(misses > 0.305);
    CHECK(misses < 0.315);
}

} // namespace
