// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_buddy_allocator.hpp>

#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/flaky.hpp"
#include "contract/nonresident_allocator_contract.hpp"
#include "contract/storage_contract.hpp"
#include "support/nonresident_trial.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using vmem::address;
using vmem::block_request;
using vmem::errc;
using vmem::io_bound;
using vmem::contract::outcome;
using vmem::test::call_order;
using uncached = vmem::nonresident_buddy_allocator<16, 0>;
using cached = vmem::nonresident_buddy_allocator<16, 64>;
/// With so many leaves a small range has several levels of summaries.
using fine = vmem::nonresident_buddy_allocator<1, 64>;

constexpr address mebibyte = address{1} << 20;

static_assert(sizeof(uncached) <= 10 * sizeof(address));
static_assert(sizeof(cached) <= sizeof(uncached) + 64 + 2 * sizeof(address));
static_assert(uncached::media_id == cached::media_id && uncached::media_id != fine::media_id);

// What an allocation and a deallocation cost at most, together no more than 8 accesses.
static_assert(uncached::worst_case_allocate(0, mebibyte) ==
              io_bound{.reads = 2, .writes = 3, .operations = 5});
static_assert(uncached::worst_case_deallocate(0, mebibyte) ==
              io_bound{.reads = 2, .writes = 2, .operations = 3});
static_assert(uncached::worst_case_reads(0, mebibyte) == 2);
static_assert(uncached::worst_case_writes(0, mebibyte) == 3);
// A range that is not aligned costs no more; one that is larger does.
static_assert(uncached::worst_case_allocate(24, mebibyte + 24).operations == 5);
static_assert(uncached::worst_case_allocate(0, 2 * mebibyte).operations == 8);
static_assert(uncached::worst_case_allocate(0, 256 * mebibyte).operations == 8);
static_assert(uncached::worst_case_allocate(0, 100).operations == 5);
static_assert(uncached::worst_case_allocate(0, 10).operations == 0);

/// An allocator on a medium of its own.
template <class Allocator, address Size>
struct region {
    std::unique_ptr<vmem::counted<vmem::ram_storage<Size>>> bytes =
        std::make_unique<vmem::counted<vmem::ram_storage<Size>>>();
    vmem::counted<vmem::ram_storage<Size>>& medium = *bytes;
    Allocator allocator;
    address begin;

    explicit region(address from = 0) : begin(from) {
        CHECK(outcome(allocator.format(medium, begin, Size)) == "ok");
        medium.reset_counts();
    }

    /// The address, or 0.
    address take(block_request request) { return allocator.allocate(medium, request).value_or(0); }
    std::string give(address block) { return outcome(allocator.deallocate(medium, block)); }
    address largest() { return allocator.largest_free(medium).value_or(0); }
    vmem::nonresident_stats stats() { return *allocator.stats(medium); }
    bool holds() { return allocator.invariants_hold(medium).value_or(false); }
    std::string reopen() {
        allocator = Allocator();
        return outcome(allocator.open(medium, begin, Size));
    }
    /// Reads and writes since the last time.
    std::uint64_t operations() {
        const auto seen = medium.counts();
        medium.reset_counts();
        return seen.reads + seen.writes;
    }
};

TEST_CASE("nonresident_buddy_allocator: contract") {
    using vmem::contract::check_nonresident_allocator_contract;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        check_nonresident_allocator_contract<uncached>({.seed = seed, .opens_unsettled = false});
        check_nonresident_allocator_contract<cached>({.seed = seed, .opens_unsettled = false});
    }
    check_nonresident_allocator_contract<fine>({.opens_unsettled = false});
    check_nonresident_allocator_contract<vmem::nonresident_buddy_allocator<8, 256>>(
        {.opens_unsettled = false});
    check_nonresident_allocator_contract<vmem::nonresident_buddy_allocator<256, 0>>(
        {.region = 65536, .opens_unsettled = false});
    // Where there is hardly any room, and where most of it is free.
    check_nonresident_allocator_contract<cached>(
        {.region = 1500, .largest_request = 100, .largest_align = 64, .opens_unsettled = false});
    check_nonresident_allocator_contract<cached>({.region = 200000, .opens_unsettled = false});
}

