// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/arena.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <span>

namespace {

using namespace vmem::detail;

constexpr std::size_t unlimited = (std::numeric_limits<std::size_t>::max)();

static_assert(is_power_of_two(1) && is_power_of_two(4096) && is_power_of_two(unlimited / 2 + 1));
static_assert(!is_power_of_two(0) && !is_power_of_two(3) && !is_power_of_two(unlimited));

static_assert(check_request(1, 1).has_value());
static_assert(check_request(0, 1).error() == vmem::errc::zero_size);
static_assert(check_request(1, 0).error() == vmem::errc::misaligned);
static_assert(check_request(1, 12).error() == vmem::errc::misaligned);

TEST_CASE("arena: alignment of a pointer") {
    alignas(64) std::array<std::byte, 64> bytes{};
    CHECK(is_aligned(bytes.data(), 64));
    CHECK(is_aligned(bytes.data() + 1, 1));
    CHECK_FALSE(is_aligned(bytes.data() + 8, 16));
    CHECK_FALSE(is_aligned(bytes.data(), 0));
    CHECK_FALSE(is_aligned(bytes.data(), 48));
}

TEST_CASE("arena: whole granules of any arena") {
    alignas(64) std::array<std::byte, 256> bytes{};
    for (std::size_t offset = 0; offset < 40; ++offset) {
        for (std::size_t size = 0; size < 128; ++size) {
            const std::span<std::byte> arena(bytes.data() + offset, size);
            const auto whole = whole_granules(arena, 16, unlimited);
            CAPTURE(offset);
            CAPTURE(size);
            const std::size_t first = (offset + 15) / 16;
            const std::size_t end = (offset + size) / 16;
            if (end > first) {
                REQUIRE(whole.data() == bytes.data() + first * 16);
                REQUIRE(whole.size() == (end - first) * 16);
            } else {
                REQUIRE(whole.empty());
            }
            REQUIRE(whole_granules(arena, 16, 40).size() == lesser(whole.size(), 32));
        }
    }
    CHECK(whole_granules({}, 16, unlimited).empty());
}

TEST_CASE("arena: words come back as they were stored") {
    alignas(8) std::array<std::byte, 24> bytes{};
    store(bytes.data() + 8, std::uint32_t{0x12345678});
    store(bytes.data() + 12, std::uint16_t{0xABCD});
    CHECK(load<std::uint32_t>(bytes.data() + 8) == 0x12345678);
    CHECK(load<std::uint16_t>(bytes.data() + 12) == 0xABCD);
    CHECK(load<std::uint64_t>(bytes.data()) == 0);
    CHECK(load<std::uint16_t>(bytes.data() + 14) == 0);
}

} // namespace
