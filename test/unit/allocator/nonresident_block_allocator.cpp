// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_block_allocator.hpp>

#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/nonresident_allocator_contract.hpp"
#include "contract/storage_contract.hpp"
#include "support/nonresident_trial.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using vmem::address;
using vmem::errc;
using vmem::io_bound;
using vmem::contract::outcome;
using vmem::test::call_order;
template <std::size_t BlockSize>
using uncached = vmem::nonresident_block_allocator<BlockSize, 0>;
template <std::size_t BlockSize>
using cached = vmem::nonresident_block_allocator<BlockSize, 64>;

constexpr address mebibyte = address{1} << 20;

static_assert(sizeof(uncached<16>) <= 10 * sizeof(address));
static_assert(uncached<16>::media_id == cached<16>::media_id &&
              uncached<16>::media_id != uncached<32>::media_id &&
              uncached<16>::media_id != vmem::nonresident_buddy_allocator<16>::media_id);
static_assert(uncached<16>::worst_case_allocate(0, mebibyte) ==
              io_bound{.reads = 2, .writes = 2, .operations = 4});
static_assert(uncached<16>::worst_case_deallocate(0, mebibyte) ==
              io_bound{.reads = 1, .writes = 2, .operations = 3});
static_assert(uncached<16>::worst_case_reads(0, mebibyte) == 2);
static_assert(uncached<16>::worst_case_writes(0, mebibyte) == 2);

TEST_CASE("nonresident_block_allocator: contract") {
    using vmem::contract::check_nonresident_allocator_contract;
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
        check_nonresident_allocator_contract<uncached<64>>(
            {.seed = seed, .largest_align = 64, .opens_unsettled = false});
        check_nonresident_allocator_contract<cached<64>>(
            {.seed = seed, .largest_align = 64, .opens_unsettled = false});
    }
    check_nonresident_allocator_contract<cached<16>>(
        {.largest_request = 16, .largest_align = 16, .opens_unsettled = false});
    check_nonresident_allocator_contract<cached<512>>({.region = 65536, .opens_unsettled = false});
}

TEST_CASE("nonresident_block_allocator: no fault of the medium is more than an error") {
    vmem::test::check_faults<uncached<32>>({.operations = 60, .largest_request = 32});
    vmem::test::check_faults<cached<512>>(
        {.seed = 1, .operations = 60, .end = 20000, .largest_request = 512});
}

TEST_CASE("nonresident_block_allocator: damaged state is survived") {
    vmem::test::check_damage<uncached<64>>();
    vmem::test::check_damage<cached<64>>();
}

template <class Allocator>
vmem::test::io_figures figures_of(vmem::test::io_workload workload) {
    auto medium = std::make_unique<vmem::counted<vmem::ram_storage<mebibyte>>>();
    Allocator allocator;
    CHECK(outcome(allocator.format(*medium, 0, mebibyte)) == "ok");
    medium->reset_counts();
    auto figures = vmem::test::io_count(allocator, *medium, workload).run();
    const io_bound allocate = Allocator::worst_case_allocate(0, mebibyte);
    const io_bound deallocate = Allocator::worst_case_deallocate(0, mebibyte);
    CAPTURE(workload.seed);
    CHECK(figures.allocate.reads <= allocate.reads);
    CHECK(figures.allocate.writes <= allocate.writes);
    CHECK(figures.allocate.operations <= allocate.operations);
    CHECK(figures.deallocate.reads <= deallocate.reads);
    CHECK(figures.deallocate.writes <= deallocate.writes);
    CHECK(figures.deallocate.operations <= deallocate.operations);
    CHECK(allocator.invariants_hold(*medium).value_or(false));
    return figures;
}

TEST_CASE("nonresident_block_allocator: a deallocation and an allocation access 1 MiB once") {
    const vmem::test::io_workload replace{.largest = 64, .live = 10000};
    const auto none = figures_of<uncached<64>>(replace);
    const auto some = figures_of<cached<64>>(replace);
    MESSAGE("64 B blocks, 10000 live, a random one replaced: ", none.mean,
            " accesses with no cache, ", some.mean, " with 64 B");
    CHECK(none.mean == 1);
    CHECK(some.mean <= 1);
    CHECK(none.pair == 1);
}

