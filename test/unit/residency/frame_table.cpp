// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/frame_table.hpp>

#include <vmem/eviction/fifo.hpp>
#include <vmem/eviction/lru.hpp>
#include <vmem/residency/translation.hpp>

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <set>

namespace {

template <std::size_t Frames, template <std::size_t> class Eviction = vmem::fifo>
using table = vmem::frame_table<std::uint32_t, 64, Frames, Eviction, vmem::page_map>;

/// Fills every frame, with pages from `first` on.
template <class Table>
void fill(Table& frames, std::size_t first, std::size_t count) {
    for (std::size_t page = first; page < first + count; ++page) {
        const std::size_t frame = frames.empty_frame();
        CHECK(frame < count);
        frames.insert(page, frame);
    }
}

TEST_CASE("frame_table: frames are handed out until there is none, and again when emptied") {
    table<3> frames;
    std::set<std::size_t> seen;
    for (std::size_t page = 1; page <= 3; ++page) {
        const std::size_t frame = frames.empty_frame();
        CHECK(frame < 3);
        seen.insert(frame);
        CHECK(frames.search(page) == 3);
        frames.insert(page, frame);
        CHECK(frames.search(page) == frame);
        CHECK(frames.page_address(frame) == 64 * page);
    }
    CHECK(seen.size() == 3);
    CHECK(frames.empty_frame() == 3);
    const std::size_t second = frames.search(2);
    frames.remove(second);
    CHECK(frames.search(2) == 3);
    CHECK_FALSE(frames.holds_page(second));
    CHECK(frames.empty_frame() == second);
    frames.borrow(second);
    CHECK(frames.empty_frame() == 3);
    CHECK(frames.unpinned_frames() == 2);
    frames.remove(frames.search(1));
    const std::size_t other = frames.empty_frame();
    CHECK(other != second);
    frames.give_back(second);
    CHECK(frames.unpinned_frames() == 3);
    frames.insert(7, frames.empty_frame());
    frames.insert(8, frames.empty_frame());
    CHECK(frames.empty_frame() == 3);
}

TEST_CASE("frame_table: an emptied frame forgets what was dirty") {
    table<2> frames;
    fill(frames, 1, 2);
    const std::size_t frame = frames.search(1);
    frames.mark_dirty({.frame = frame, .offset = 10}, 5);
    CHECK(frames.state_of(1).dirty);
    CHECK_FALSE(frames.state_of(2).dirty);
    frames.remove(frame);
    CHECK_FALSE(frames.state_of(1).resident);
    frames.insert(9, frame);
    CHECK(frames.state_of(9).resident);
    CHECK_FALSE(frames.state_of(9).dirty);
}

TEST_CASE("frame_table: a pinned page does not leave, nor does one that came last") {
    table<8> frames;
    fill(frames, 1, 8);
    // Half of the frames are spared; they are the last the policy would take anyway.
    for (std::size_t page = 1; page <= 4; ++page) {
        CHECK(frames.victim() == frames.search(page));
        frames.add_pin(frames.search(page));
    }
    // Rather than none at all, one that came last.
    CHECK(frames.victim() == frames.search(5));
    for (std::size_t page = 5; page <= 8; ++page) {
        frames.add_pin(frames.search(page));
    }
    CHECK(frames.victim() == 8);
    CHECK(frames.unpinned_frames() == 0);
    frames.add_pin(frames.search(6));
    frames.unpin(frames.search(6));
    CHECK(frames.victim() == 8);
    frames.unpin(frames.search(6));
    CHECK(frames.victim() == frames.search(6));
}

TEST_CASE("frame_table: the pages that came last are spared even from a policy that prefers them") {
    // Used in the order in which they came but for the last two, which lru would evict first.
    table<4, vmem::lru> frames;
    fill(frames, 1, 4);
    frames.touch(frames.search(1));
    frames.touch(frames.search(2));
    CHECK(frames.victim() == frames.search(1));
    // The next one that comes takes the place of the older of the two.
    const std::size_t gone = frames.victim();
    frames.remove(gone);
    frames.insert(5, gone);
    CHECK(frames.victim() == frames.search(3));
}

TEST_CASE("frame_table: one frame can always leave") {
    table<1> frames;
    fill(frames, 1, 1);
    CHECK(frames.victim() == 0);
    frames.remove(0);
    frames.insert(2, 0);
    CHECK(frames.victim() == 0);
}

TEST_CASE("frame_table: a clean page can leave without being saved") {
    table<4> frames;
    fill(frames, 1, 4);
    for (const std::size_t page : {std::size_t{1}, std::size_t{2}, std::size_t{4}}) {
        frames.mark_dirty({.frame = frames.search(page), .offset = 0}, 1);
    }
    CHECK(frames.clean_victim() == frames.search(3));
    CHECK(frames.has_room());
    frames.add_pin(frames.search(3));
    CHECK(frames.clean_victim() == 4);
    CHECK_FALSE(frames.has_room());
    frames.mark_clean(frames.search(2));
    CHECK(frames.clean_victim() == frames.search(2));
}

} // namespace
