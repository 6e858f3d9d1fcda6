// SPDX-License-Identifier: BSL-1.0
#include <vmem/config.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <type_traits>

namespace {

using vmem::address;
using vmem::detail::align_down;
using vmem::detail::align_up;
using vmem::detail::lesser;
using vmem::detail::smallest_uint;

static_assert(std::is_unsigned_v<address>);
static_assert(sizeof(address) >= sizeof(std::size_t) && sizeof(address) >= 4);

static_assert(std::is_same_v<smallest_uint<0>, std::uint8_t>);
static_assert(std::is_same_v<smallest_uint<255>, std::uint8_t>);
static_assert(std::is_same_v<smallest_uint<256>, std::uint16_t>);
static_assert(std::is_same_v<smallest_uint<65535>, std::uint16_t>);
static_assert(std::is_same_v<smallest_uint<65536>, std::uint32_t>);
static_assert(std::is_same_v<smallest_uint<0xFFFFFFFF>, std::uint32_t>);
static_assert(std::is_same_v<smallest_uint<0x100000000>, std::uint64_t>);
static_assert(std::is_same_v<smallest_uint<~std::uintmax_t{0}>, std::uint64_t>);

static_assert(std::is_same_v<decltype(align_up(std::uint16_t{1}, 8)), std::uint16_t>);
static_assert(align_up(0u, 8) == 0 && align_up(8u, 8) == 8 && align_down(7u, 8) == 0);

TEST_CASE_TEMPLATE("config: rounding to a power of two", U, std::uint8_t, std::uint16_t,
                   std::uint32_t, std::uint64_t) {
    for (unsigned value = 0; value < 120; ++value) {
        for (unsigned alignment = 1; alignment <= 64; alignment *= 2) {
            const auto down = align_down(static_cast<U>(value), static_cast<U>(alignment));
            const auto up = align_up(static_cast<U>(value), static_cast<U>(alignment));
            CHECK(down == value / alignment * alignment);
            CHECK(up == (value + alignment - 1) / alignment * alignment);
        }
    }
    constexpr U most = (std::numeric_limits<U>::max)();
    CHECK(align_down(most, 1) == most);
    CHECK(align_down(most, 64) == most - 63);
    CHECK(align_up(static_cast<U>(most - 63), 64) == most - 63);
    CHECK(align_up(static_cast<U>(most - 64), 64) == most - 63);
}

TEST_CASE("config: the lesser of two") {
    CHECK(lesser(3, 4) == 3);
    CHECK(lesser(4, 3) == 3);
    CHECK(lesser(std::uint64_t{1} << 40, 5) == 5);
    static_assert(lesser(2u, 2) == 2);
}

} // namespace
