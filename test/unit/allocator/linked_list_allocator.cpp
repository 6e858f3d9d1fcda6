// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/linked_list_allocator.hpp>

#include "contract/ram_allocator_contract.hpp"
#include "support/allocator_load.hpp"
#include "support/random_test.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <random>
#include <utility>
#include <vector>

namespace {

using namespace vmem::test;
using first = vmem::linked_list_allocator<vmem::first_fit>;
using best = vmem::linked_list_allocator<vmem::best_fit>;

static_assert(sizeof(first) <= 6 * sizeof(void*));
static_assert(sizeof(best) <= 6 * sizeof(void*));
static_assert(best::granule == 2 * sizeof(void*));

template <class A>
std::size_t in_granules(std::size_t size, std::size_t) {
    return (size + A::granule - 1) / A::granule * A::granule;
}

template <class A>
vmem::contract::ram_allocator_options promises() {
    return {.goes_on_alike_when_rebuilt = true,
            .finds_inner_pointers = false,
            .finds_wrong_sizes = false,
            .footprint = in_granules<A>};
}

TEST_CASE_TEMPLATE("linked_list_allocator: contract", A, first, best) {
    vmem::contract::check_ram_allocator_contract<A>(promises<A>());
}

TEST_CASE_TEMPLATE("linked_list_allocator: contract, a million operations", A, first, best) {
    auto options = promises<A>();
    options.operations = 1'000'000;
    options.arena = 8 * 1024;
    options.largest_align = 256;
    vmem::contract::check_ram_allocator_contract<A>(options);
}

TEST_CASE("linked_list_allocator: all of an arena can be allocated") {
    alignas(64) std::array<std::byte, 4096> arena{};
    best allocator(arena);
    CHECK(allocator.largest_free() == arena.size());
    for (std::size_t i = 0; i < arena.size(); i += best::granule) {
        CHECK(allocator.allocate(best::granule, 1).has_value());
    }
    CHECK(allocator.stats().in_use == arena.size());
}

TEST_CASE_TEMPLATE("linked_list_allocator: a fresh MiB gives out 95 % of itself", A, first, best) {
    aligned_arena arena;
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        A allocator(arena.bytes());
        CHECK(density(allocator, arena.bytes().size(), seed) >= 0.95);
    }
}

