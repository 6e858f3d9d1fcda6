// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/group_layout.hpp>

#include <vmem/allocator/io_bound.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/block_codes.hpp>
#include <vmem/result.hpp>

#include "contract/storage_contract.hpp"

#include <cstdint>
#include <doctest/doctest.h>
#include <random>

namespace {

using vmem::address;
using vmem::errc;
using vmem::contract::outcome;
using vmem::detail::number_range;
using layout = vmem::detail::group_layout<4, vmem::detail::buddy_codes>;
using bits = vmem::detail::group_layout<4, vmem::detail::bit_codes>;

static_assert(layout::group_shift == 8 && bits::group_shift == 9);
static_assert(layout::order_of(0) == 2 && layout::order_of(1) == 8 && layout::order_of(2) == 16);
static_assert(bits::order_of(0) == 3 && bits::order_of(1) == 9);

TEST_CASE("group_layout: 1 MiB has one level of summaries, in a group of 256 bytes") {
    const layout made = layout::make(0, 1 << 20).value();
    CHECK(made.levels() == 1);
    CHECK(made.numbers(0).count == 16384);
    CHECK(made.numbers(1).count == 256);
    CHECK(made.place_of(0, 0) == 24);
    CHECK(made.place_of(1, 0) == 24 + 16384);
    CHECK(made.place_of(1, 255) == 24 + 16384 + 255);
    CHECK(made.first() == (24 + 16384 + 256 + 15) / 16);
    CHECK(made.last() == 65536);
    CHECK(made.group_of(1, 255) == 0);
    CHECK(made.leaves_of(255).first == 65280);
    CHECK(made.leaves_of(255).count == 256);
    // Up to one more, for a range that is not aligned.
    CHECK(layout::make(512, (1 << 20) + 512).value().levels() == 1);
    CHECK(layout::make(0, (1 << 20) + 4096).value().levels() == 1);
    CHECK(layout::make(0, (1 << 20) + 8192).value().levels() == 2);
    CHECK(bits::make(0, 1 << 20).value().numbers(1).count == 128);
}

TEST_CASE("group_layout: the parts lie one behind the other, and every byte in one group") {
    constexpr std::uint64_t seed = std::mt19937_64::default_seed;
    std::mt19937_64 random(seed);
    for (int round = 0; round < 300; ++round) {
        const address begin = random() % (address{1} << random() % 40);
        const address end = begin + 200 + random() % (address{1} << random() % 34);
        CAPTURE(begin);
        CAPTURE(end);
        const auto made = layout::make(begin, end);
        REQUIRE(made);
        address at = begin + layout::header_bytes;
        for (unsigned level = 0; level <= made->levels(); ++level) {
            const number_range all = made->numbers(level);
            CHECK(made->place_of(level, all.first) == at);
            at += all.count;
            CHECK(all.first == begin / 16 >> layout::order_of(level));
            CHECK(all.end() - 1 == (end / 16 - 1) >> layout::order_of(level));
            CHECK((level == 0 || level == made->levels() || all.count > layout::most_summaries));
            const number_range groups = made->groups(level);
            address next = all.first;
            for (address group = groups.first; group < groups.end() && group < groups.first + 50;
                 ++group) {
                const number_range bytes = made->bytes_of(level, group);
                CHECK(bytes.first == next);
                CHECK(bytes.count >= 1);
                CHECK(bytes.count <= layout::most_summaries);
                CHECK(made->group_of(level, bytes.first) == group);
                CHECK(made->group_of(level, bytes.end() - 1) == group);
                next = bytes.end();
            }
            CHECK((groups.count > 50 || next == all.end()));
        }
        CHECK(made->first() * 16 >= at);
        CHECK(made->first() * 16 < at + 16);
        CHECK(made->last() * 16 <= end);
        CHECK(made->last() * 16 + 16 > end);
        CHECK(made->first() < made->last());
    }
}

TEST_CASE("group_layout: ranges too small are named") {
    for (const address size : {0U, 1U, 15U, 24U, 40U}) {
        CHECK(outcome(layout::make(1000, 1000 + size)) == message(errc::wrong_size));
    }
    CHECK(outcome(layout::make(1000, 999)) == message(errc::wrong_size));
    CHECK(outcome(layout::make(0, 48)) == "ok");
    CHECK(layout().last() == 0);
}

TEST_CASE("group_layout: bounds grow with the levels") {
    const auto one = layout::make(0, 1 << 20).value();
    CHECK(one.allocate_bound() == vmem::io_bound{.reads = 2, .writes = 3, .operations = 5});
    CHECK(one.deallocate_bound() == vmem::io_bound{.reads = 2, .writes = 2, .operations = 3});
    // Where all blocks are alike, the one freed last is never in the way.
    const auto alike = bits::make(0, 1 << 20).value();
    CHECK(alike.allocate_bound() == vmem::io_bound{.reads = 2, .writes = 2, .operations = 4});
    CHECK(alike.deallocate_bound() == vmem::io_bound{.reads = 1, .writes = 2, .operations = 3});
    const auto two = layout::make(0, 1 << 28).value();
    CHECK(two.allocate_bound() == vmem::io_bound{.reads = 4, .writes = 4, .operations = 8});
    CHECK(two.deallocate_bound() == vmem::io_bound{.reads = 3, .writes = 3, .operations = 5});
}

} // namespace
