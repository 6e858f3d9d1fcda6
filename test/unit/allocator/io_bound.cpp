// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/io_bound.hpp>

#include <vmem/allocator/nonresident_block_allocator.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/counted.hpp>

#include "contract/storage_contract.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using vmem::address;
using vmem::io_bound;
using vmem::contract::outcome;
template <std::size_t MinBlock, std::size_t CacheBytes>
using buddy = vmem::nonresident_buddy_allocator<MinBlock, CacheBytes>;
template <std::size_t BlockSize, std::size_t CacheBytes>
using block = vmem::nonresident_block_allocator<BlockSize, CacheBytes>;

static_assert(io_bound{.reads = 1, .writes = 2, .operations = 3} == io_bound{1, 2, 3});
static_assert(io_bound{} == io_bound{0, 0, 0});
static_assert(vmem::detail::larger(2, 3) == 3 && vmem::detail::larger(3, 2) == 3);

constexpr address mebibyte = address{1} << 20;

/// Of a storage no more than the first bytes, those of an allocator's state; so that it is quickly
/// copied. Whatever reaches behind them fails: no allocator here has business in the blocks.
class state_medium {
public:
    explicit state_medium(address size) : size_(size), bytes_(static_cast<std::size_t>(size)) {}

    void keep(address count) {
        bytes_.resize(static_cast<std::size_t>(count));
        bytes_.shrink_to_fit();
    }
    [[nodiscard]] address size() const noexcept { return size_; }
    [[nodiscard]] vmem::result<void> read(address from, std::span<std::byte> out) {
        const auto fits = vmem::detail::check_range(bytes_.size(), from, out.size());
        if (fits) {
            std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(from), out.size(),
                        out.begin());
        }
        return fits;
    }
    [[nodiscard]] vmem::result<void> write(address to, std::span<const std::byte> in) {
        const auto fits = vmem::detail::check_range(bytes_.size(), to, in.size());
        if (fits) {
            std::ranges::copy(in, bytes_.begin() + static_cast<std::ptrdiff_t>(to));
        }
        return fits;
    }
    [[nodiscard]] vmem::result<void> sync() { return {}; }

private:
    address size_;
    std::vector<std::byte> bytes_;
};

/// What a call is, so that it can be made on a copy first.
struct call {
    enum class kind : std::uint8_t { allocate, deallocate, refused, settle, largest } what;
    /// Size, address, or number of the block.
    address value;
};

/// An allocator, its medium, what is live, and the most that its calls have cost.
template <class Allocator>
class subject {
public:
    static constexpr address none = ~address{0};

    subject(address begin, address end) : begin_(begin), end_(end), medium_(state_medium(end)) {
        CHECK(outcome(allocator_.format(medium_, begin, end)) == "ok");
        medium_.inner().keep(end - allocator_.stats(medium_)->capacity);
        medium_.reset_counts();
    }

    /// Accesses; `none` if it did what it must not.
    unsigned make(const call& c) {
        using enum call::kind;
        std::string done = "ok";
        switch (c.what) {
        case allocate: {
            const auto made = allocator_.allocate(medium_, {.size = c.value});
            if (made) {
                live_.push_back(*made);
            } else if (made.error() != vmem::errc::out_of_memory) {
                done = message(made.error());
            }
            return account(allocated_, done);
        }
        case deallocate: {
            address& gone = live_[static_cast<std::size_t>(c.value) % live_.size()];
            done = outcome(allocator_.deallocate(medium_, gone));
            gone = live_.back();
            live_.pop_back();
            return account(deallocated_, done);
        }
        case refused:
            if (std::ranges::find(live_, c.value) == live_.end()) {
                done = allocator_.deallocate(medium_, c.value) ? "freed" : "ok";
            }
            return account(deallocated_, done);
        case settle:
            done = outcome(allocator_.settle(medium_));
            return account(other_, done);
        case largest:
            done = outcome(allocator_.largest_free(medium_));
            return account(other_, done);
        }
        return 0;
    }

    [[nodiscard]] std::size_t live() const { return live_.size(); }
    [[nodiscard]] const std::string& wrong() const { return wrong_; }
    [[nodiscard]] const io_bound& allocated() const { return allocated_; }
    [[nodiscard]] const io_bound& deallocated() const { return deallocated_; }