TEST_CASE("nonresident_block_allocator: calls in random order cost more, but each has its bound") {
    const vmem::test::io_workload random{
        .order = call_order::random, .largest = 64, .live = 10500, .pairs = 50000};
    const auto none = figures_of<uncached<64>>(random);
    const auto some = figures_of<cached<64>>(random);
    MESSAGE("64 B blocks, in random order: ", none.mean, " accesses with no cache, ", some.mean,
            " with 64 B");
    CHECK(none.mean <= 4);
    CHECK(some.mean <= 3);
    const auto again = figures_of<cached<64>>(
        {.order = call_order::last_in_first_out, .largest = 64, .live = 10000});
    CHECK(again.mean == 0);
    // Two levels of summaries.
    using fine = uncached<1>;
    static_assert(fine::worst_case_allocate(0, mebibyte) ==
                  io_bound{.reads = 4, .writes = 3, .operations = 7});
    const auto deep = figures_of<fine>(
        {.order = call_order::random, .smallest = 1, .largest = 1, .live = 200000, .pairs = 30000});
    CHECK(deep.mean <= 6);
}

TEST_CASE("nonresident_block_allocator: all blocks are granted, at multiples of their size") {
    constexpr std::uint64_t seed = std::mt19937_64::default_seed;
    std::mt19937_64 random(seed);
    auto medium = std::make_unique<vmem::ram_storage<40000>>();
    for (int round = 0; round < 100; ++round) {
        const address begin = random() % 300;
        const address end = begin + 200 + random() % (round % 2 == 0 ? 1000 : 39000);
        CAPTURE(begin);
        CAPTURE(end);
        cached<32> allocator;
        REQUIRE(outcome(allocator.format(*medium, begin, end)) == "ok");
        const address capacity = allocator.stats(*medium)->capacity;
        CHECK(capacity + (end - begin) / 256 + 24 + 3 + 2 + 64 >= end - begin);
        CHECK(allocator.largest_free(*medium).value_or(0) == 32);
        std::vector<address> blocks;
        for (auto made = allocator.allocate(*medium, {.size = 1}); made;
             made = allocator.allocate(*medium, {.size = 1})) {
            CHECK(*made % 32 == 0);
            blocks.push_back(*made);
        }
        CHECK(blocks.size() * 32 == capacity);
        CHECK(std::ranges::is_sorted(blocks));
        CHECK(std::ranges::adjacent_find(blocks) == blocks.end());
        CHECK(allocator.largest_free(*medium).value_or(1) == 0);
        std::ranges::shuffle(blocks, random);
        for (const address block : blocks) {
            CHECK(outcome(allocator.deallocate(*medium, block)) == "ok");
            CHECK(outcome(allocator.deallocate(*medium, block)) == message(errc::double_free));
            CHECK(outcome(allocator.deallocate(*medium, block + 1)) ==
                  message(errc::foreign_pointer));
        }
        CHECK(allocator.stats(*medium)->in_use == 0);
        CHECK(allocator.invariants_hold(*medium).value_or(false));
    }
}

TEST_CASE("nonresident_block_allocator: what does not fit a block is out of memory") {
    vmem::ram_storage<4096> medium;
    cached<64> allocator;
    REQUIRE(outcome(allocator.format(medium, 0, 4096)) == "ok");
    CHECK(outcome(allocator.allocate(medium, {.size = 65})) == message(errc::out_of_memory));
    CHECK(outcome(allocator.allocate(medium, {.size = 1, .align = 128})) ==
          message(errc::out_of_memory));
    CHECK(outcome(allocator.allocate(medium, {.size = 0})) == message(errc::zero_size));
    CHECK(outcome(allocator.allocate(medium, {.size = 1, .align = 3})) ==
          message(errc::misaligned));
    CHECK(outcome(allocator.allocate(medium, {.size = 64, .align = 64, .within = 64})) == "ok");
}

