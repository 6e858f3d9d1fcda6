// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/page_tags.hpp>

#include <vmem/residency/translation.hpp>

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>

namespace {

template <class Address, std::size_t Frames, class Translation>
struct subject : vmem::detail::page_tags<Address, 64, Frames, Translation> {
    using base = vmem::detail::page_tags<Address, 64, Frames, Translation>;
    using base::enter;
    using base::enter_other;
    using base::has_label;
    using base::holds;
    using base::label;
    using base::leave;
    using base::leave_other;
};
using wide = subject<std::uint32_t, 4, vmem::page_map>;

static_assert(wide::max_pages == std::size_t{1} << 26);
static_assert(subject<std::uint16_t, 4, vmem::page_map>::max_pages == 1024);
static_assert(subject<std::uint16_t, 4, vmem::page_table<9>>::max_pages == 9);
static_assert(subject<std::uint64_t, 4, vmem::page_map>::max_pages == std::size_t{1} << 58);
static_assert(wide::frame_alignment == alignof(std::max_align_t));

static_assert(wide::page_of(127) == 1 && wide::page_of(128) == 2);
static_assert(wide::address_of(3) == 192 && wide::offset_of(130) == 2);

TEST_CASE("page_tags: a frame holds a page, something else, or nothing") {
    wide frames;
    const std::size_t first = frames.empty_frame();
    CHECK(first < 4);
    CHECK_FALSE(frames.holds_page(first));
    frames.enter(7, first);
    CHECK(frames.holds_page(first));
    CHECK(frames.holds(first, 7));
    CHECK_FALSE(frames.holds(first, 6));
    CHECK(frames.page_address(first) == 7 * 64);
    CHECK(frames.search(7) == first);
    CHECK(frames.search(6) == 4);
    const std::size_t second = frames.empty_frame();
    CHECK(second != first);
    frames.enter_other(second);
    CHECK_FALSE(frames.holds_page(second));
    frames.enter(8, frames.empty_frame());
    frames.enter(9, frames.empty_frame());
    CHECK(frames.empty_frame() == 4);
    frames.leave(first);
    CHECK(frames.empty_frame() == first);
    CHECK(frames.search(7) == 4);
    frames.enter(7, first);
    frames.leave_other(second);
    CHECK(frames.empty_frame() == second);
}

/// The first address of which the two ways to look it up say different things, or 1.
template <std::size_t Size, std::size_t Align, class Table, class Address>
Address first_difference(const Table& frames, Address begin, Address count) {
    for (Address at = begin; at != static_cast<Address>(begin + count); ++at) {
        vmem::frame_place tagged{};
        vmem::frame_place untagged{};
        const bool is_there = frames.template find_tagged<Size, Align>(at, tagged);
        if (is_there != frames.template find_untagged<Size, Align>(at, untagged) ||
            (is_there && (tagged.frame != untagged.frame || tagged.offset != untagged.offset))) {
            return at;
        }
    }
    return 1;
}

/// With frames that hold pages, a copy, or nothing.
template <std::size_t Pages, class Address>
void check_untagged() {
    subject<Address, 5, vmem::page_table<Pages>> frames;
    const auto check = [&] {
        // The start of memory, what is just beyond the table, and its end.
        for (const Address begin : {Address{0}, static_cast<Address>(64 * Pages - 64),
                                    static_cast<Address>(0 - Address{1024})}) {
            CHECK(first_difference<1, 1>(frames, begin, Address{1024}) == 1);
            CHECK(first_difference<4, 4>(frames, begin, Address{1024}) == 1);
            CHECK(first_difference<12, 4>(frames, begin, Address{1024}) == 1);
            CHECK(first_difference<64, 1>(frames, begin, Address{1024}) == 1);
            CHECK(first_difference<80, 8>(frames, begin, Address{1024}) == 1);
        }
    };
    check();
    for (const std::size_t page : {std::size_t{1}, std::size_t{2}, Pages - 1}) {
        frames.enter(page, frames.empty_frame());
    }
    check();
    const std::size_t copy = frames.search(2);
    frames.leave(copy);
    check();
    frames.enter_other(copy);
    check();
    frames.label(copy, 2 * 64 + 60);
    CHECK(frames.has_label(copy, 2 * 64));
    CHECK_FALSE(frames.has_label(copy, 3 * 64));
    check();
    frames.leave_other(copy);
    frames.leave(frames.search(Pages - 1));
    check();
    vmem::frame_place where{};
    CHECK(frames.template find_untagged<4, 4>(64 + 8, where));
    CHECK(where.frame == frames.search(1));
    CHECK(where.offset == 8);
}

TEST_CASE("page_tags: an exact table tells as much without tags as with them") {
    check_untagged<16, std::uint32_t>();
    check_untagged<13, std::uint32_t>();
    check_untagged<16, std::uint64_t>();
    check_untagged<13, std::uint64_t>();
    check_untagged<16, std::uint16_t>();
}

} // namespace