TEST_CASE("nonresident_buddy_allocator: no fault of the medium is more than an error") {
    vmem::test::check_faults<uncached>();
    vmem::test::check_faults<cached>({.seed = 1, .operations = 60, .largest_request = 5000});
    vmem::test::check_faults<fine>({.seed = 2, .operations = 40, .largest_request = 500});
}

TEST_CASE("nonresident_buddy_allocator: damaged state is survived") {
    vmem::test::check_damage<uncached>();
    vmem::test::check_damage<cached>();
    vmem::test::check_damage<vmem::nonresident_buddy_allocator<4, 0>>();
}

/// The largest numbers of accesses seen are within the bounds, and the means below a limit.
template <class Allocator>
vmem::test::io_figures figures_of(vmem::test::io_workload workload) {
    region<Allocator, mebibyte> r;
    auto figures = vmem::test::io_count(r.allocator, r.medium, workload).run();
    const io_bound allocate = Allocator::worst_case_allocate(0, mebibyte);
    const io_bound deallocate = Allocator::worst_case_deallocate(0, mebibyte);
    CAPTURE(workload.seed);
    CHECK(figures.allocate.reads <= allocate.reads);
    CHECK(figures.allocate.writes <= allocate.writes);
    CHECK(figures.allocate.operations <= allocate.operations);
    CHECK(figures.deallocate.reads <= deallocate.reads);
    CHECK(figures.deallocate.writes <= deallocate.writes);
    CHECK(figures.deallocate.operations <= deallocate.operations);
    CHECK(r.holds());
    return figures;
}

TEST_CASE(
    "nonresident_buddy_allocator: a deallocation and an allocation access 1 MiB 2 to 3 times, "
    "8 at most") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        for (const std::size_t live : {1000U, 1800U}) {
            const auto none = figures_of<uncached>({.live = live, .seed = seed});
            const auto some = figures_of<cached>({.live = live, .seed = seed});
            CAPTURE(live);
            MESSAGE("16-512 B, ", live, " live, a random one replaced: ", none.mean,
                    " accesses with no cache, ", some.mean, " with 64 B; at most ", none.pair);
            CHECK(none.mean <= 2.6);
            CHECK(some.mean <= 1.95);
            CHECK(none.pair <= 8);
            CHECK(some.pair <= 8);
        }
    }
}

TEST_CASE("nonresident_buddy_allocator: calls in random order cost more, but each has its bound") {
    const auto none = figures_of<uncached>({.order = call_order::random});
    const auto some = figures_of<cached>({.order = call_order::random});
    MESSAGE("16-512 B, in random order: ", none.mean, " accesses with no cache, ", some.mean,
            " with 64 B");
    CHECK(none.mean <= 4);
    CHECK(some.mean <= 3);
    // The bounds are reached.
    CHECK(none.allocate.operations == 5);
    CHECK(none.deallocate.operations == 3);
    // Larger blocks do not share a group; each allocation moves to another.
    const auto large =
        figures_of<uncached>({.order = call_order::random, .largest = 30000, .live = 40});
    CHECK(large.mean <= 6);
}

TEST_CASE("nonresident_buddy_allocator: what is freed and asked for again costs next to nothing") {
    const auto none = figures_of<uncached>(
        {.order = call_order::last_in_first_out, .smallest = 32, .largest = 32});
    CHECK(none.mean == 1);
    const auto some =
        figures_of<cached>({.order = call_order::last_in_first_out, .smallest = 32, .largest = 32});
    CHECK(some.mean == 0);
    const auto mixed_none = figures_of<uncached>({.order = call_order::last_in_first_out});
    const auto mixed = figures_of<cached>({.order = call_order::last_in_first_out});
    MESSAGE("allocated and freed at once: 32 B, ", none.mean, " accesses with no cache, ",
            some.mean, " with 64 B; 16-512 B, ", mixed_none.mean, " and ", mixed.mean);
    CHECK(mixed_none.mean <= 2.4);
    CHECK(mixed.mean <= 0.75);
}

