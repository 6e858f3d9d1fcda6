// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/group_summaries.hpp>

#include <vmem/config.hpp>
#include <vmem/detail/block_codes.hpp>
#include <vmem/detail/group_layout.hpp>
#include <vmem/detail/span_io.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/storage_contract.hpp"

#include <cstdint>
#include <doctest/doctest.h>
#include <memory>
#include <span>

namespace {

using vmem::address;
using vmem::errc;
using vmem::contract::outcome;
using vmem::detail::group_image;
using vmem::detail::span_io;
using vmem::detail::summary_code;
using summaries = vmem::detail::group_summaries<0, vmem::detail::buddy_codes>;
using layout = summaries::layout_type;

/// 2^18 leaves of a byte: 1024 groups, in 4 groups of summaries, and those in one. A quarter of it
/// and a little more is the state.
struct fixture {
    static constexpr address size = 1 << 18;
    using medium_type = vmem::counted<vmem::ram_storage<size>>;

    std::unique_ptr<medium_type> medium = std::make_unique<medium_type>();
    summaries levels{layout::make(0, size).value()};
    span_io<medium_type> io{*medium};

    fixture() {
        CHECK(levels.layout().levels() == 2);
        // All behind the state is free.
        for (address group = 0; group < 1024; ++group) {
            levels.publish(io, group, levels.summary(group, group_image{}), true);
        }
        medium->reset_counts();
    }
    std::uint8_t at(unsigned level, address number) {
        return levels.read(io, level, levels.layout().group_of(level, number)).of(number);
    }
};

TEST_CASE("group_summaries: a group is worth its largest free block") {
    fixture f;
    const address group = 1000;
    const address leaf = group * 256;
    group_image image{};
    CHECK(f.levels.summary(group, image) == 9);
    vmem::detail::buddy_codes::put(image, leaf + 255, 0);
    CHECK(f.levels.summary(group, image) == 8);
    vmem::detail::buddy_codes::put(image, leaf, 7);
    CHECK(f.levels.summary(group, image) == 7);
    image = {};
    vmem::detail::buddy_codes::put(image, leaf, 8);
    CHECK(f.levels.summary(group, image) == 0);
    // One that goes on behind the group.
    image = {};
    vmem::detail::buddy_codes::put(image, leaf, 10);
    CHECK(f.levels.summary(group, image) == summary_code::of_large(10));
    CHECK(summary_code::is_large(summary_code::of_large(10)));
    CHECK(summary_code::order_in(summary_code::of_large(10)) == 10);
    // The state is not free.
    CHECK(f.levels.summary(0, group_image{}) == 0);
}

TEST_CASE("group_summaries: what is published changes the levels above as far as it must") {
    fixture f;
    CHECK(f.at(2, 3) == 17);
    f.medium->reset_counts();
    f.levels.publish(f.io, 1000, 3, false);
    CHECK(f.medium->counts().reads == 1);
    CHECK(f.medium->counts().writes == 2);
    CHECK(f.at(1, 1000) == 3);
    // Half of its 256 groups are still in one piece.
    CHECK(f.at(2, 3) == 16);
    f.medium->reset_counts();
    f.levels.publish(f.io, 1001, 3, false);
    CHECK(f.medium->counts().writes == 1);
    CHECK(f.at(2, 3) == 16);
    f.medium->reset_counts();
    f.levels.publish(f.io, 1001, 3, true);
    CHECK(f.medium->counts().writes == 2);
}

TEST_CASE("group_summaries: a search goes where the smallest block is that is wanted") {
    fixture f;
    CHECK(outcome(f.io.outcome()) == "ok");
    for (address group = 512; group < 1024; ++group) {
        f.levels.publish(f.io, group, static_cast<std::uint8_t>(group % 4), false);
    }
    for (address group = 0; group < 512; ++group) {
        f.levels.publish(f.io, group, 0, false);
    }
    f.levels.publish(f.io, 700, 8, false);
    f.levels.publish(f.io, 900, 6, false);
    f.medium->reset_counts();
    auto found = f.levels.search(f.io, 1, 5);
    CHECK(found.block.leaf == 900 * 256);
    CHECK(found.summary == 6);
    CHECK(f.medium->counts().reads == 2);
    found = f.levels.search(f.io, 6, 6);
    CHECK(found.block.leaf == 700 * 256);
    CHECK(found.summary == 8);
    found = f.levels.search(f.io, 8, 8);
    CHECK(found.block.span == 0);
    CHECK(f.io.ok());
    // A free group, and two of them.
    f.levels.publish(f.io, 800, 9, false);
    f.levels.publish(f.io, 801, 9, false);
    found = f.levels.search(f.io, 9, 9);
    CHECK(found.block.leaf == 800 * 256);
    CHECK(found.block.span == 10);
    CHECK(found.summary == 9);
}

TEST_CASE("group_summaries: a large block hides what it extends over") {
    fixture f;
    // Of 2^17 leaves, the upper half, which is two of the four groups of summaries.
    f.levels.publish(f.io, 512, summary_code::of_large(17), false);
    CHECK(f.at(2, 2) == summary_code::of_large(17));
    CHECK(f.at(2, 3) == 17);
    const address none = ~address{0};
    for (const address leaf : {0x20000U, 0x20001U, 0x3E800U, 0x3FFFFU}) {
        CAPTURE(leaf);
        CHECK(f.levels.is_within_large(f.io, leaf, none));
        CHECK_FALSE(f.levels.is_within_large(f.io, leaf, 512));
    }
    CHECK_FALSE(f.levels.is_within_large(f.io, 0x1FF00, none));
    CHECK(f.levels.largest(f.io, 512, summary_code::of_large(17)) == 16);
    CHECK(f.levels.largest(f.io, 512, 9) == 18);
    const auto found = f.levels.search(f.io, 15, 15);
    CHECK(found.block.leaf == 0x18000);
    CHECK(found.block.span == 16);
    CHECK(f.levels.search(f.io, 16, 16).block.span == 0);
    // One within a group of summaries.
    f.levels.publish(f.io, 256, summary_code::of_large(10), false);
    CHECK(f.at(2, 1) == 16);
    CHECK(f.levels.is_within_large(f.io, 0x10300, none));
    CHECK_FALSE(f.levels.is_within_large(f.io, 0x10400, none));
}

TEST_CASE("group_summaries: levels that disagree are found out") {
    fixture f;
    for (address group = 0; group < 1024; ++group) {
        f.levels.publish(f.io, group, 0, false);
    }
    const std::uint8_t wrong = 5;
    f.io.write(f.levels.layout().place_of(2, 3), std::as_bytes(std::span{&wrong, 1}));
    CHECK(f.levels.search(f.io, 2, 2).block.span == 0);
    CHECK(outcome(f.io.outcome()) == message(errc::corrupt));
}

} // namespace
