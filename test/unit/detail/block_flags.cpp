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
        REQUIRE_FALSE(flags.starts(at));
        REQUIRE_FALSE(flags.ends(at));
    }
    for (std::size_t at = 0; at <= last; ++at) {
        flags.set_start(at);
        for (std::size_t other = 0; other <= last; ++other) {
            REQUIRE(flags.starts(other) == (other == at));
            REQUIRE_FALSE(flags.ends(other));
        }
        flags.clear_start(at);
        flags.set_end(at);
        for (std::size_t other = 0; other <= last; ++other) {
            REQUIRE(flags.ends(other) == (other == at));
            REQUIRE_FALSE(flags.starts(other));
        }
        flags.clear_end(at);
    }
}

TEST_CASE("block_flags: the next flag of either kind") {
    constexpr std::size_t last = 200;
    alignas(block_flags::alignment) std::array<std::byte, block_flags::bytes_for(last)> memory;
    const block_flags flags(memory.data(), last);
    flags.set_start(200);
    CHECK(flags.next(0) == 200);
    flags.set_end(70);
    flags.set_start(31);
    flags.set_start(32);
    CHECK(flags.next(0) == 31);
    CHECK(flags.next(31) == 31);
    CHECK(flags.next(32) == 32);
    CHECK(flags.next(33) == 70);
    CHECK(flags.next(71) == 200);
    CHECK(flags.next(200) == 200);
}

} // namespace
