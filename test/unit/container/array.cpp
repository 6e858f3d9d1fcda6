// SPDX-License-Identifier: BSL-1.0
#include <vmem/container/array.hpp>

#include "support/container_heaps.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <numeric>
#include <ranges>
#include <type_traits>
#include <utility>

using vmem::array;
using vmem::errc;
using vmem::test::container_heap;
using vmem::test::large_pages;
using vmem::test::small_pages;
using vmem::test::whole_objects;

namespace {

static_assert(std::ranges::random_access_range<array<int, 4, small_pages>>);
static_assert(std::ranges::random_access_range<const array<int, 4, small_pages>>);
static_assert(std::ranges::sized_range<array<int, 4, small_pages>>);
static_assert(!std::copyable<array<int, 4, small_pages>> &&
              std::movable<array<int, 4, small_pages>>);
static_assert(sizeof(array<int, 1000, small_pages>) == 4);

#define VMEM_TEST_HEAPS small_pages, large_pages, whole_objects

TEST_CASE_TEMPLATE("array: elements start with a value, and hold what they are given", Heap,
                   VMEM_TEST_HEAPS) {
    container_heap<Heap> on;
    auto a = array<int, 1000, Heap>::make(7).value();
    CHECK(a.size() == 1000);
    CHECK(std::ranges::count(a, 7) == 1000);
    for (std::size_t i = 0; i < a.size(); ++i) {
        a[i] = static_cast<int>(i);
    }
    const auto& reading = a;
    CHECK(reading[999] == 999);
    CHECK(std::accumulate(reading.begin(), reading.end(), 0) == 499'500);
    CHECK(a.get(10).value() == 10);
    REQUIRE(a.set(10, -1));
    CHECK(a[10] == -1);
    CHECK(array<int, 10, Heap>::make().value()[9] == 0);
}

TEST_CASE_TEMPLATE("array: an index that is none is an error", Heap, VMEM_TEST_HEAPS) {
    container_heap<Heap> on;
    auto a = array<int, 3, Heap>::make().value();
    CHECK(a.get(3).error() == errc::out_of_range);
    CHECK(a.set(3, 1).error() == errc::out_of_range);
    CHECK(array<int, 1'000'000, Heap>::make().error() == errc::out_of_memory);
}

TEST_CASE_TEMPLATE("array: algorithms work on it, chunk by chunk too", Heap, VMEM_TEST_HEAPS) {
    container_heap<Heap> on;
    auto a = array<unsigned, 500, Heap>::make().value();
    unsigned next = 1;
    for (auto element : a) {
        element = next = next * 1'664'525 + 1'013'904'223;
    }
    std::ranges::sort(a);
    CHECK(std::ranges::is_sorted(std::as_const(a)));
    std::size_t count = 0;
    for (const auto chunk : vmem::chunks(a.data(), a.size())) {
        count += chunk.size();
        CHECK(std::ranges::is_sorted(chunk));
    }
    CHECK(count == 500);
}

TEST_CASE_TEMPLATE("array: ends with its owner, unless it is released", Heap, VMEM_TEST_HEAPS) {
    container_heap<Heap> on;
    const auto at_first = on.in_use();
    vmem::vptr<int, Heap> kept;
    {
        auto a = array<int, 100, Heap>::make(1).value();
        auto b = array<int, 100, Heap>::make(2).value();
        a = std::move(b);
        CHECK(a[0] == 2);
        kept = a.release();
        CHECK(a.data() == nullptr);
    }
    CHECK(on.in_use() > at_first);
    CHECK(kept[99] == 2);
    {
        const array<int, 100, Heap> again(kept);
        CHECK(again[99] == 2);
    }
    CHECK(on.in_use() == at_first);
}

TEST_CASE_TEMPLATE("array: what fails while it is made leaves nothing behind", Heap,
                   VMEM_TEST_HEAPS) {
    container_heap<Heap> on;
    const auto at_first = on.in_use();
    std::size_t failures = 0;
    for (std::uint64_t n = 1; n < 60; ++n) {
        CAPTURE(n);
        REQUIRE(on.heap.flush());
        on.medium.fail(n);
        failures += array<int, 600, Heap>::make(1) ? 0u : 1u;
        on.medium.heal();
        CHECK(on.in_use() == at_first);
    }
    CHECK(failures >= 4);
}

} // namespace