TEST_CASE("linked_list_allocator: best fit keeps 86 % in use, whatever comes and goes") {
    aligned_arena arena;
    best allocator(arena.bytes());
    CHECK(keeps_in_use(allocator, arena.bytes().size() * 86 / 100, 300'000, 1));
    CHECK(allocator.invariants_hold());
}

/// Free blocks of 96, 64 and 64 bytes, then all the rest.
template <class A>
std::array<std::byte*, 4> make_holes(A& allocator) {
    std::array<std::byte*, 4> hole{};
    std::size_t i = 0;
    for (const std::size_t size : {96U, 64U, 64U}) {
        hole[i++] = static_cast<std::byte*>(allocator.allocate(size).value());
        REQUIRE(allocator.allocate(32).has_value());
    }
    i = 0;
    for (const std::size_t size : {96U, 64U, 64U}) {
        REQUIRE(allocator.deallocate(hole[i++], size).has_value());
    }
    hole[3] = hole[2] + 64 + 32;
    return hole;
}

TEST_CASE("linked_list_allocator: first fit takes the first block") {
    alignas(64) std::array<std::byte, 1024> arena{};
    first allocator(arena);
    const auto hole = make_holes(allocator);
    CHECK(allocator.allocate(64).value() == hole[0]);
    CHECK(allocator.allocate(64).value() == hole[1]);
    CHECK(allocator.allocate(32).value() == hole[0] + 64);
    CHECK(allocator.allocate(80).value() == hole[3]);
}

TEST_CASE("linked_list_allocator: best fit takes the smallest block") {
    alignas(64) std::array<std::byte, 1024> arena{};
    best allocator(arena);
    const auto hole = make_holes(allocator);
    CHECK(allocator.allocate(64).value() == hole[1]);
    CHECK(allocator.allocate(32).value() == hole[2]);
    CHECK(allocator.allocate(80).value() == hole[0]);
    CHECK(allocator.allocate(16).value() == hole[0] + 80);
    CHECK(allocator.allocate(64).value() == hole[3]);
}

TEST_CASE("linked_list_allocator: any policy of that shape will do") {
    struct roomy {
        static constexpr bool is_good(std::size_t size, std::size_t wanted) noexcept {
            return size >= wanted + 64;
        }
    };
    alignas(64) std::array<std::byte, 1024> arena{};
    vmem::linked_list_allocator<roomy> allocator(arena);
    const auto hole = make_holes(allocator);
    CHECK(allocator.allocate(32).value() == hole[0]);
    CHECK(allocator.allocate(32).value() == hole[3]);
}

TEST_CASE("linked_list_allocator: grows in place") {
    alignas(64) std::array<std::byte, 1024> arena{};
    best allocator(arena);
    void* const p = allocator.allocate(100).value();
    CHECK(allocator.reallocate(p, 100, 112).value() == p);
    CHECK(allocator.reallocate(p, 112, 1024).value() == p);
    CHECK(allocator.largest_free() == 0);
    CHECK(allocator.reallocate(p, 1024, 1025).error() == vmem::errc::out_of_memory);
    CHECK(allocator.reallocate(p, 1024, 64).value() == p);
    CHECK(allocator.largest_free() == 960);
    CHECK(allocator.invariants_hold());
}

TEST_CASE("linked_list_allocator: a block that reaches into free memory is no block") {
    alignas(64) std::array<std::byte, 1024> arena{};
    best allocator(arena);
    void* const p = allocator.allocate(64).value();
    CHECK(allocator.deallocate(p, 80).error() == vmem::errc::foreign_pointer);
    CHECK(allocator.deallocate(p, 1024).error() == vmem::errc::foreign_pointer);
    CHECK(allocator.deallocate(p, 1040).error() == vmem::errc::foreign_pointer);
    CHECK(allocator.reallocate(p, 80, 16).error() == vmem::errc::foreign_pointer);
    CHECK(allocator.deallocate(p, 64).has_value());
}

TEST_CASE("linked_list_allocator: damage is found") {
    alignas(64) std::array<std::byte, 1024> arena{};
    best allocator(arena);
    const auto hole = make_holes(allocator);
    REQUIRE(allocator.invariants_hold());
    // The size of the block in the second hole.
    std::byte& size = hole[1][sizeof(void*)];
    const std::byte old = size;
    for (const unsigned wrong : {0U, 8U, 63U, 80U, 96U}) {
        size = static_cast<std::byte>(wrong);
        CHECK_FALSE(allocator.invariants_hold());
    }
    size = old;
    CHECK(allocator.invariants_hold());
}

static_assert(vmem::slides_blocks<first> && vmem::slides_blocks<best>);

TEST_CASE("linked_list_allocator: blocks that slide in order leave one free block") {
    struct block {
        std::byte* at;
        std::size_t size;
        std::size_t align;
    };
    const std::uint64_t seed = random_seed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    alignas(64) std::array<std::byte, 4096> arena{};
    best allocator(arena);
    std::vector<block> blocks;
    for (int n = 0; n < 5000; ++n) {
        if (random() % 5 < 3) {
            const std::size_t size = 1 + random() % 200;
            const std::size_t align = std::size_t{1} << random() % 6;
            if (const auto made = allocator.allocate(size, align)) {
                std::memset(*made, static_cast<int>(size), size);
                blocks.push_back({static_cast<std::byte*>(*made), size, align});
            }
        } else if (!blocks.empty()) {
            std::swap(blocks[random() % blocks.size()], blocks.back());
            REQUIRE(
                allocator.deallocate(blocks.back().at, blocks.back().size, blocks.back().align));
            blocks.pop_back();
        }
        if (n % 50 == 0) {
            std::ranges::sort(blocks, {}, &block::at);
            const std::size_t in_use = allocator.stats().in_use;
            std::size_t skipped = 0;
            const std::byte* end = arena.data();
            for (block& each : blocks) {
                each.at = static_cast<std::byte*>(allocator.slide(each.at, each.size, each.align));
                REQUIRE(allocator.invariants_hold());
                REQUIRE(each.at >= end);
                REQUIRE(static_cast<std::size_t>(each.at - end) <
                        std::max(each.align, best::granule));
                skipped += static_cast<std::size_t>(each.at - end);
                end = each.at + in_granules<best>(each.size, 1);
                REQUIRE(std::all_of(each.at, each.at + each.size, [&](std::byte b) {
                    return b == std::byte(static_cast<std::uint8_t>(each.size));
                }));
            }
            REQUIRE(allocator.stats().in_use == in_use);
            REQUIRE(allocator.largest_free() >= arena.size() - in_use - skipped);
        }
    }
}

} // namespace