TEST_CASE("nonresident_block_allocator: a million random operations against a list of all blocks") {
    constexpr std::uint64_t seed = std::mt19937_64::default_seed;
    std::mt19937_64 random(seed);
    auto medium = std::make_unique<vmem::ram_storage<300000>>();
    cached<16> allocator;
    REQUIRE(outcome(allocator.format(*medium, 100, 300000)) == "ok");
    std::vector<bool> owned(300000 / 16);
    std::vector<address> live;
    std::string wrong;
    bool growing = true;
    for (int i = 0; i < 1'000'000 && wrong.empty(); ++i) {
        growing = random() % 30000 == 0 ? !growing : growing;
        if (live.empty() || (random() % 20 < 11) == growing) {
            const auto made = allocator.allocate(*medium, {.size = 16});
            if (made) {
                wrong = owned[*made / 16] ? "granted twice" : "";
                owned[*made / 16] = true;
                live.push_back(*made);
            } else {
                wrong = live.size() * 16 == allocator.stats(*medium)->capacity ? "" : "not granted";
            }
        } else {
            const std::size_t which = random() % live.size();
            wrong = allocator.deallocate(*medium, live[which]) ? "" : "not freed";
            owned[live[which] / 16] = false;
            live[which] = live.back();
            live.pop_back();
        }
        if (i % 10000 == 0) {
            wrong = allocator.invariants_hold(*medium).value_or(false) &&
                            allocator.stats(*medium)->blocks == live.size()
                        ? wrong
                        : "accounts";
        }
    }
    CAPTURE(seed);
    CHECK(wrong == "");
}

TEST_CASE("nonresident_block_allocator: what is not its own state is refused") {
    vmem::ram_storage<8192> medium;
    cached<64> allocator;
    CHECK(outcome(allocator.open(medium, 0, 8192)) == message(errc::corrupt));
    CHECK(outcome(allocator.format(medium, 0, 8192)) == "ok");
    cached<64> other;
    CHECK(outcome(other.open(medium, 0, 4096)) == message(errc::geometry_mismatch));
    CHECK(outcome(other.open(medium, 0, 8192)) == "ok");
    cached<32> finer;
    CHECK(outcome(finer.open(medium, 0, 8192)) == message(errc::corrupt));
    vmem::nonresident_buddy_allocator<64> buddy;
    CHECK(outcome(buddy.open(medium, 0, 8192)) == message(errc::corrupt));
    CHECK(outcome(finer.format(medium, 0, 32)) == message(errc::wrong_size));
}

TEST_CASE("nonresident_block_allocator: in a heap") {
    struct node {
        std::uint32_t number;
        std::uint32_t next;
    };
    vmem::ram_storage<32768> bytes;
    using memory = vmem::heap<vmem::storage_ref<vmem::ram_storage<32768>>, vmem::paged<256, 4>,
                              vmem::nonresident_block_allocator<16, 0>>;
    std::uint32_t first = 0;
    {
        memory heap{vmem::storage_ref<vmem::ram_storage<32768>>(bytes)};
        REQUIRE(heap.format());
        for (std::uint32_t i = 0; i < 1000; ++i) {
            const auto made = heap.make<node>(node{.number = i, .next = first});
            REQUIRE(made);
            first = made->to_address();
        }
        CHECK(outcome(heap.allocate<char>(17)) == message(errc::out_of_memory));
        CHECK(heap.allocation()->in_use == 16000);
        CHECK(heap.largest_free().value_or(0) == 16);
        CHECK(outcome(heap.flush()) == "ok");
    }
    memory heap{vmem::storage_ref<vmem::ram_storage<32768>>(bytes)};
    REQUIRE(heap.open());
    std::uint32_t expected = 1000;
    while (first != 0) {
        const auto p = memory::pointer<node>::from_address(first);
        CHECK(p->number == --expected);
        first = p->next;
        CHECK(outcome(heap.destroy(p)) == "ok");
    }
    CHECK(expected == 0);
    CHECK(heap.allocation()->blocks == 0);
    CHECK(heap.invariants_hold().value_or(false));
}

} // namespace
