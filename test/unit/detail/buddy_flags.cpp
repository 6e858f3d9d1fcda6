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
        flags.set_live(at, order);
    }
}

/// Whether the flags say of each granule, for each order, whether such a live block starts there.
bool is_only(const buddy_flags& flags, std::size_t at, unsigned order, std::size_t from,
             std::size_t to) {
    bool right = flags.order_of_live(at) == order;
    for (std::size_t granule = from; granule < to; ++granule) {
        for (unsigned guess = 0; guess <= 11 && granule % (1U << guess) == 0; ++guess) {
            right =
                right && flags.is_live_block(granule, guess) == (granule == at && guess == order);
        }
    }
    return right;
}

TEST_CASE("buddy_flags: each flag is one of its own") {
    const flags_of<1000, 1200> flags;
    CHECK(flags->end() == 1200);
    for (std::size_t at = 1000; at < 1200; ++at) {
        flags->set_live(at, 0);
        REQUIRE(flags->toggle_pair(at));
        for (std::size_t other = 1000; other < 1200; ++other) {
            REQUIRE(flags->none_live(other, 0) == (other != at));
            REQUIRE(flags->pair(other) == (other == at));
        }
        flags->clear_live(at, 0);
        REQUIRE_FALSE(flags->toggle_pair(at));
        REQUIRE(flags->none_live(at, 0));
    }
}

TEST_CASE("buddy_flags: a live block between live blocks") {
    for (unsigned order = 0; order <= 9; ++order) {
        for (unsigned others = 0; others <= order; ++others) {
            const std::size_t size = std::size_t{1} << order;
            // As the left buddy, and as the right one.
            for (const std::size_t at : {std::size_t{4096}, 4096 + size}) {
                const flags_of<4096, 8192> flags;
                make_live(*flags, 4096, others, 8192);
                for (std::size_t inner = at; inner < at + size; inner += std::size_t{1} << others) {
                    flags->clear_live(inner, others);
                }
                flags->set_live(at, order);
                CAPTURE(order);
                CAPTURE(others);
                REQUIRE(is_only(*flags, at, order, at, at + size));
                flags->clear_live(at, order);
                REQUIRE(flags->none_live(at, order));
                REQUIRE(flags->order_of_live(at) == buddy_flags::none);
            }
        }
    }
}

TEST_CASE("buddy_flags: a live block of which the buddy is free, or begins with a free block") {
    for (unsigned order = 0; order <= 9; ++order) {
        for (unsigned free_order = 0; free_order <= order; ++free_order) {
            const flags_of<4096, 8192> flags;
            const std::size_t buddy = 4096 + (std::size_t{1} << order);
            flags->set_live(4096, order);
            flags->toggle_pair(buddy + (free_order < order ? std::size_t{1} << free_order : 0));
            if (free_order < order) {
                flags->set_live(buddy + (std::size_t{1} << free_order), free_order);
            }
            CAPTURE(order);
            CAPTURE(free_order);
            REQUIRE(is_only(*flags, 4096, order, 4096, buddy));
        }
    }
}

TEST_CASE("buddy_flags: at the end, a buddy may be missing") {
    const flags_of<64, 64 + 56> flags;
    flags->set_live(64 + 32, 4);
    flags->set_live(64 + 48, 3);
    CHECK(flags->order_of_live(64 + 48) == 3);
    CHECK(flags->is_live_block(64 + 48, 3));
    CHECK_FALSE(flags->is_live_block(64 + 48, 2));
    CHECK(flags->order_of_live(64 + 32) == 4);
    CHECK(flags->is_live_block(64 + 32, 4));
}

TEST_CASE("buddy_flags: none live") {
    const flags_of<0, 1024> flags;
    flags->set_live(300, 0);
    CHECK(flags->none_live(296, 2));
    CHECK_FALSE(flags->none_live(300, 0));
    CHECK_FALSE(flags->none_live(300, 2));
    CHECK_FALSE(flags->none_live(256, 6));
    CHECK(flags->none_live(0, 8));
    CHECK_FALSE(flags->none_live(0, 9));
    CHECK(flags->none_live(512, 9));
    flags->set_live(512, 7);
    CHECK_FALSE(flags->none_live(512, 0));
    CHECK_FALSE(flags->none_live(540, 2));
    CHECK_FALSE(flags->none_live(512, 6));
    CHECK_FALSE(flags->none_live(512, 9));
    CHECK(flags->none_live(640, 7));
}

} // namespace