    void check() {
        const auto within = [](const io_bound& seen, const io_bound& bound) {
            CHECK(seen.reads <= bound.reads);
            CHECK(seen.writes <= bound.writes);
            CHECK(seen.operations <= bound.operations);
        };
        CHECK(wrong_ == "");
        within(allocated_, Allocator::worst_case_allocate(begin_, end_));
        within(deallocated_, Allocator::worst_case_deallocate(begin_, end_));
        for (const io_bound& seen : {allocated_, deallocated_, other_}) {
            CHECK(seen.reads <= Allocator::worst_case_reads(begin_, end_));
            CHECK(seen.writes <= Allocator::worst_case_writes(begin_, end_));
        }
        CHECK(allocator_.invariants_hold(medium_).value_or(false));
    }

private:
    unsigned account(io_bound& most, const std::string& done) {
        const auto reads = static_cast<unsigned>(medium_.counts().reads);
        const auto writes = static_cast<unsigned>(medium_.counts().writes);
        medium_.reset_counts();
        wrong_ = wrong_.empty() && done != "ok" ? done : wrong_;
        most.reads = (std::max)(most.reads, reads);
        most.writes = (std::max)(most.writes, writes);
        most.operations = (std::max)(most.operations, reads + writes);
        return reads + writes;
    }

    address begin_;
    address end_;
    vmem::counted<state_medium> medium_;
    Allocator allocator_;
    std::vector<address> live_;
    std::string wrong_;
    io_bound allocated_{};
    io_bound deallocated_{};
    /// settle and largest_free.
    io_bound other_{};
};

struct workload {
    address begin = 0;
    address end = mebibyte;
    /// Most allocations are smaller (bytes).
    address largest = 512;
    std::size_t live = 1000;
    int random_calls = 20'000;
    /// Of each, the costliest of several is chosen.
    int worst_calls = 1000;
    std::uint64_t seed = std::mt19937_64::default_seed;
};

class caller {
public:
    explicit caller(const workload& load) : load_(load), random_(load.seed) {}

    /// Phases of growing and shrinking, so that it is full at times and empty at others.
    call next(std::size_t live) {
        using enum call::kind;
        growing_ = random_() % 512 == 0 || live > load_.live ? !growing_ : growing_;
        const auto number = static_cast<unsigned>(random_() % 64);
        if (number == 0) {
            return {settle, 0};
        }
        if (number == 1) {
            return {largest, 0};
        }
        if (number == 2) {
            return {refused, random_() % load_.end};
        }
        if (live == 0 || (number % 3 != 0) == growing_) {
            const address most = number < 8 ? 16 * load_.largest : load_.largest;
            return {allocate, 1 + random_() % most};
        }
        return {deallocate, random_()};
    }

private:
    workload load_;
    std::mt19937_64 random_;
    bool growing_ = true;
};

/// No call costs more than its bound: neither in any order, nor if somebody who tries the calls on
/// copies first always makes the costliest. What was seen at most.
template <class Allocator>
subject<Allocator> check_bounds(const workload& load) {
    CAPTURE(load.seed);
    CAPTURE(load.end);
    subject<Allocator> one(load.begin, load.end);
    caller calls(load);
    for (int i = 0; i < load.random_calls; ++i) {
        one.make(calls.next(one.live()));
    }
    for (int i = 0; i < load.worst_calls; ++i) {
        call worst = calls.next(one.live());
        unsigned most = 0;
        for (int choice = 0; choice < 6; ++choice) {
            const call tried = calls.next(one.live());
            subject<Allocator> copy = one;
            // The second call tells how much harm the first has done.
            const unsigned cost = copy.make(tried) + copy.make(calls.next(copy.live()));
            worst = cost > most ? tried : worst;
            most = (std::max)(most, cost);
        }
        one.make(worst);
    }
    one.check();
    return one;
}