TEST_CASE("nonresident_buddy_allocator: the bounds hold with several levels of summaries") {
    // 2^20 leaves: three levels of 64 or 256 bytes each.
    region<fine, mebibyte> r;
    constexpr io_bound allocate = fine::worst_case_allocate(0, mebibyte);
    constexpr io_bound deallocate = fine::worst_case_deallocate(0, mebibyte);
    static_assert(allocate == io_bound{.reads = 4, .writes = 4, .operations = 8});
    static_assert(deallocate == io_bound{.reads = 3, .writes = 3, .operations = 5});
    for (const address largest : {address{100}, address{3000}, address{100000}}) {
        const auto figures = vmem::test::io_count(r.allocator, r.medium,
                                                  {.order = call_order::random,
                                                   .smallest = 1,
                                                   .largest = largest,
                                                   .live = 30,
                                                   .pairs = 4000})
                                 .run();
        CAPTURE(largest);
        CHECK(figures.allocate.reads <= allocate.reads);
        CHECK(figures.allocate.writes <= allocate.writes);
        CHECK(figures.allocate.operations <= allocate.operations);
        CHECK(figures.deallocate.reads <= deallocate.reads);
        CHECK(figures.deallocate.writes <= deallocate.writes);
        CHECK(figures.deallocate.operations <= deallocate.operations);
        CHECK(r.holds());
    }
}

