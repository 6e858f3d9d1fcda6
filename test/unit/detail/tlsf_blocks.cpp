// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/tlsf_blocks.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <span>

namespace {

using row = vmem::detail::tlsf_blocks<std::uint16_t, 16, 3, 65'536>;
using range = row::range;

struct fixture {
    alignas(4096) std::array<std::byte, 4096> arena{};
    row blocks{arena};
    std::size_t first = blocks.begin();
    std::size_t end = first + blocks.count();

    [[nodiscard]] std::size_t number_of(const void* p) const {
        return static_cast<std::size_t>(static_cast<const std::byte*>(p) - arena.data()) / 16;
    }
    /// A live block of that many granules.
    [[nodiscard]] range take(std::size_t count) {
        const auto fits = count < row::exact ? blocks.exact_fits(count) : 0;
        const std::size_t at =
            number_of(fits != 0 ? blocks.take_exact(fits, count) : blocks.take(count, 1));
        return {at, at + count};
    }
    [[nodiscard]] bool is_free(range block) const {
        const range found = blocks.free_around(block.first);
        return found.first == block.first && found.end == block.end;
    }
};

TEST_CASE_FIXTURE(fixture, "tlsf_blocks: starts as one block behind its state") {
    CHECK(end == 256);
    CHECK(blocks.largest_free() == blocks.count());
    CHECK(is_free({first, end}));
    CHECK(blocks.free_around(end - 1).first == first);
    CHECK(blocks.free_around(first - 1).size() == 0);
    CHECK(blocks.free_around(0).size() == 0);
    CHECK(blocks.are_sound(0));
    CHECK_FALSE(blocks.are_sound(1));

    const row none{std::span<std::byte>()};
    CHECK(none.count() == 0);
    CHECK(none.largest_free() == 0);
    CHECK(none.are_sound(0));
}

TEST_CASE_FIXTURE(fixture, "tlsf_blocks: where a block would be") {
    range block{};
    CHECK(blocks.locate(arena.data() + 160, 17, block));
    CHECK(block.first == 10);
    CHECK(block.end == 12);
    CHECK(blocks.locate(arena.data() + 4080, 16, block));
    CHECK_FALSE(blocks.locate(arena.data() + 4080, 17, block));
    CHECK_FALSE(blocks.locate(arena.data() + 160, 0, block));
    CHECK_FALSE(blocks.locate(arena.data() + 168, 16, block));
    CHECK_FALSE(blocks.locate(arena.data() + 4096, 16, block));
    CHECK_FALSE(blocks.locate(arena.data() - 16, 16, block));
    for (std::size_t below = 0; below < 40; ++below) {
        CHECK_FALSE(blocks.locate(arena.data() + 160, SIZE_MAX - below, block));
        CHECK_FALSE(blocks.locate(arena.data() + 167, SIZE_MAX - below, block));
    }
}

TEST_CASE_FIXTURE(fixture, "tlsf_blocks: what is freed joins neighbours on either side") {
    std::array<range, 6> block{};
    for (range& each : block) {
        each = take(5);
    }
    const auto free = [this](range each) {
        blocks.is_between_live(each) ? blocks.release(each) : blocks.release_and_join(each);
    };
    CHECK(blocks.are_sound(30));
    free(block[1]);
    CHECK(is_free(block[1]));
    CHECK_FALSE(blocks.live_at(block[1].first));
    CHECK(blocks.live_at(block[2].first));
    CHECK(blocks.ends_live(block[0]));
    CHECK_FALSE(blocks.is_between_live(block[0]));
    CHECK_FALSE(blocks.is_between_live(block[2]));
    CHECK(blocks.is_between_live(block[3]));
    free(block[3]);
    CHECK(blocks.are_sound(20));
    free(block[2]); // Both.
    CHECK(is_free({block[1].first, block[3].end}));
    CHECK(blocks.free_around(block[2].first + 2).first == block[1].first);
    free(block[0]); // The one behind.
    CHECK(is_free({first, block[3].end}));
    free(block[4]); // The one before.
    CHECK(is_free({first, block[4].end}));
    CHECK(blocks.are_sound(5));
    free(block[5]);
    CHECK(is_free({first, end}));
    CHECK(blocks.are_sound(0));
}

TEST_CASE_FIXTURE(fixture, "tlsf_blocks: a live block is divided and extended") {
    const range block = take(20);
    CHECK(blocks.extend(block.end, block.end + 4));
    CHECK(blocks.are_sound(24));
    CHECK(blocks.ends_live({block.first, block.end + 4}));
    CHECK_FALSE(blocks.ends_live(block));
    CHECK_FALSE(blocks.extend(block.end + 4, end + 1));
    blocks.divide(block.first + 8);
    CHECK(blocks.are_sound(24));
    CHECK(blocks.ends_live({block.first, block.first + 8}));
    CHECK_FALSE(blocks.extend(block.first + 8, block.first + 9));
    blocks.release_and_join({block.first + 8, block.end + 4});
    CHECK(is_free({block.first + 8, end}));
    CHECK(blocks.are_sound(8));
    CHECK(blocks.extend(block.first + 8, end));
    CHECK(blocks.largest_free() == 0);
    CHECK(blocks.are_sound(blocks.count()));
}

TEST_CASE_FIXTURE(fixture, "tlsf_blocks: granules are taken from the middle of a block") {
    blocks.carve({first, end}, {first + 10, first + 12});
    CHECK(is_free({first, first + 10}));
    CHECK(is_free({first + 12, end}));
    CHECK(blocks.are_sound(2));
    // Of both, the smaller one that is large enough.
    CHECK(take(10).first == first);
    const std::size_t at = number_of(blocks.take(4, 512));
    CHECK(at % 32 == 0);
    CHECK(blocks.are_sound(16));
    CHECK(blocks.take(blocks.count(), 1) == nullptr);
    CHECK(blocks.take(1, 1U << 20U) == nullptr);
}

TEST_CASE_FIXTURE(fixture, "tlsf_blocks: sorted lists are those of the layout") {
    std::array<range, 9> block{};
    for (range& each : block) {
        each = take(3);
    }
    for (const std::size_t i : {5U, 1U, 7U, 3U}) {
        blocks.release(block[i]);
    }
    CHECK(blocks.are_sound(15));
    blocks.sort_free();
    CHECK(blocks.are_sound(15));
    for (const std::size_t i : {7U, 5U, 3U, 1U}) {
        CHECK(take(3).first == block[i].first);
    }
}

TEST_CASE_FIXTURE(fixture, "tlsf_blocks: damage is found, and does not lead astray") {
    const range before = take(4);
    const range block = take(4);
    REQUIRE(take(4).first == block.end);
    blocks.release(block);
    REQUIRE(blocks.are_sound(8));
    std::byte* const last = arena.data() + block.end * 16 - 2;
    std::byte* const size = arena.data() + block.first * 16 + 4;
    for (std::byte* const word : {last, size}) {
        for (unsigned wrong = 0; wrong < 0x10000; wrong += wrong < 300 ? 1 : 251) {
            if (wrong != 4) {
                const auto value = static_cast<std::uint16_t>(wrong);
                std::memcpy(word, &value, sizeof(value));
                REQUIRE_FALSE(blocks.are_sound(8));
            }
        }
        const std::uint16_t right = 4;
        std::memcpy(word, &right, sizeof(right));
        REQUIRE(blocks.are_sound(8));
    }
    CHECK(blocks.live_at(before.first));
}

} // namespace
