// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/group_census.hpp>

#include <vmem/config.hpp>
#include <vmem/detail/block_codes.hpp>
#include <vmem/detail/group_layout.hpp>
#include <vmem/detail/group_summaries.hpp>
#include <vmem/detail/span_io.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/storage_contract.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <memory>
#include <string>

namespace {

using vmem::address;
using vmem::errc;
using vmem::contract::outcome;
using vmem::detail::group_image;
using vmem::detail::span_io;
using codes = vmem::detail::buddy_codes;
using summaries = vmem::detail::group_summaries<0, codes>;
using census = vmem::detail::group_census<0, codes>;
using layout = summaries::layout_type;

constexpr std::uint32_t id = 77;
constexpr address none = ~address{0};

/// 2^17 + 2^13 leaves of a byte, in two levels of summaries.
struct fixture {
    static constexpr address size = (1U << 17) + (1U << 13);
    using medium_type = vmem::counted<vmem::ram_storage<size>>;

    std::unique_ptr<medium_type> medium = std::make_unique<medium_type>();
    summaries levels{layout::make(0, size).value()};

    fixture() {
        CHECK(levels.layout().levels() == 2);
        span_io io(*medium);
        census made(levels);
        made.erase(io);
        made.complete(io);
        made.sign(io, id);
        CHECK(outcome(io.outcome()) == "ok");
        medium->reset_counts();
    }
    /// The byte of level 0 that stands for `leaf`.
    std::byte& byte_of(address leaf) {
        return medium->inner().data()[levels.layout().place_of(0, leaf / 4)];
    }
    std::string complete() {
        span_io io(*medium);
        census found(levels);
        found.complete(io);
        leaves = found.leaves();
        blocks = found.blocks();
        return outcome(io.outcome());
    }
    bool agrees(address except, std::uint8_t value) {
        span_io io(*medium);
        return census(levels).agrees(io, except, value) && io.ok();
    }

    address leaves = 0;
    address blocks = 0;
};

TEST_CASE("group_census: the signature tells allocators and ranges apart") {
    fixture f;
    const auto checked = [&](const summaries& levels, std::uint32_t of) {
        span_io io(*f.medium);
        census(levels).check_signature(io, of);
        return outcome(io.outcome());
    };
    CHECK(checked(f.levels, id) == "ok");
    CHECK(checked(f.levels, id + 1) == message(errc::corrupt));
    const summaries shorter(layout::make(0, f.size - 8).value());
    CHECK(checked(shorter, id) == message(errc::geometry_mismatch));
    span_io io(*f.medium);
    census(f.levels).erase(io);
    CHECK(checked(f.levels, id) == message(errc::corrupt));
}

TEST_CASE("group_census: what is in use is counted, and the summaries are made to agree") {
    fixture f;
    CHECK(f.agrees(none, 0));
    group_image group{};
    constexpr address leaf = address{400} * 256;
    codes::put(group, leaf, 0);
    f.byte_of(leaf) = group[0];
    f.byte_of(leaf + 512) = std::byte{0x80 | 9}; // Two groups.
    CHECK_FALSE(f.agrees(none, 0));
    f.medium->reset_counts();
    CHECK(f.complete() == "ok");
    CHECK(f.blocks == 2);
    CHECK(f.leaves == 513);
    CHECK(f.medium->counts().writes != 0);
    CHECK(f.agrees(none, 0));
    span_io io(*f.medium);
    CHECK(f.levels.read(io, 1, 1).of(400) == 8);
    CHECK(f.levels.read(io, 1, 1).of(402) == vmem::detail::summary_code::of_large(9));
    // Not another time.
    f.medium->reset_counts();
    CHECK(f.complete() == "ok");
    CHECK(f.medium->counts().writes == 0);
    // One summary may be known to differ.
    f.levels.publish(io, 400, 3, true);
    CHECK_FALSE(f.agrees(none, 0));
    CHECK(f.agrees(400, 3));
    CHECK_FALSE(f.agrees(400, 4));
}

TEST_CASE("group_census: what no allocator wrote is corrupt, and stays as it is") {
    fixture f;
    constexpr address leaf = address{300} * 256;
    const auto refused = [&](address at, unsigned code) {
        f.byte_of(at) = static_cast<std::byte>(code);
        f.medium->reset_counts();
        const bool found = f.complete() == message(errc::corrupt);
        const bool untouched = f.medium->counts().writes == 0;
        f.byte_of(at) = std::byte{0};
        return found && untouched && f.complete() == "ok";
    };
    CHECK(refused(leaf + 4, 0x80 | 3)); // Not at a multiple of its size.
    CHECK(refused(leaf, 0x80 | 40));    // Beyond the end.
    CHECK(refused(leaf, 0x80 | 1));     // There is another code for it.
    CHECK(refused(leaf, 0x05));         // A leaf, and the pair it is in.
    CHECK(refused(0, 0x80 | 2));        // Where the state is.
    // Within another block, in its group and in a later one.
    f.byte_of(leaf) = std::byte{0x80 | 9};
    CHECK(f.complete() == "ok");
    CHECK(refused(leaf + 16, 0x80 | 2));
    CHECK(refused(leaf + 256, 0x01));
    CHECK_FALSE(refused(leaf + 512, 0x01));
}

} // namespace
