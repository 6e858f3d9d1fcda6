// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/buddy_flags.hpp>

#include <array>
#include <cstddef>
#include <doctest/doctest.h>

namespace {

using vmem::detail::buddy_flags;

/// Granules `begin` to `end`, as an allocator would number those of an arena that does not start
/// at a multiple of anything.
template <std::size_t Begin, std::size_t End>
class flags_of {
public:
    [[nodiscard]] const buddy_flags& operator*() const { return flags_; }
    [[nodiscard]] const buddy_flags* operator->() const { return &flags_; }

private:
    static constexpr std::size_t bytes = buddy_flags::bytes_for(Begin, End);
    alignas(buddy_flags::alignment) std::array<std::byte, bytes> memory_{};
    buddy_flags flags_{memory_.data(), Begin, End};
};

/// Live blocks of one order side by side. As none is free, what a block is must be seen from these
/// flags alone.
void make_live(const buddy_flags& flags, std::size_t at, unsigned order, std::size_t end) {
    for (; at < end; at += std::size_t{1} << order) {
        flags.set_live(at);
    }
}

TEST_CASE("buddy_flags: each flag is one of its own") {
    const flags_of<1000, 1200> flags;
    CHECK(flags->end() == 1200);
    for (std::size_t at = 1000; at < 1200; ++at) {
        flags->set_live(at);
        REQUIRE(flags->toggle_pair(at));
        for (std::size_t other = 1000; other < 1200; ++other) {
            REQUIRE(flags->live(other) == (other == at));
            REQUIRE(flags->pair(other) == (other == at));
        }
        flags->clear_live(at);
        REQUIRE_FALSE(flags->toggle_pair(at));
    }
}

TEST_CASE("buddy_flags: the order of a live block between live blocks") {
    for (unsigned order = 0; order <= 9; ++order) {
        for (unsigned others = 0; others <= order; ++others) {
            const std::size_t size = std::size_t{1} << order;
            // As the left buddy, and as the right one.
            for (const std::size_t at : {std::size_t{4096}, 4096 + size}) {
                const flags_of<4096, 8192> flags;
                make_live(*flags, 4096, others, 8192);
                for (std::size_t inner = at + 1; inner < at + size; ++inner) {
                    flags->clear_live(inner);
                }
                CAPTURE(order);
                CAPTURE(others);
                REQUIRE(flags->order_of_live(at) == order);
                for (unsigned guess = 0; guess <= 11 && at % (1U << guess) == 0; ++guess) {
                    REQUIRE(flags->is_live_block(at, guess) == (guess == order));
                }
            }
        }
    }
}

TEST_CASE(
    "buddy_flags: the order of a live block of which the buddy is free, or begins with a free "
    "block") {
    for (unsigned order = 0; order <= 9; ++order) {
        for (unsigned free_order = 0; free_order <= order; ++free_order) {
            const flags_of<4096, 8192> flags;
            const std::size_t buddy = 4096 + (std::size_t{1} << order);
            flags->set_live(4096);
            flags->toggle_pair(buddy + (free_order < order ? std::size_t{1} << free_order : 0));
            CAPTURE(order);
            CAPTURE(free_order);
            REQUIRE(flags->order_of_live(4096) == order);
            for (unsigned guess = 0; guess <= 11; ++guess) {
                REQUIRE(flags->is_live_block(4096, guess) == (guess == order));
            }
        }
    }
}

TEST_CASE("buddy_flags: at the end, a buddy may be missing") {
    const flags_of<64, 64 + 56> flags;
    flags->set_live(64 + 32);
    flags->set_live(64 + 48);
    CHECK(flags->order_of_live(64 + 48) == 3);
    CHECK(flags->is_live_block(64 + 48, 3));
    CHECK_FALSE(flags->is_live_block(64 + 48, 2));
    CHECK(flags->order_of_live(64 + 32) == 4);
    CHECK(flags->is_live_block(64 + 32, 4));
}

TEST_CASE("buddy_flags: none live") {
    const flags_of<0, 1024> flags;
    flags->set_live(300);
    CHECK(flags->none_live(296, 2));
    CHECK_FALSE(flags->none_live(300, 0));
    CHECK_FALSE(flags->none_live(300, 2));
    CHECK_FALSE(flags->none_live(256, 6));
    CHECK(flags->none_live(0, 8));
    CHECK_FALSE(flags->none_live(0, 9));
    CHECK(flags->none_live(512, 9));
}

} // namespace
