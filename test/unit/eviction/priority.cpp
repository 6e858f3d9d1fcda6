// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/priority.hpp>

#include "contract/eviction_contract.hpp"
#include "support/eviction_models.hpp"
#include "support/keyed_simulation.hpp"
#include "support/page_models.hpp"

#include <cstddef>
#include <doctest/doctest.h>

namespace {

using namespace vmem::test;
using vmem::priority_level;

constexpr auto any = [](std::size_t) { return true; };
constexpr auto none = [](std::size_t) { return false; };

static_assert(sizeof(vmem::priority<8>) == 8 * 4 + 4);
static_assert(sizeof(vmem::priority<64>) == 64 * 4 + 4);
static_assert(sizeof(vmem::priority<256>) == 256 * 4 + 4);
static_assert(all_zero_when_empty<vmem::priority<256>>());

struct levels_of_the_model : vmem::priority_defaults {
    static constexpr priority_level level_of(vmem::address key) noexcept {
        return key % 16 == 0  ? priority_level::critical
               : key % 2 == 0 ? priority_level::normal
                              : priority_level::low;
    }
};
struct earlier : vmem::priority_defaults {
    static constexpr unsigned start_percent = 50;
    static constexpr unsigned free_percent = 100;
};
template <std::size_t Slots>
using leveled = vmem::priority_by<levels_of_the_model>::policy<Slots>;

template <std::size_t Slots>
vmem::priority<Slots> full() {
    vmem::priority<Slots> policy;
    for (std::size_t slot = 0; slot < Slots; ++slot) {
        policy.on_insert(slot);
    }
    return policy;
}

TEST_CASE("priority: contract") {
    vmem::contract::check_eviction_contract<vmem::priority>({.calls_per_slot = 1});
    vmem::contract::check_eviction_contract<leveled>({.calls_per_slot = 1});
}

TEST_CASE("priority: critical goes last, else the less important before the more important") {
    auto policy = full<4>();
    policy.set_level(0, priority_level::critical);
    policy.set_level(1, priority_level::important);
    policy.set_level(3, priority_level::low);
    CHECK(policy.level(0) == priority_level::critical);
    CHECK(policy.level(2) == priority_level::normal);
    // Ages of 2, 1 and 0 insertions: scores of 6, 6 and 4. Between equals, the level decides.
    CHECK(policy.victim(any) == 2);
    policy.on_remove(2);
    CHECK(policy.victim(any) == 1);
    policy.on_remove(1);
    CHECK(policy.victim(any) == 3);
    policy.on_remove(3);
    CHECK(policy.victim(any) == 0);
    CHECK(policy.victim(none) == 4);
    policy.on_remove(0);
    CHECK(policy.victim(any) == 4);
    policy.on_insert(0);
    CHECK(policy.level(0) == priority_level::normal);
}

TEST_CASE("priority: what is old leaves before what is new, what is used often stays") {
    auto policy = full<3>();
    CHECK(policy.victim(any) == 0);
    policy.on_access(0);
    CHECK(policy.victim(any) == 1);
    policy.on_access(1);
    policy.on_access(2);
    policy.on_access(2);
    CHECK(policy.victim(any) == 0);
    CHECK(policy.victim([](std::size_t slot) { return slot != 0; }) == 1);
}

TEST_CASE("priority: a clean-up is due at nine tenths and gives up three tenths") {
    static_assert(vmem::priority<1>::start_slots == 1 && vmem::priority<1>::free_slots == 1);
    static_assert(vmem::priority<3>::start_slots == 3 && vmem::priority<3>::free_slots == 1);
    static_assert(vmem::priority<100>::start_slots == 90 && vmem::priority<100>::free_slots == 30);
    vmem::priority<10> policy;
    for (std::size_t slot = 0; slot < 9; ++slot) {
        CHECK(policy.cleanup_due() == 0);
        policy.on_insert(slot);
    }
    CHECK(policy.cleanup_due() == 3);
    for (std::size_t left = policy.cleanup_due(); left != 0; --left) {
        policy.on_remove(policy.victim(any));
    }
    CHECK(policy.cleanup_due() == 0);
    static_assert(vmem::basic_priority<7, earlier>::start_slots == 4);
    static_assert(vmem::basic_priority<7, earlier>::free_slots == 7);
}

TEST_CASE("priority: ages do not overflow") {
    auto policy = full<3>();
    policy.on_access(0);
    for (int i = 0; i < 200'000; ++i) {
        policy.on_remove(1);
        policy.on_insert(1);
    }
    CHECK(policy.victim(any) == 2);
    policy.on_remove(2);
    policy.on_insert(2);
    CHECK(policy.victim(any) == 0);
}

TEST_CASE("priority: agrees with a model over 250000 requests of each pattern") {
    const pattern_comparison found = compare_patterns<leveled, priority_model>(250'000);
    CHECK(found.disagreements == 0);
    CHECK(found.misses == "230886 220923 56121 233763 62500 234273");
    CHECK(disagreements_of_few_slots<leveled, priority_model>() == 0);
}

TEST_CASE("priority: misses of 10^6 zipf requests, all normal") {
    CHECK(keyed_misses<vmem::priority<16>>(zipf_1024(), 16) == 606912);
    CHECK(keyed_misses<vmem::priority<64>>(zipf_1024(), 64) == 404572);
    CHECK(keyed_misses<vmem::priority<256>>(zipf_1024(), 256) == 202540);
}

} // namespace
