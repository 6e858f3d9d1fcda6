// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/buddy_lists.hpp>

#include <array>
#include <cstddef>
#include <doctest/doctest.h>

namespace {

using lists = vmem::detail::buddy_lists<16>;

constexpr auto any = [](std::size_t, unsigned) { return true; };

struct fixture {
    static constexpr std::size_t granules = 64;
    static constexpr std::size_t number = 100;
    alignas(16) std::array<std::byte, granules * 16> arena{};
    alignas(16) std::array<std::byte, lists::bytes_for(granules)> heads{};
    lists free{arena.data(), number, heads.data(), granules};
};

TEST_CASE_FIXTURE(fixture, "buddy_lists: last in, first out, by order") {
    CHECK(free.orders_from(0) == 0);
    CHECK(free.bytes_of(103) == arena.data() + 48);
    free.push(103, 0);
    free.push(105, 0);
    free.push(108, 2);
    CHECK(free.orders_from(0) == 0b101);
    CHECK(free.orders_from(1) == 0b100);
    CHECK(free.count(7, any) == 3);
    CHECK(free.pop(0) == 105);
    CHECK(free.pop(0) == 103);
    CHECK(free.orders_from(0) == 0b100);
    CHECK(free.pop(2) == 108);
    CHECK(free.orders_from(0) == 0);
    CHECK(free.count(7, any) == 0);
}

TEST_CASE_FIXTURE(fixture, "buddy_lists: a block leaves from anywhere") {
    for (std::size_t leaving = 0; leaving < 3; ++leaving) {
        free.push(101, 1);
        free.push(102, 1);
        free.push(103, 1);
        free.remove(101 + leaving, 1);
        CHECK(free.count(7, any) == 2);
        CHECK(free.pop(1) == (leaving == 2 ? 102U : 103U));
        CHECK(free.pop(1) == (leaving == 0 ? 102U : 101U));
        CHECK(free.orders_from(0) == 0);
    }
}

TEST_CASE_FIXTURE(fixture, "buddy_lists: is emptied") {
    free.push(101, 0);
    free.push(102, 1);
    free.push(104, 1);
    free.clear();
    CHECK(free.orders_from(0) == 0);
    CHECK(free.count(7, any) == 0);
    free.push(102, 1);
    CHECK(free.count(7, any) == 1);
}

TEST_CASE_FIXTURE(fixture, "buddy_lists: damage is found") {
    free.push(101, 1);
    free.push(102, 1);
    CHECK(free.count(7, any) == 2);
    CHECK(free.count(7, [](std::size_t at, unsigned) { return at == 101; }) == -1);
    arena[16 + 4] ^= std::byte{1};
    CHECK(free.count(7, any) == -1);
    arena[16 + 4] ^= std::byte{1};
    CHECK(free.count(7, any) == 2);
    heads.fill(std::byte{0});
    CHECK(free.count(7, any) == -1);
}

} // namespace
