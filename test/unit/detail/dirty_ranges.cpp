// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/dirty_ranges.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <random>

namespace {

using vmem::detail::dirty_ranges;

// Two offsets per frame.
static_assert(sizeof(dirty_ranges<64, 10>) == 20);
static_assert(sizeof(dirty_ranges<128, 10>) == 20);
static_assert(sizeof(dirty_ranges<256, 10>) == 20);
static_assert(sizeof(dirty_ranges<512, 10>) == 40);
static_assert(sizeof(dirty_ranges<65536, 10>) == 40);

TEST_CASE("dirty_ranges: at first nothing, then the span of all changes, then nothing") {
    dirty_ranges<256, 3> ranges;
    for (std::size_t frame = 0; frame < 3; ++frame) {
        ranges.clear(frame);
    }
    for (std::size_t frame = 0; frame < 3; ++frame) {
        CHECK_FALSE(ranges.any(frame));
    }
    ranges.mark(1, 100, 4);
    CHECK(ranges.any(1));
    CHECK_FALSE(ranges.any(0));
    CHECK_FALSE(ranges.any(2));
    CHECK(ranges.rounded(1, 1).begin == 100);
    CHECK(ranges.rounded(1, 1).end == 104);
    ranges.mark(1, 102, 1);
    CHECK(ranges.rounded(1, 1).begin == 100);
    CHECK(ranges.rounded(1, 1).end == 104);
    ranges.mark(1, 255, 1);
    ranges.mark(1, 7, 1);
    CHECK(ranges.rounded(1, 1).begin == 7);
    CHECK(ranges.rounded(1, 1).end == 256);
    ranges.clear(1);
    CHECK_FALSE(ranges.any(1));
    ranges.mark(1, 0, 256);
    CHECK(ranges.rounded(1, 256).begin == 0);
    CHECK(ranges.rounded(1, 256).end == 256);
    for (const std::size_t at : {std::size_t{0}, std::size_t{255}}) {
        ranges.clear(1);
        ranges.mark(1, at, 1);
        CHECK(ranges.any(1));
        CHECK(ranges.rounded(1, 1).begin == at);
        CHECK(ranges.rounded(1, 1).end == at + 1);
    }
    ranges.keep(2, 255, 255);
    CHECK(ranges.first_kept(2) == 255);
    CHECK(ranges.second_kept(2) == 255);
}

TEST_CASE("dirty_ranges: rounded outwards, to the smallest multiples that cover, at random") {
    std::mt19937_64 random;
    dirty_ranges<1024, 1> ranges;
    for (int round = 0; round < 200; ++round) {
        ranges.clear(0);
        std::size_t least = 1024;
        std::size_t most = 0;
        for (std::size_t left = 1 + random() % 5; left != 0; --left) {
            const std::size_t begin = random() % 1024;
            const std::size_t count = 1 + random() % (1024 - begin);
            ranges.mark(0, begin, count);
            least = (std::min)(least, begin);
            most = (std::max)(most, begin + count);
        }
        for (std::size_t unit = 1; unit <= 1024; unit *= 2) {
            const auto [begin, end] = ranges.rounded(0, unit);
            CHECK(begin == least / unit * unit);
            CHECK(end == (most + unit - 1) / unit * unit);
        }
    }
}

} // namespace
