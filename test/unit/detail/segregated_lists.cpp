// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/segregated_lists.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>

namespace {

constexpr std::size_t max_size = 4096;
using lists = vmem::detail::segregated_lists<std::uint16_t, 4, 3, max_size>;

// Each size up to 16 has a class of its own, then two sizes share one, then four.
static_assert(lists::exact == 16);
static_assert(lists::class_of(1) == 1 && lists::class_of(15) == 15 && lists::class_of(16) == 16);
static_assert(lists::class_of(17) == 16 && lists::class_of(18) == 17 && lists::class_of(31) == 23);
static_assert(lists::class_of(32) == 24 && lists::class_of(35) == 24 && lists::class_of(36) == 25);
static_assert(lists::class_above(16) == 16 && lists::class_above(17) == 17);
static_assert(lists::class_above(31) == 24 && lists::class_above(32) == 24);
static_assert(lists::class_above(33) == 25 && lists::class_above(61) == 32);

constexpr bool classes_are_right() {
    std::size_t least_of_class = 1;
    for (std::size_t size = 1; size <= max_size; ++size) {
        const std::size_t cls = lists::class_of(size);
        if (cls != lists::class_of(size - 1)) {
            least_of_class = size;
        }
        const bool next = cls == lists::class_of(size - 1) || cls == lists::class_of(size - 1) + 1;
        // The width of a class is at most an eighth of its least size.
        const bool narrow = (size - least_of_class) * 8 < least_of_class;
        const bool above = lists::class_above(size) == (size == least_of_class ? cls : cls + 1);
        if (!next || !narrow || !above) {
            return false;
        }
    }
    return true;
}
static_assert(classes_are_right());

struct fixture {
    static constexpr std::size_t words = 4 * max_size;
    alignas(8) std::array<std::byte, words * 2> arena{};
    std::byte* base = arena.data();
    lists free{max_size};
    // Beyond the heads.
    static constexpr std::size_t first = 1024;

    [[nodiscard]] std::size_t find(std::size_t size) const { return free.find(base, size).block; }
};
static_assert(lists::head_words(max_size) < fixture::first);

TEST_CASE_FIXTURE(fixture, "segregated_lists: an empty one finds nothing") {
    for (std::size_t size = 1; size <= max_size; size += size < 100 ? 1 : 99) {
        CHECK(find(size) == 0);
    }
    CHECK(find(max_size * 2) == 0);
    CHECK(find(std::numeric_limits<std::uint16_t>::max()) == 0);
    CHECK(free.exact_fits(1) == 0);
    CHECK(free.largest(base) == 0);
    CHECK(free.count(base, words) == 0);
}

TEST_CASE_FIXTURE(fixture, "segregated_lists: finds a block that is large enough, and the smallest "
                           "of the small ones") {
    for (std::size_t size = 1; size <= 2000; size += size < 64 ? 1 : 61) {
        free.insert(base, first, size);
        CHECK(free.size_of(base, first) == size);
        CHECK(free.size_before(base, first + size * 4) == size);
        CHECK(free.largest(base) == size);
        CHECK(free.count(base, words) == 1);
        for (std::size_t wanted = 1; wanted <= size; ++wanted) {
            REQUIRE(find(wanted) == first);
        }
        CHECK(find(size + 1) == 0);
        free.remove(base, first);
        CHECK(free.count(base, words) == 0);
        CHECK(find(1) == 0);
    }
    for (const std::size_t size : {3U, 7U, 12U, 20U}) {
        free.insert(base, first + size * 100, size);
    }
    CHECK(find(1) == first + 300);
    CHECK(find(4) == first + 700);
    CHECK(find(8) == first + 1200);
    CHECK(find(13) == first + 2000);
    CHECK(free.exact_fits(4) == (1U << 7 | 1U << 12));
    CHECK(free.count(base, words) == 4);
    CHECK(free.largest(base) == 20);
}

TEST_CASE_FIXTURE(fixture, "segregated_lists: a block leaves from anywhere in its list") {
    for (const std::size_t size : {5U, 40U, 1000U}) {
        for (std::size_t leaving = 0; leaving < 3; ++leaving) {
            for (std::size_t i = 0; i < 3; ++i) {
                free.insert(base, first + i * 4096, size);
            }
            free.remove(base, first + leaving * 4096);
            CHECK(free.count(base, words) == 2);
            std::size_t left = 0;
            while (const std::size_t block = find(size)) {
                CHECK(block != first + leaving * 4096);
                free.remove(base, block);
                ++left;
            }
            CHECK(left == 2);
            CHECK(free.count(base, words) == 0);
        }
    }
}

TEST_CASE_FIXTURE(fixture, "segregated_lists: takes exact fits last in, first out") {
    free.insert_exact(base, first, 6);
    free.insert_exact(base, first + 100, 6);
    free.insert_exact(base, first + 200, 9);
    auto taken = free.take_exact(base, free.exact_fits(2));
    CHECK(taken.block == first + 100);
    CHECK(taken.size == 6);
    taken = free.take_exact(base, free.exact_fits(2));
    CHECK(taken.block == first);
    taken = free.take_exact(base, free.exact_fits(2));
    CHECK(taken.block == first + 200);
    CHECK(taken.size == 9);
    CHECK(free.exact_fits(1) == 0);
    CHECK(free.count(base, words) == 0);
}

TEST_CASE_FIXTURE(fixture, "segregated_lists: a block of the request's own class is the last "
                           "resort") {
    // 32 to 35 share a class: the first one in the list decides.
    free.insert(base, first, 34);
    CHECK(find(34) == first);
    CHECK(find(35) == 0);
    free.insert(base, first + 1000, 33);
    CHECK(find(34) == 0);
    CHECK(find(33) == first + 1000);
    free.insert(base, first + 2000, 500);
    CHECK(find(34) == first + 2000);
    CHECK(find(32) == first + 1000);
}

TEST_CASE_FIXTURE(fixture, "segregated_lists: damage is found") {
    free.insert(base, first, 20);
    free.insert(base, first + 1000, 20);
    CHECK(free.count(base, words) == 2);
    for (std::size_t i = 0; i < 6; ++i) {
        arena[(first + 1000) * 2 + i] ^= std::byte{0xFF};
        CHECK(free.count(base, words) == -1);
        arena[(first + 1000) * 2 + i] ^= std::byte{0xFF};
    }
    CHECK(free.count(base, words) == 2);
}

} // namespace