TEST_CASE("nonresident_buddy_allocator: a refusal reads a little and writes nothing") {
    region<uncached, mebibyte> r;
    const address block = r.take({.size = 100'000});
    const address small = r.take({.size = 100});
    CHECK(block != 0);
    r.operations();
    for (const address bad :
         {block + 16, block + 65536, small + 16, address{1}, mebibyte, mebibyte - 16, address{0}}) {
        CAPTURE(bad);
        CHECK(r.give(bad) != "ok");
        CHECK(r.medium.counts().writes == 0);
        CHECK(r.operations() <= 2);
    }
    CHECK(r.give(block + 4096) == message(errc::foreign_pointer));
    CHECK(r.give(small + 64) == message(errc::foreign_pointer));
    CHECK(r.give(small + 8) == message(errc::foreign_pointer));
    CHECK(r.give(small + 256) == message(errc::double_free));
    CHECK(r.give(block) == "ok");
    CHECK(r.give(block) == message(errc::double_free));
    CHECK(r.give(block + 4096) == message(errc::double_free));
    CHECK(r.give(small) == "ok");
    CHECK(r.give(block) == message(errc::double_free));
    CHECK(r.give(small) == message(errc::double_free));
}

TEST_CASE("nonresident_buddy_allocator: blocks are powers of two at multiples of their size") {
    region<cached, 65536> r(40);
    for (address size = 1; size <= 16384; size += 1 + size / 5) {
        const address before = r.stats().in_use;
        const address block = r.take({.size = size});
        const address whole = (std::max)(address{16}, std::bit_ceil(size));
        CAPTURE(size);
        REQUIRE(block != 0);
        CHECK(block % whole == 0);
        CHECK(r.stats().in_use == before + whole);
        CHECK(r.give(block) == "ok");
    }
    // Aligned beyond its size, it takes no more than its size.
    const address aligned = r.take({.size = 20, .align = 4096});
    CHECK(aligned % 4096 == 0);
    CHECK(aligned != 0);
    CHECK(r.stats().in_use == 32);
    const address next = r.take({.size = 32, .align = 32});
    CHECK(next != aligned);
    CHECK(r.holds());
}

TEST_CASE("nonresident_buddy_allocator: a range of any size and place is used to the end") {
    std::mt19937_64 random;
    auto medium = std::make_unique<vmem::ram_storage<70000>>();
    for (int round = 0; round < 300; ++round) {
        const address begin = random() % 5000;
        const address end = begin + 100 + random() % (round % 2 == 0 ? 1000 : 60000);
        CAPTURE(begin);
        CAPTURE(end);
        cached allocator;
        REQUIRE(outcome(allocator.format(*medium, begin, end)) == "ok");
        const address capacity = allocator.stats(*medium)->capacity;
        // The state takes 1/64 and its summaries; at either end up to a block is lost.
        CHECK(capacity + (end - begin) / 64 + (end - begin) / 4096 + 24 + 4 + 32 >= end - begin);
        const address whole = allocator.largest_free(*medium).value_or(0);
        std::vector<address> blocks;
        for (auto made = allocator.allocate(*medium, {.size = 16}); made;
             made = allocator.allocate(*medium, {.size = 16})) {
            blocks.push_back(*made);
        }
        CHECK(blocks.size() * 16 == capacity);
        CHECK(allocator.invariants_hold(*medium).value_or(false));
        if (round % 3 == 1) {
            std::ranges::reverse(blocks);
        } else if (round % 3 == 2) {
            std::ranges::shuffle(blocks, random);
        }
        for (const address block : blocks) {
            CHECK(outcome(allocator.deallocate(*medium, block)) == "ok");
        }
        CHECK(allocator.largest_free(*medium).value_or(0) == whole);
    }
}

TEST_CASE("nonresident_buddy_allocator: 1 MiB is given out but for 2 %") {
    region<uncached, mebibyte> r;
    CHECK(r.stats().capacity >= mebibyte * 98 / 100);
    CHECK(r.largest() == mebibyte / 2);
}

TEST_CASE("nonresident_buddy_allocator: the cache changes no answer") {
    using large_cache = vmem::nonresident_buddy_allocator<16, 1024>;
    region<uncached, 65536> none;
    region<cached, 65536> some;
    region<large_cache, 65536> much;
    std::mt19937_64 random;
    std::vector<address> live;
    for (int i = 0; i < 5000; ++i) {
        if (live.empty() || random() % 2 == 0) {
            const block_request request{.size = 1 + random() % 700};
            const address block = none.take(request);
            CHECK(some.take(request) == block);
            CHECK(much.take(request) == block);
            if (block != 0) {
                live.push_back(block);
            }
        } else {
            const std::size_t which = random() % live.size();
            CHECK(none.give(live[which]) == "ok");
            CHECK(some.give(live[which]) == "ok");
            CHECK(much.give(live[which]) == "ok");
            live[which] = live.back();
            live.pop_back();
        }
    }
    CHECK(none.holds());
    CHECK(some.holds());
    CHECK(much.holds());
    CHECK(much.medium.counts().reads < some.medium.counts().reads);
    CHECK(some.medium.counts().reads < none.medium.counts().reads);
    CHECK(some.medium.counts().writes == none.medium.counts().writes);
}

TEST_CASE("nonresident_buddy_allocator: a million random operations against a map of all units") {
    constexpr std::uint64_t seed = std::mt19937_64::default_seed;
    region<cached, mebibyte> r(512);
    struct block {
        address at;
        address size;
    };
    std::mt19937_64 random(seed);
    std::vector<block> live;
    std::vector<std::uint8_t> owned(mebibyte / 16);
    std::string wrong;
    bool growing = true;
    for (int i = 0; i < 1'000'000 && wrong.empty(); ++i) {
        growing = random() % 20000 == 0 ? !growing : growing;
        if (live.empty() || (random() % 20 < 11) == growing) {
            const unsigned kind = static_cast<unsigned>(random() % 64);
            const address size = 1 + random() % (kind == 0 ? 40000 : kind < 8 ? 3000 : 200);
            const address align = address{1} << random() % (kind % 8 == 0 ? 13 : 5);
            const auto made = r.allocator.allocate(r.medium, {.size = size, .align = align});
            if (!made) {
                growing = false;
                wrong = made.error() == errc::out_of_memory ? "" : message(made.error());
                continue;
            }
            const address units = std::bit_ceil((size + 15) / 16);
            wrong = *made % align != 0 ? "not aligned" : wrong;
            for (address unit = *made / 16; unit < *made / 16 + units; ++unit) {
                wrong = owned[unit] != 0 ? "granted twice" : wrong;
                owned[unit] = 1;
            }
            // A guard at either end, as wide as the block allows.
            r.medium.inner().data()[*made] = static_cast<std::byte>(*made >> 4);
            r.medium.inner().data()[*made + size - 1] = static_cast<std::byte>(*made >> 4);
            live.push_back({*made, size});
        } else {
            const std::size_t which = random() % live.size();
            const block gone = live[which];
            const auto guard = static_cast<std::byte>(gone.at >> 4);
            wrong = r.medium.inner().data()[gone.at] != guard ||
                            r.medium.inner().data()[gone.at + gone.size - 1] != guard
                        ? "written to"
                        : wrong;
            wrong = r.allocator.deallocate(r.medium, gone.at) ? wrong : "not freed";
            const address units = std::bit_ceil((gone.size + 15) / 16);
            std::fill_n(owned.begin() + static_cast<std::ptrdiff_t>(gone.at / 16), units,
                        std::uint8_t{0});
            live[which] = live.back();
            live.pop_back();
        }
        if (i % 20000 == 0) {
            const auto in_use = static_cast<address>(std::ranges::count(owned, 1)) * 16;
            wrong = r.holds() && r.stats().in_use == in_use && r.stats().blocks == live.size()
                        ? wrong
                        : "accounts";
        }
    }
    CAPTURE(seed);
    CHECK(wrong == "");
}

TEST_CASE("nonresident_buddy_allocator: under churn of 16 to 512 bytes it loses what rounding "
          "costs, and little more") {
    region<cached, mebibyte> r;
    struct block {
        address at;
        address size;
    };
    std::mt19937_64 random;
    std::vector<block> live;
    address requested = 0;
    double least = 1;
    double sum = 0;
    constexpr int rounds = 40;
    for (int round = 0; round < rounds; ++round) {
        for (;;) {
            const address size = 16 + random() % 497;
            const address at = r.take({.size = size});
            if (at == 0) {
                break;
            }
            live.push_back({at, size});
            requested += size;
        }
        const double now = static_cast<double>(requested) / static_cast<double>(mebibyte);
        least = (std::min)(least, now);
        sum += now;
        for (std::size_t left = live.size() / 3; left != 0; --left) {
            const std::size_t which = random() % live.size();
            CHECK(r.give(live[which].at) == "ok");
            requested -= live[which].size;
            live[which] = live.back();
            live.pop_back();
        }
    }
    MESSAGE("requested bytes of all bytes when a request first fails: mean ", sum / rounds,
            ", least ", least);
    CHECK(sum / rounds >= 0.69);
    CHECK(least >= 0.66);
}

TEST_CASE("nonresident_buddy_allocator: open takes up what settle left, and less what it did not") {
    region<cached, 65536> r;
    std::vector<address> blocks(50);
    for (address& block : blocks) {
        block = r.take({.size = 100});
    }
    CHECK(r.give(blocks[20]) == "ok");
    CHECK(outcome(r.allocator.settle(r.medium)) == "ok");
    r.operations();
    CHECK(outcome(r.allocator.settle(r.medium)) == "ok");
    CHECK(r.operations() == 0);
    CHECK(r.reopen() == "ok");
    // The header, 16 groups of leaves, one of summaries.
    CHECK(r.medium.counts().reads == 18);
    CHECK(r.medium.counts().writes == 0);
    CHECK(r.stats().blocks == 49);
    CHECK(r.holds());
    // What was freed last is in use again if the allocator never learnt more.
    CHECK(r.give(blocks[10]) == "ok");
    CHECK(r.give(blocks[30]) == "ok");
    CHECK(r.stats().blocks == 47);
    CHECK(r.reopen() == "ok");
    CHECK(r.stats().blocks == 48);
    CHECK(r.give(blocks[10]) == message(errc::double_free));
    CHECK(r.give(blocks[30]) == "ok");
    CHECK(r.holds());
}

TEST_CASE("nonresident_buddy_allocator: the summaries on the medium need not be there") {
    region<uncached, mebibyte> r;
    std::mt19937_64 random;
    for (int i = 0; i < 300; ++i) {
        CHECK(r.take({.size = 1 + random() % 3000}) != 0);
    }
    const auto known = r.stats();
    const address largest = r.largest();
    CHECK(outcome(r.allocator.settle(r.medium)) == "ok");
    // Behind the header and level 0 they are.
    for (address at = 24 + mebibyte / 64; at < 24 + mebibyte / 64 + 256; ++at) {
        r.medium.inner().data()[at] = static_cast<std::byte>(random());
    }
    CHECK_FALSE(r.holds());
    CHECK(r.reopen() == "ok");
    CHECK(r.holds());
    CHECK(r.stats().blocks == known.blocks);
    CHECK(r.stats().in_use == known.in_use);
    CHECK(r.largest() == largest);
}

TEST_CASE("nonresident_buddy_allocator: what is not its own state is refused") {
    vmem::ram_storage<8192> medium;
    cached allocator;
    CHECK(outcome(allocator.open(medium, 64, 8192)) == message(errc::corrupt));
    CHECK(outcome(allocator.format(medium, 64, 8192)) == "ok");
    CHECK(outcome(allocator.settle(medium)) == "ok");
    cached other;
    CHECK(outcome(other.open(medium, 64, 4096)) == message(errc::geometry_mismatch));
    CHECK(outcome(other.open(medium, 72, 8192)) == message(errc::corrupt));
    fine finer;
    CHECK(outcome(finer.open(medium, 64, 8192)) == message(errc::corrupt));
    CHECK(outcome(other.open(medium, 64, 80)) == message(errc::wrong_size));
    CHECK(outcome(other.open(medium, 64, 8192)) == "ok");
    // One that is neither formatted nor open has nothing to give, and nothing to take.
    cached closed;
    CHECK(outcome(closed.allocate(medium, {.size = 1})) == message(errc::out_of_memory));
    CHECK(outcome(closed.deallocate(medium, 4096)) == message(errc::foreign_pointer));
    CHECK(closed.largest_free(medium).value_or(1) == 0);
    CHECK(closed.invariants_hold(medium).value_or(false));
    CHECK(outcome(closed.settle(medium)) == "ok");
    const address most = (std::numeric_limits<address>::max)();
    CHECK(outcome(closed.format(medium, most - 100, most)) != "ok");
    CHECK(outcome(closed.format(medium, 4096, 64)) == message(errc::wrong_size));
}

/// As large as the tests like, and 0 where nothing was written.
class sparse_medium {
public:
    explicit sparse_medium(address size) : size_(size) {}

    [[nodiscard]] address size() const noexcept { return size_; }
    [[nodiscard]] vmem::result<void> read(address from, std::span<std::byte> out) {
        for (std::size_t i = 0; i < out.size(); ++i) {
            const auto page = pages_.find((from + i) / 4096);
            out[i] = page == pages_.end() ? std::byte{0} : page->second[(from + i) % 4096];
        }
        return {};
    }
    [[nodiscard]] vmem::result<void> write(address to, std::span<const std::byte> in) {
        for (std::size_t i = 0; i < in.size(); ++i) {
            if (in[i] != std::byte{0} || pages_.contains((to + i) / 4096)) {
                pages_[(to + i) / 4096][(to + i) % 4096] = in[i];
            }
        }
        return {};
    }
    [[nodiscard]] vmem::result<void> sync() { return {}; }

private:
    address size_;
    std::map<address, std::array<std::byte, 4096>> pages_;
};

TEST_CASE("nonresident_buddy_allocator: blocks up to half of a terabyte") {
    constexpr address size = address{1} << 40U;
    using huge = vmem::nonresident_buddy_allocator<1048576, 64>;
    static_assert(huge::worst_case_allocate(0, size) ==
                  io_bound{.reads = 4, .writes = 4, .operations = 8});
    vmem::counted<sparse_medium> medium(sparse_medium{size});
    huge allocator;
    REQUIRE(outcome(allocator.format(medium, 0, size)) == "ok");
    CHECK(allocator.largest_free(medium).value_or(0) == size / 2);
    const auto half = allocator.allocate(medium, {.size = size / 2});
    CHECK(half.value_or(0) == size / 2);
    std::mt19937_64 random;
    std::map<address, address> live;
    for (int i = 0; i < 300; ++i) {
        medium.reset_counts();
        if (live.empty() || random() % 3 != 0) {
            const address bytes = address{1} << (10 + random() % 29);
            const auto made = allocator.allocate(medium, {.size = bytes});
            if (made) {
                const auto next = live.lower_bound(*made);
                CHECK((next == live.end() || next->first - *made >= bytes));
                CHECK(*made + bytes <= size / 2);
                live.emplace(*made, bytes);
            }
            CHECK(medium.counts().reads <= 4);
            CHECK(medium.counts().writes <= 4);
        } else {
            const auto which =
                std::next(live.begin(), static_cast<std::ptrdiff_t>(random() % live.size()));
            CHECK(outcome(allocator.deallocate(medium, which->first)) == "ok");
            CHECK(medium.counts().reads <= 3);
            CHECK(medium.counts().writes <= 3);
            const address inside = which->first + which->second / 2 / mebibyte * mebibyte;
            CHECK(outcome(allocator.deallocate(medium, inside)) == message(errc::double_free));
            live.erase(which);
        }
    }
    for (const auto& [at, bytes] : live) {
        if (bytes > mebibyte) {
            CHECK(outcome(allocator.deallocate(medium, at + bytes / 2)) ==
                  message(errc::foreign_pointer));
        }
    }
    CHECK(allocator.invariants_hold(medium).value_or(false));
    CHECK(outcome(allocator.settle(medium)) == "ok");
    huge again;
    CHECK(outcome(again.open(medium, 0, size)) == "ok");
    CHECK(again.stats(medium)->blocks == live.size() + 1);
    for (const auto& [at, bytes] : live) {
        CHECK(outcome(again.deallocate(medium, at)) == "ok");
    }
    CHECK(outcome(again.deallocate(medium, *half)) == "ok");
    CHECK(again.largest_free(medium).value_or(0) == size / 2);
}

TEST_CASE("nonresident_buddy_allocator: in a heap") {
    struct record {
        std::uint32_t number;
        std::array<std::uint32_t, 11> rest;
    };
    vmem::ram_storage<65536> bytes;
    using memory = vmem::heap<vmem::storage_ref<vmem::ram_storage<65536>>, vmem::paged<512, 4>,
                              vmem::nonresident_buddy_allocator<16, 0>>;
    std::vector<address> kept;
    {
        memory heap{vmem::storage_ref<vmem::ram_storage<65536>>(bytes)};
        REQUIRE(heap.format());
        std::vector<memory::pointer<record>> records;
        for (std::uint32_t i = 0; i < 600; ++i) {
            const auto made = heap.make<record>(record{.number = i, .rest = {}});
            REQUIRE(made);
            CHECK(made->to_address() / 512 == (made->to_address() + sizeof(record) - 1) / 512);
            records.push_back(*made);
        }
        for (std::uint32_t i = 0; i < 600; i += 3) {
            CHECK(outcome(heap.deallocate(records[i])) == "ok");
        }
        CHECK(outcome(heap.deallocate(records[0])) == message(errc::double_free));
        const auto text = heap.allocate<char>(10000);
        CHECK(text);
        CHECK(heap.allocation()->blocks == 401);
        CHECK(heap.invariants_hold().value_or(false));
        CHECK(outcome(heap.flush()) == "ok");
        for (std::uint32_t i = 0; i < 600; ++i) {
            kept.push_back(i % 3 == 0 ? 0 : records[i].to_address());
        }
    }
    memory heap{vmem::storage_ref<vmem::ram_storage<65536>>(bytes)};
    REQUIRE(heap.open());
    CHECK(heap.allocation()->blocks == 401);
    for (std::uint32_t i = 0; i < 600; ++i) {
        if (kept[i] != 0) {
            const auto p =
                memory::pointer<record>::from_address(static_cast<std::uint32_t>(kept[i]));
            CHECK(p->number == i);
            CHECK(outcome(heap.destroy(p)) == "ok");
        }
    }
    CHECK(heap.allocation()->blocks == 1);
    CHECK(heap.invariants_hold().value_or(false));
}

} // namespace
