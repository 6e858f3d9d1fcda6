// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/group_cursor.hpp>

#include <vmem/config.hpp>
#include <vmem/detail/block_codes.hpp>
#include <vmem/detail/free_survey.hpp>
#include <vmem/detail/group_layout.hpp>
#include <vmem/detail/span_io.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/flaky.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>

namespace {

using vmem::address;
using vmem::detail::group_image;
using vmem::detail::span_io;
using codes = vmem::detail::buddy_codes;
using cursor_type = vmem::detail::group_cursor<4, codes, 0>;
using cached_type = vmem::detail::group_cursor<4, codes, 64>;
using layout = cursor_type::layout_type;

/// Four groups of 256 leaves of 16 bytes; the second is free, and current.
template <class Cursor>
struct fixture {
    static constexpr address group = 1;
    static constexpr address leaf = group << layout::group_shift;
    using medium_type = vmem::counted<vmem::contract::flaky<vmem::ram_storage<16384>>>;

    medium_type medium;
    span_io<medium_type> io{medium};
    Cursor cursor{layout::make(0, 16384).value()};

    fixture() { cursor.move_to(group, layout::group_shift + 1); }

    void take(address at, unsigned order) {
        group_image image = cursor.load_current(io);
        cursor.take(io, image, at, order);
    }
    void put_off(address at, unsigned order) {
        cursor.put_off(io, cursor.load(io, group), {.leaf = at, .span = order + 1});
    }
    /// What the medium says: span of the block at `at`.
    unsigned span_at(address at) {
        group_image image{};
        cursor.summaries().read_group(io, at >> layout::group_shift, image);
        return codes::span_at(image, at);
    }
    std::uint8_t published() { return cursor.summaries().read(io, 1, 0).of(group); }
    std::uint64_t operations() {
        const auto seen = medium.counts();
        medium.reset_counts();
        return seen.reads + seen.writes;
    }
};

TEST_CASE("group_cursor: a block that is put off is free here, and in use on the medium") {
    fixture<cursor_type> f;
    f.take(f.leaf, 7);
    CHECK(f.cursor.summary() == 8);
    f.take(f.leaf + 128, 7);
    CHECK(f.cursor.summary() == 0);
    f.operations();
    f.put_off(f.leaf, 7);
    CHECK(f.operations() == 1);
    CHECK(f.cursor.summary() == 8);
    CHECK(f.cursor.has_room(7));
    CHECK_FALSE(f.cursor.has_room(8));
    CHECK(f.cursor.is_pending(f.leaf));
    CHECK(f.cursor.is_pending(f.leaf + 127));
    CHECK_FALSE(f.cursor.is_pending(f.leaf + 128));
    CHECK(f.span_at(f.leaf) == 8);
    CHECK(codes::span_at(f.cursor.load_current(f.io), f.leaf) == 0);
    CHECK(f.cursor.agrees(f.io));
    f.operations();
    // As it is, it can be had for nothing.
    f.cursor.take_pending();
    CHECK(f.operations() == 0);
    CHECK(f.cursor.pending().span == 0);
    CHECK(f.cursor.summary() == 0);
    CHECK(f.cursor.agrees(f.io));
}

TEST_CASE("group_cursor: the end of what was put off comes with the next change of the group") {
    fixture<cursor_type> f;
    f.take(f.leaf, 2);
    f.take(f.leaf + 8, 3);
    f.put_off(f.leaf + 8, 3);
    group_image image = f.cursor.load_current(f.io);
    f.operations();
    f.cursor.take(f.io, image, f.leaf + 16, 4);
    CHECK(f.medium.counts().writes == 1);
    // The bytes of both, and the one between them.
    CHECK(f.medium.counts().bytes_written == 3);
    CHECK(f.span_at(f.leaf) == 3);
    CHECK(f.span_at(f.leaf + 8) == 0);
    CHECK(f.span_at(f.leaf + 16) == 5);
    CHECK(f.cursor.pending().span == 0);
    // One that would have it in its middle comes after it.
    f.put_off(f.leaf + 16, 4);
    image = f.cursor.load_current(f.io);
    f.operations();
    f.cursor.take(f.io, image, f.leaf + 8, 5);
    CHECK(f.medium.counts().writes == 2);
    CHECK(f.medium.counts().bytes_written == 2);
    CHECK(f.span_at(f.leaf + 16) == 0);
}

TEST_CASE("group_cursor: the medium is told everything before another group is current") {
    fixture<cursor_type> f;
    f.take(f.leaf, 7);
    f.take(2 * f.leaf - 1, 0);
    f.put_off(f.leaf, 7);
    f.operations();
    f.cursor.put_off(f.io,
                     [&] {
                         group_image image{};
                         codes::put(image, 2 * f.leaf, 3);
                         return image;
                     }(),
                     {.leaf = 2 * f.leaf, .span = 4});
    CHECK(f.medium.counts().writes == 2);
    CHECK(f.cursor.group() == 2);
    CHECK(f.cursor.pending().leaf == 2 * f.leaf);
    CHECK(f.cursor.summary() == 9);
    CHECK(f.span_at(f.leaf) == 0);
    CHECK(f.published() == 8);
    // What is as the medium says is not written.
    f.operations();
    f.cursor.take_pending();
    f.cursor.complete(f.io);
    CHECK(f.operations() == 0);
}

TEST_CASE("group_cursor: blocks that share a byte end one by one") {
    fixture<cursor_type> f;
    f.take(f.leaf, 0);
    f.take(f.leaf + 1, 0);
    f.take(f.leaf + 2, 1);
    f.put_off(f.leaf + 1, 0);
    f.cursor.complete(f.io);
    CHECK(f.span_at(f.leaf) == 1);
    CHECK(f.span_at(f.leaf + 1) == 0);
    CHECK(f.span_at(f.leaf + 2) == 2);
    f.put_off(f.leaf + 2, 1);
    f.put_off(f.leaf, 0);
    CHECK(f.span_at(f.leaf) == 1);
    CHECK(f.span_at(f.leaf + 2) == 0);
    CHECK(f.cursor.agrees(f.io));
}

TEST_CASE("group_cursor: a block larger than the group is all of its room") {
    fixture<cursor_type> f;
    f.take(f.leaf, 9);
    CHECK(f.cursor.summary() == vmem::detail::summary_code::of_large(9));
    CHECK_FALSE(f.cursor.has_room(0));
    f.put_off(f.leaf, 9);
    CHECK(f.cursor.has_room(9));
    CHECK(f.cursor.has_room(3));
    CHECK_FALSE(f.cursor.has_room(10));
    CHECK(f.cursor.is_pending(f.leaf + 511));
}

TEST_CASE("group_cursor: what a failed write leaves in doubt is written again first") {
    fixture<cached_type> f;
    f.take(f.leaf, 2);
    f.take(f.leaf + 4, 2);
    f.put_off(f.leaf, 2);
    const unsigned before = f.cursor.summary();
    // Both bytes may have changed.
    f.medium.inner().fail(1, 1, vmem::contract::failed_write::stores_all);
    f.take(f.leaf + 8, 2);
    CHECK_FALSE(f.io.ok());
    f.medium.inner().heal();
    CHECK(f.cursor.is_pending(f.leaf));
    CHECK(f.cursor.summary() == before);
    span_io io(f.medium);
    f.medium.reset_counts();
    f.cursor.recover(io);
    CHECK(io.ok());
    CHECK(f.medium.counts().writes == 2);
    group_image image{};
    f.cursor.summaries().read_group(io, f.group, image);
    CHECK(codes::span_at(image, f.leaf) == 0);
    CHECK(codes::span_at(image, f.leaf + 4) == 3);
    CHECK(codes::span_at(image, f.leaf + 8) == 0);
    CHECK(f.cursor.agrees(io));
    f.medium.reset_counts();
    f.cursor.recover(io);
    CHECK(f.medium.counts() == vmem::storage_counts{});
}

TEST_CASE("group_cursor: the group used last is not read again if there is room for it") {
    fixture<cached_type> f;
    f.take(f.leaf, 2);
    f.operations();
    f.take(f.leaf + 4, 2);
    f.put_off(f.leaf, 2);
    f.cursor.complete(f.io);
    CHECK(f.medium.counts().reads == 0);
    CHECK(f.medium.counts().writes == 3);
    CHECK(codes::span_at(f.cursor.load(f.io, f.group), f.leaf) == 0);
    CHECK(f.medium.counts().reads == 0);
    CHECK(f.cursor.agrees(f.io));
}

} // namespace
