// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/group_allocator.hpp>

#include <vmem/config.hpp>
#include <vmem/detail/block_codes.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/storage_contract.hpp"

#include <cstdint>
#include <doctest/doctest.h>
#include <string>

namespace {

using vmem::address;
using vmem::errc;
using vmem::contract::outcome;
using allocator_type = vmem::detail::group_allocator<4, vmem::detail::buddy_codes, 0>;

constexpr std::uint32_t id = 5;

/// Eight groups of 256 leaves; the state takes less than half of the first.
struct fixture {
    static constexpr address size = 32768;
    vmem::counted<vmem::ram_storage<size>> medium;
    allocator_type allocator;

    fixture() {
        CHECK(outcome(allocator.format(medium, 0, size, id)) == "ok");
        medium.reset_counts();
    }
    address take(unsigned order) { return take(order, order); }
    address take(unsigned order, unsigned need) {
        return allocator.allocate(medium, order, need).value_or(0);
    }
    std::string give(address at) { return outcome(allocator.deallocate(medium, at)); }
    std::uint64_t operations() {
        const auto seen = medium.counts();
        medium.reset_counts();
        return seen.reads + seen.writes;
    }
};

TEST_CASE("group_allocator: one block after the other comes from one group") {
    fixture f;
    const address first = f.take(0);
    // One read of the summaries, one of the group, one write.
    CHECK(f.operations() == 3);
    CHECK(f.take(0) == first + 16);
    CHECK(f.operations() == 2);
    CHECK(f.take(3) / 4096 == first / 4096);
    CHECK(f.operations() == 2);
}

TEST_CASE("group_allocator: small blocks go where many have room, before the last is used up") {
    fixture f;
    // Half of the first group, then all of another; less than half is left in the first.
    CHECK(f.take(7) == 2048);
    CHECK(f.take(8) == 4096);
    CHECK(f.take(0) == 8192);
    // Where only that is left, it is used.
    while (f.take(8) != 0) {
    }
    CHECK(f.take(0) != 0);
    CHECK(f.allocator.invariants_hold(f.medium).value_or(false));
}

TEST_CASE("group_allocator: alignment is had by splitting a block of that alignment") {
    fixture f;
    const address odd = f.take(0);
    const address aligned = f.take(0, 6);
    CHECK(aligned % 1024 == 0);
    CHECK(aligned != odd);
    CHECK(f.allocator.stats().in_use == 32);
    CHECK(outcome(f.allocator.allocate(f.medium, 0, 11)) == message(errc::out_of_memory));
    CHECK(outcome(f.allocator.allocate(f.medium, 0, 63)) == message(errc::out_of_memory));
}

TEST_CASE("group_allocator: it says why an address cannot be freed") {
    fixture f;
    const address small = f.take(1);
    const address large = f.take(9);
    CHECK(large % 8192 == 0);
    CHECK(f.give(small + 1) == message(errc::foreign_pointer));
    CHECK(f.give(small + 16) == message(errc::foreign_pointer));
    CHECK(f.give(small + 32) == message(errc::double_free));
    CHECK(f.give(large + 16) == message(errc::foreign_pointer));
    CHECK(f.give(large + 4096) == message(errc::foreign_pointer));
    CHECK(f.give(0) == message(errc::foreign_pointer));
    CHECK(f.give(f.size) == message(errc::foreign_pointer));
    CHECK(f.give(large) == "ok");
    CHECK(f.give(large) == message(errc::double_free));
    CHECK(f.give(large + 4096) == message(errc::double_free));
    CHECK(f.allocator.stats().blocks == 1);
}

TEST_CASE("group_allocator: the largest free block is known, what is not written yet included") {
    fixture f;
    const auto largest = [&f] { return f.allocator.largest(f.medium).value_or(99); };
    CHECK(largest() == 11);
    const address half = f.take(10);
    CHECK(largest() == 10);
    CHECK(f.give(half) == "ok");
    CHECK(largest() == 11);
    while (f.take(0) != 0) {
    }
    CHECK(largest() == 0);
    CHECK(f.allocator.stats().in_use == f.allocator.stats().capacity);
}

TEST_CASE("group_allocator: one that is not open has nothing") {
    vmem::ram_storage<4096> medium;
    allocator_type closed;
    CHECK(outcome(closed.allocate(medium, 0, 0)) == message(errc::out_of_memory));
    CHECK(outcome(closed.deallocate(medium, 64)) == message(errc::foreign_pointer));
    CHECK(outcome(closed.open(medium, 0, 4096, id)) == message(errc::corrupt));
    CHECK(closed.stats().capacity == 0);
    CHECK(closed.largest(medium).value_or(1) == 0);
}

} // namespace
