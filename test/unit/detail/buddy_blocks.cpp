// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/buddy_blocks.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <doctest/doctest.h>
#include <span>

namespace {

using row = vmem::detail::buddy_blocks<16>;
constexpr std::size_t arena_size = 16'384;

/// At a multiple of its size, so that the number of a granule is its offset.
struct fixture {
    alignas(arena_size) std::array<std::byte, arena_size> arena{};
    row blocks{arena};

    [[nodiscard]] std::size_t take(unsigned order) {
        const auto fits = blocks.orders_from(order);
        return blocks.number_of(blocks.take(static_cast<unsigned>(std::countr_zero(fits)), order));
    }
};

TEST_CASE_FIXTURE(fixture, "buddy_blocks: start as the largest blocks behind their state") {
    // One word more of each kind of flag than fills, and 11 heads.
    CHECK(blocks.count() == 1024 - (2UL * (1024UL / 8 + sizeof(std::size_t)) + 11UL * 4 + 15) / 16);
    CHECK(blocks.order_of_free(512) == 9);
    CHECK(blocks.order_of_free(1023) == 9);
    CHECK(blocks.order_of_free(256) == 8);
    CHECK(blocks.order_of_free(0) == row::none);
    CHECK(blocks.orders_from(9) == 1U << 9);
    CHECK(blocks.are_sound(0));
    CHECK_FALSE(blocks.are_sound(1));

    const row none{std::span<std::byte>()};
    CHECK(none.count() == 0);
    CHECK(none.orders_from(0) == 0);
    CHECK(none.are_sound(0));
}

TEST_CASE_FIXTURE(fixture, "buddy_blocks: which blocks can be") {
    CHECK(blocks.number_of(arena.data() + 160) == 10);
    CHECK(blocks.contains(512, 9));
    CHECK_FALSE(blocks.contains(512, 10));
    CHECK_FALSE(blocks.contains(0, 0));
    CHECK_FALSE(blocks.contains(640, 8));
    CHECK_FALSE(blocks.contains(blocks.number_of(arena.data() + arena_size), 0));
    CHECK_FALSE(blocks.contains(blocks.number_of(arena.data() + 8000 + 8), 0));
    CHECK_FALSE(blocks.contains(blocks.number_of(arena.data() - 16), 0));
}

TEST_CASE_FIXTURE(fixture, "buddy_blocks: a block of any order comes and goes") {
    for (unsigned order = 0; order <= 9; ++order) {
        const std::size_t at = take(order);
        CAPTURE(order);
        CHECK(at % row::size_of(order) == 0);
        for (unsigned guess = 0; guess <= 10; ++guess) {
            CHECK(blocks.is_live(at, guess) == (guess == order));
        }
        CHECK(blocks.order_of_free(at) == row::none);
        CHECK(blocks.are_sound(row::size_of(order)));
        blocks.release(at, order);
        CHECK(blocks.order_of_free(512) == 9);
        CHECK(blocks.order_of_free(256) == 8);
        CHECK(blocks.are_sound(0));
    }
}

TEST_CASE_FIXTURE(fixture, "buddy_blocks: a block is made of those that are asked for") {
    for (unsigned order = 0; order <= 9; ++order) {
        const std::size_t target = 1024 - row::size_of(order);
        REQUIRE(blocks.take_at(target, order));
        CHECK(blocks.is_live(target, order));
        CHECK_FALSE(blocks.take_at(target, order));
        CHECK_FALSE(blocks.take_at(1023, 0));
        CHECK_FALSE(blocks.take_at(512, 9));
        CHECK(blocks.are_sound(row::size_of(order)));
        blocks.release(target, order);
    }
    CHECK(blocks.order_of_free(512) == 9);
}

TEST_CASE_FIXTURE(fixture, "buddy_blocks: a left one grows, over large and small orders") {
    REQUIRE(blocks.take_at(512, 0));
    for (unsigned from = 0; from <= 9; ++from) {
        for (unsigned to = 0; to <= 9; ++to) {
            REQUIRE(blocks.resize(512, 0, from));
            REQUIRE(blocks.resize(512, from, to));
            CHECK(blocks.is_live(512, to));
            CHECK(blocks.are_sound(row::size_of(to)));
            REQUIRE(blocks.resize(512, to, 0));
        }
    }
    CHECK_FALSE(blocks.resize(512, 0, 10));
    REQUIRE(blocks.take_at(512 + 96, 0));
    CHECK(blocks.resize(512, 0, 6));
    CHECK_FALSE(blocks.resize(512, 6, 7));
    CHECK(blocks.is_live(512, 6));
    CHECK(blocks.are_sound(65));
}

TEST_CASE_FIXTURE(fixture, "buddy_blocks: sorted lists are those of the layout") {
    for (std::size_t at = 512; at < 528; ++at) {
        REQUIRE(blocks.take_at(at, 0));
    }
    while (blocks.orders_from(0) != 0) {
        (void)take(0);
    }
    for (const std::size_t at : {518U, 512U, 526U, 520U}) {
        blocks.release(at, 0);
    }
    blocks.sort_free();
    CHECK(blocks.are_sound(blocks.count() - 4));
    for (const std::size_t at : {526U, 520U, 518U, 512U}) {
        CHECK(take(0) == at);
    }
}

/// Of a pair that the arena's state cuts, one granule is free.
TEST_CASE("buddy_blocks: the state may end anywhere") {
    alignas(arena_size) static std::array<std::byte, arena_size> arena;
    for (std::size_t skipped = 0; skipped < 4096; skipped += 16) {
        row blocks(std::span<std::byte>(arena).subspan(skipped));
        CAPTURE(skipped);
        const std::size_t first = 1024 - blocks.count();
        CHECK(blocks.are_sound(0));
        const unsigned order = blocks.order_of_free(first);
        REQUIRE(blocks.take_at(first, 0));
        CHECK(blocks.is_live(first, 0));
        CHECK(blocks.are_sound(1));
        blocks.release(first, 0);
        CHECK(blocks.order_of_free(first) == order);
        CHECK(blocks.are_sound(0));
    }
}

} // namespace
