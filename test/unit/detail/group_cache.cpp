// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/group_cache.hpp>

#include <vmem/detail/block_codes.hpp>

#include <cstddef>
#include <doctest/doctest.h>

namespace {

using vmem::detail::group_cache;
using vmem::detail::group_image;

group_image filled(int value) {
    group_image image{};
    image.fill(static_cast<std::byte>(value));
    return image;
}

TEST_CASE("group_cache: it holds the groups put in last") {
    group_cache<2> cache;
    CHECK(cache.find(0) == nullptr);
    cache.put(0, filled(1));
    cache.put(7, filled(2));
    REQUIRE(cache.find(0) != nullptr);
    REQUIRE(cache.find(7) != nullptr);
    CHECK(*cache.find(0) == filled(1));
    CHECK(*cache.find(7) == filled(2));
    // In the same place, not in another one's.
    cache.put(7, filled(3));
    CHECK(*cache.find(7) == filled(3));
    CHECK(cache.find(0) != nullptr);
    cache.put(9, filled(4));
    CHECK(cache.find(0) == nullptr);
    CHECK(*cache.find(7) == filled(3));
    CHECK(*cache.find(9) == filled(4));
}

TEST_CASE("group_cache: a byte is set in a group that is there, and a group forgotten") {
    group_cache<1> cache;
    cache.set(3, 5, std::byte{9});
    CHECK(cache.find(3) == nullptr);
    cache.put(3, filled(0));
    cache.set(3, 5, std::byte{9});
    cache.set(4, 6, std::byte{9});
    group_image expected = filled(0);
    expected[5] = std::byte{9};
    CHECK(*cache.find(3) == expected);
    cache.forget(4);
    CHECK(cache.find(3) != nullptr);
    cache.forget(3);
    CHECK(cache.find(3) == nullptr);
}

TEST_CASE("group_cache: one without room holds nothing") {
    group_cache<0> cache;
    cache.put(3, filled(1));
    cache.set(3, 0, std::byte{1});
    CHECK(cache.find(3) == nullptr);
    cache.forget(3);
}

} // namespace