TEST_CASE("io_bound: no call of nonresident_buddy_allocator on 1 MiB exceeds it") {
    const auto none = check_bounds<buddy<16, 0>>({});
    // It is reached.
    CHECK(none.allocated() == buddy<16, 0>::worst_case_allocate(0, mebibyte));
    CHECK(none.deallocated() == buddy<16, 0>::worst_case_deallocate(0, mebibyte));
    check_bounds<buddy<16, 0>>({.largest = 30'000, .live = 60, .seed = 1});
    check_bounds<buddy<16, 0>>({.largest = 64, .live = 15'000, .random_calls = 50'000, .seed = 2});
    check_bounds<buddy<16, 64>>({.seed = 3});
    check_bounds<buddy<16, 64>>({.begin = 520, .largest = 30'000, .live = 60, .seed = 4});
    check_bounds<buddy<16, 256>>({.seed = 5});
    check_bounds<buddy<64, 0>>({.largest = 4096, .live = 300, .seed = 6});
}

TEST_CASE("io_bound: no call of nonresident_buddy_allocator on other ranges exceeds it") {
    check_bounds<buddy<16, 0>>({.end = 300, .live = 20, .random_calls = 4000});
    check_bounds<buddy<16, 0>>({.end = 4096, .live = 40, .seed = 1});
    check_bounds<buddy<16, 64>>({.begin = 1000, .end = 70'000, .live = 300, .seed = 2});
    // Two levels of summaries.
    check_bounds<buddy<16, 0>>(
        {.end = 4 * mebibyte, .largest = 60'000, .live = 80, .worst_calls = 500, .seed = 3});
    const auto none = check_bounds<buddy<1, 0>>(
        {.end = 200'000, .largest = 3000, .live = 150, .worst_calls = 500, .seed = 4});
    CHECK(none.allocated().operations > 5);
    check_bounds<buddy<1, 64>>(
        {.end = 200'000, .largest = 300, .live = 1500, .worst_calls = 500, .seed = 5});
}

TEST_CASE("io_bound: no call of nonresident_block_allocator exceeds it") {
    const auto none = check_bounds<block<64, 0>>({.largest = 64, .live = 16'000});
    CHECK(none.allocated() == block<64, 0>::worst_case_allocate(0, mebibyte));
    CHECK(none.deallocated() == block<64, 0>::worst_case_deallocate(0, mebibyte));
    check_bounds<block<64, 64>>({.largest = 64, .live = 16'000, .seed = 1});
    check_bounds<block<512, 0>>({.largest = 512, .live = 2100, .seed = 2});
    check_bounds<block<16, 128>>({.begin = 40, .end = 9000, .largest = 16, .live = 600, .seed = 3});
    // Two levels of summaries.
    check_bounds<block<1, 0>>({.end = 200'000,
                               .largest = 1,
                               .live = 200'000,
                               .random_calls = 100'000,
                               .worst_calls = 300,
                               .seed = 4});
}

/// Accesses of each of the two calls, with `blocks` holes of 24 bytes.
std::array<std::uint64_t, 2> cost_with_holes(std::size_t blocks) {
    vmem::counted<state_medium> medium{state_medium(mebibyte)};
    vmem::nonresident_linked_list_allocator allocator;
    CHECK(outcome(allocator.format(medium, 0, 64 * blocks + 256)) == "ok");
    std::vector<address> holes;
    for (std::size_t i = 0; i < 2 * blocks; ++i) {
        const auto made = allocator.allocate(medium, {.size = 24});
        CHECK(made);
        holes.push_back(made.value_or(0));
    }
    while (allocator.allocate(medium, {.size = 8})) {
    }
    for (std::size_t i = 0; i < holes.size(); i += 2) {
        CHECK(outcome(allocator.deallocate(medium, holes[i])) == "ok");
    }
    medium.reset_counts();
    // A search looks at all of them in vain.
    CHECK_FALSE(allocator.allocate(medium, {.size = 28}));
    const std::uint64_t allocate = medium.counts().reads + medium.counts().writes;
    medium.reset_counts();
    CHECK(outcome(allocator.deallocate(medium, holes[1])) == "ok");
    return {allocate, medium.counts().reads + medium.counts().writes};
}

TEST_CASE("io_bound: nonresident_linked_list_allocator has none for allocate, one for deallocate") {
    const auto few = cost_with_holes(100);
    const auto many = cost_with_holes(1000);
    CHECK(few[0] > 100);
    CHECK(many[0] > 9 * few[0]);
    // 22 reads and 15 writes.
    CHECK(few[1] <= 37);
    CHECK(many[1] == few[1]);
}

} // namespace
