// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/linked_list_allocator.hpp>
#include <vmem/detail/address_ordered_list.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <span>

namespace {

using list = vmem::detail::address_ordered_list;
using vmem::best_fit;
using vmem::first_fit;

// The arena, and where the list starts.
static_assert(sizeof(list) == 3 * sizeof(void*));

constexpr std::size_t unit = list::granule;

/// Sixteen granules, all free.
struct fixture {
    alignas(256) std::array<std::byte, 16 * unit> arena{};
    list free{arena};

    /// Granules.
    void take(std::size_t at, std::size_t count) {
        free.carve(free.last_up_to(at * unit), at * unit, count * unit);
    }
    void release(std::size_t at, std::size_t count) {
        free.release(free.last_up_to(at * unit), at * unit, count * unit);
    }
    [[nodiscard]] bool is_free(std::size_t at, std::size_t count) {
        return free.next_has(free.last_up_to(at * unit), at * unit, count * unit);
    }
    [[nodiscard]] bool is_sound(std::size_t in_use) const { return free.is_sound(in_use * unit); }
};

TEST_CASE_FIXTURE(fixture, "address_ordered_list: starts as one block") {
    CHECK(free.bytes() == 16 * unit);
    CHECK(free.at(unit) == arena.data() + unit);
    CHECK(free.offset_of(arena.data() + unit) == unit);
    CHECK(free.largest_free(1) == 16 * unit);
    CHECK(is_free(0, 16));
    CHECK_FALSE(is_free(1, 16));
    CHECK(is_sound(0));
    CHECK_FALSE(is_sound(1));
    const list none{std::span<std::byte>()};
    CHECK(none.bytes() == 0);
    CHECK(none.largest_free(1) == 0);
    CHECK(none.is_sound(0));
}

TEST_CASE_FIXTURE(fixture, "address_ordered_list: is carved at both ends and in the middle") {
    take(0, 1);
    CHECK(is_free(1, 15));
    take(15, 1);
    CHECK(is_free(1, 14));
    take(4, 2);
    CHECK(is_free(1, 3));
    CHECK(is_free(6, 9));
    CHECK_FALSE(is_free(3, 2));
    CHECK_FALSE(is_free(4, 1));
    CHECK(free.start_of_next(free.last_up_to(4 * unit)) == 6 * unit);
    CHECK(free.start_of_next(free.last_up_to(15 * unit)) == 16 * unit);
    CHECK(free.largest_free(1) == 9 * unit);
    CHECK(is_sound(4));
}

TEST_CASE_FIXTURE(fixture, "address_ordered_list: what is freed joins neighbours on either side") {
    take(0, 16);
    CHECK(free.largest_free(1) == 0);
    release(2, 2);
    release(6, 2);
    CHECK(is_sound(12));
    release(4, 1); // The one before.
    CHECK(is_free(2, 3));
    CHECK(is_sound(11));
    release(5, 1); // Both.
    CHECK(is_free(2, 6));
    release(1, 1); // The one behind.
    CHECK(is_free(1, 7));
    CHECK(is_sound(9));
    release(0, 1);
    release(8, 8);
    CHECK(is_free(0, 16));
    CHECK(is_sound(0));
}

TEST_CASE_FIXTURE(fixture, "address_ordered_list: a block is chosen") {
    take(0, 16);
    release(1, 4);
    release(7, 2);
    release(11, 3);
    const auto start_of = [this](const auto& before) { return free.start_of_next(before) / unit; };
    CHECK(start_of(free.choose<first_fit>(2 * unit, 1)) == 1);
    CHECK(start_of(free.choose<best_fit>(2 * unit, 1)) == 7);
    CHECK(start_of(free.choose<best_fit>(3 * unit, 1)) == 11);
    CHECK(start_of(free.choose<best_fit>(4 * unit, 1)) == 1);
    CHECK(free.choose<best_fit>(5 * unit, 1) == free.none());
    CHECK(free.choose<first_fit>(5 * unit, 1) == free.none());

    // Alignment takes the first granule of the first block, and of the last.
    const auto aligned = free.choose<first_fit>(3 * unit, 2 * unit);
    CHECK(start_of(aligned) == 1);
    CHECK(free.first_aligned(aligned, 2 * unit) == 2 * unit);
    CHECK(start_of(free.choose<best_fit>(2 * unit, 2 * unit)) == 11);
    CHECK(free.largest_free(2 * unit) == 3 * unit);
    CHECK(free.choose<best_fit>(1 * unit, 16 * unit) == free.none());
}

TEST_CASE_FIXTURE(fixture,
                  "address_ordered_list: slides what is live over what is free before it") {
    take(0, 16);
    release(2, 3);
    release(9, 2);
    const auto fill = [&](std::size_t at, std::size_t count) {
        for (std::size_t n = 0; n < count * unit; ++n) {
            arena[at * unit + n] = std::byte(static_cast<std::uint8_t>(n));
        }
    };
    const auto is_filled = [&](std::size_t at, std::size_t count) {
        for (std::size_t n = 0; n < count * unit; ++n) {
            if (arena[at * unit + n] != std::byte(static_cast<std::uint8_t>(n))) {
                return false;
            }
        }
        return true;
    };
    const auto slide = [&](std::size_t at, std::size_t count, std::size_t align) {
        return free.slide(at * unit, count * unit, align * unit) / unit;
    };
    // Live bytes are in front, or nothing.
    CHECK(slide(0, 2, 1) == 0);
    CHECK(slide(6, 3, 1) == 6);
    CHECK(slide(12, 4, 1) == 12);
    // Farther than its size, and less far; into the block behind it, and not.
    fill(5, 2);
    CHECK(slide(5, 2, 1) == 2);
    CHECK(is_filled(2, 2));
    CHECK(is_free(4, 3));
    fill(7, 2);
    CHECK(slide(7, 2, 1) == 4);
    CHECK(is_filled(4, 2));
    CHECK(is_free(6, 5));
    // Aligned: a part of what is free stays in front, or all of it.
    fill(11, 5);
    CHECK(slide(11, 5, 8) == 8);
    CHECK(is_filled(8, 5));
    CHECK(is_free(6, 2));
    CHECK(is_free(13, 3));
    CHECK(slide(8, 5, 8) == 8);
    CHECK(is_sound(11));
}

} // namespace
