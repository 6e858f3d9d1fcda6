// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/block_flags.hpp>

#include <array>
#include <cstddef>
#include <doctest/doctest.h>

namespace {

using vmem::detail::block_flags;

static_assert(block_flags::bytes_for(31) == 8);
static_assert(block_flags::bytes_for(32) == 16);

TEST_CASE("block_flags: each flag is one of its own") {
    constexpr std::size_t last = 100;
    alignas(block_flags::alignment) std::array<std::byte, block_flags::bytes_for(last)> memory;
    memory.fill(std::byte{0xFF});
    const block_flags flags(memory.data(), last);
    for (std::size_t at = 0; at <= last; ++at) {
        REQUIRE_FALSE(flags.live(at));
        REQUIRE_FALSE(flags.after_free(at));
    }
    for (std::size_t at = 0; at <= last; ++at) {
        flags.set_live(at);
        for (std::size_t other = 0; other <= last; ++other) {
            REQUIRE(flags.live(other) == (other == at));
            REQUIRE_FALSE(flags.after_free(other));
        }
        flags.clear_live(at);
        flags.set_after_free(at);
        for (std::size_t other = 0; other <= last; ++other) {
            REQUIRE(flags.after_free(other) == (other == at));
            REQUIRE_FALSE(flags.live(other));
        }
        flags.clear_after_free(at);
    }
}

TEST_CASE("block_flags: the next flag of either kind") {
    constexpr std::size_t last = 200;
    alignas(block_flags::alignment) std::array<std::byte, block_flags::bytes_for(last)> memory;
    const block_flags flags(memory.data(), last);
    flags.set_live(200);
    CHECK(flags.next(0) == 200);
    flags.set_after_free(70);
    flags.set_live(31);
    flags.set_live(32);
    CHECK(flags.next(0) == 31);
    CHECK(flags.next(31) == 31);
    CHECK(flags.next(32) == 32);
    CHECK(flags.next(33) == 70);
    CHECK(flags.next(71) == 200);
    CHECK(flags.next(200) == 200);
}

} // namespace
