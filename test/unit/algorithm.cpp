// SPDX-License-Identifier: BSL-1.0
#include <vmem/algorithm.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/flaky.hpp"
#include "support/test_heap.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <vector>

namespace {

using vmem::errc;
using vmem::vptr;
using vmem::test::error_of;

template <std::size_t PageSize, std::size_t Frames, std::size_t Size = 1 << 17>
struct fixture {
    using disk = vmem::contract::flaky<vmem::counted<vmem::ram_storage<Size>>>;
    using memory =
        vmem::heap<disk, vmem::paged<PageSize, Frames>, vmem::nonresident_linked_list_allocator>;
};

template <class Memory>
[[nodiscard]] std::unique_ptr<Memory> formatted() {
    auto heap = std::make_unique<Memory>();
    heap->format().value();
    return heap;
}

template <class T, class Memory>
[[nodiscard]] vptr<T, Memory> put(Memory& heap, const std::vector<T>& values) {
    const auto p = heap.template allocate<T>((std::max)(values.size(), std::size_t{1})).value();
    REQUIRE(heap.residency().write(p.to_address(), std::as_bytes(std::span(values))));
    return p;
}
template <class T, class Memory>
[[nodiscard]] std::vector<T> get(vptr<T, Memory> p, std::size_t n) {
    std::vector<T> values(n);
    REQUIRE(Memory::current().residency().read(p.to_address(),
                                               std::as_writable_bytes(std::span(values))));
    return values;
}

/// Many are equal; which of them came first shows.
struct entry {
    std::int16_t key;
    std::uint16_t place;
    std::uint64_t rest[2];

    friend bool operator==(const entry&, const entry&) = default;
};
struct by_key {
    bool operator()(const entry& a, const entry& b) const { return a.key < b.key; }
};
/// 12 bytes, which divide no page.
struct triple {
    std::uint32_t key, place, rest;

    friend bool operator==(const triple&, const triple&) = default;
    friend bool operator<(const triple& a, const triple& b) { return a.key < b.key; }
};

template <class T>
[[nodiscard]] T made(std::uint64_t random, std::size_t place) {
    if constexpr (std::is_same_v<T, entry>) {
        return {static_cast<std::int16_t>(random % 20), static_cast<std::uint16_t>(place), {}};
    } else if constexpr (std::is_same_v<T, triple>) {
        return {static_cast<std::uint32_t>(random % 20), static_cast<std::uint32_t>(place), 0};
    } else {
        return static_cast<T>(random);
    }
}
template <class T>
[[nodiscard]] std::vector<T> random_values(std::size_t n, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<T> values;
    for (std::size_t i = 0; i < n; ++i) {
        values.push_back(made<T>(random(), i));
    }
    return values;
}

/// What a stable sort makes of `values`.
template <class T, class Less = std::less<>>
[[nodiscard]] std::vector<T> stably_sorted(const std::vector<T>& values, Less less = {}) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return less(values[a], values[b]) || (!less(values[b], values[a]) && a < b);
    });
    std::vector<T> sorted;
    for (const std::size_t place : order) {
        sorted.push_back(values[place]);
    }
    return sorted;
}

/// Sorts stably, for all sizes up to `dense` and some more.
template <class T, std::size_t PageSize, std::size_t Frames, class Less = std::less<>>
void check_sizes(std::size_t dense, Less less = {}) {
    using memory = typename fixture<PageSize, Frames>::memory;
    const auto heap = formatted<memory>();
    std::vector<std::size_t> sizes(dense);
    std::iota(sizes.begin(), sizes.end(), std::size_t{0});
    sizes.insert(sizes.end(), {300, 777, 1500});
    const auto free = heap->largest_free().value();
    for (const std::size_t n : sizes) {
        CAPTURE(n);
        CAPTURE(sizeof(T));
        CAPTURE(Frames);
        const auto values = random_values<T>(n, n);
        const auto p = put(*heap, values);
        REQUIRE(error_of(vmem::sort(p, n, less)) == "none");
        REQUIRE(get(p, n) == stably_sorted(values, less));
        REQUIRE(heap->residency().unpinned_frames() == Frames);
        REQUIRE(heap->deallocate(p));
        REQUIRE(heap->largest_free().value() == free);
    }
}

TEST_CASE("sort: stably, whatever the size, the frames, and the elements") {
    check_sizes<std::uint64_t, 64, 4>(200);
    check_sizes<std::uint64_t, 64, 16>(100);
    check_sizes<std::uint64_t, 256, 3>(200);
    check_sizes<std::uint32_t, 512, 8>(100, std::greater<>());
    check_sizes<std::uint8_t, 128, 5>(300);
    check_sizes<entry, 64, 6>(100, by_key());
    check_sizes<triple, 64, 6>(200);
    check_sizes<triple, 128, 33>(100);
    check_sizes<double, 512, 2>(100);
}

TEST_CASE("sort: orders that are common") {
    const auto heap = formatted<fixture<64, 8>::memory>();
    std::vector<std::uint64_t> values(1000);
    std::iota(values.begin(), values.end(), std::uint64_t{0});
    const auto sorted = values;
    const auto p = put(*heap, values);
    REQUIRE(vmem::sort(p, 1000));
    CHECK(get(p, 1000) == sorted);
    REQUIRE(vmem::sort(p, 1000, std::greater<>()));
    std::ranges::reverse(values);
    CHECK(get(p, 1000) == values);
    REQUIRE(vmem::sort(p, 1000));
    CHECK(get(p, 1000) == sorted);
    const auto same = put(*heap, std::vector<std::uint64_t>(500, 7));
    REQUIRE(vmem::sort(same, 500));
    CHECK(get(same, 500) == std::vector<std::uint64_t>(500, 7));
}

TEST_CASE("sort: an order that is none leaves the elements, in any order") {
    const auto heap = formatted<fixture<64, 8>::memory>();
    auto values = random_values<std::uint32_t>(700, 1);
    const auto p = put(*heap, values);
    std::mt19937_64 random(2);
    REQUIRE(vmem::sort(p, 700, [&](std::uint32_t, std::uint32_t) { return random() % 2 == 0; }));
    CHECK(get(p, 700).size() == 700);
}

TEST_CASE("sort: only the elements change, and what is pinned stays where it is") {
    const auto heap = formatted<fixture<64, 12>::memory>();
    auto values = random_values<std::uint64_t>(1000, 3);
    const auto p = put(*heap, values);
    {
        auto first = (p + 0).write().value();
        auto middle = (p + 500).write(3).value();
        *first = 5;
        middle[1] = 6;
        values[0] = 5;
        values[501] = 6;
        REQUIRE(vmem::sort(p + 1, 998));
        std::sort(values.begin() + 1, values.end() - 1);
        CHECK(get(p, 1000) == values);
        CHECK(*first == values[0]);
        CHECK(middle[1] == values[501]);
    }
    REQUIRE(heap->flush());
    REQUIRE(heap->open());
    CHECK(get(p, 1000) == values);
}

TEST_CASE("sort: the elements are read and written twice, where one pass merges all runs") {
    // 59 of 64 frames are lent: 22 runs of 29 pages, the last one shorter.
    using memory = fixture<64, 64>::memory;
    const auto heap = formatted<memory>();
    const std::size_t n = 20 * 31 * 8;
    const auto p = put(*heap, random_values<std::uint64_t>(n, 4));
    REQUIRE(heap->flush());
    auto& counts = heap->storage().inner();
    counts.reset_counts();
    REQUIRE(vmem::sort(p, n));
    const auto moved = counts.counts().bytes_read + counts.counts().bytes_written;
    // But for the last run, which stays in RAM; and what the allocator looks at.
    CHECK(moved < 4 * n * 8);
    CHECK(moved > 39 * n * 8 / 10);
    // Runs as long as half the RAM at once, and pages of them.
    CHECK(counts.counts().reads <= 22 + n / 8 + 16);
}

TEST_CASE("sort: what fits into half of the frames is read and written once") {
    using memory = fixture<64, 64>::memory;
    const auto heap = formatted<memory>();
    const auto p = put(*heap, random_values<std::uint64_t>(200, 5));
    REQUIRE(heap->flush());
    auto& counts = heap->storage().inner();
    counts.reset_counts();
    REQUIRE(vmem::sort(p, 200));
    CHECK(counts.counts().bytes_read == 1600);
    CHECK(counts.counts().bytes_written == 1600);
    CHECK(counts.counts().reads == 1);
    CHECK(counts.counts().writes == 1);
}

TEST_CASE("sort: less may look into virtual memory") {
    using memory = fixture<64, 8>::memory;
    const auto heap = formatted<memory>();
    const auto keys = random_values<std::uint32_t>(400, 6);
    const auto stored = put(*heap, keys);
    std::vector<std::uint16_t> places(400);
    std::iota(places.begin(), places.end(), std::uint16_t{0});
    const auto p = put(*heap, places);
    REQUIRE(vmem::sort(p, 400,
                       [&](std::uint16_t a, std::uint16_t b) { return stored[a] < stored[b]; }));
    CHECK(get(p, 400) == stably_sorted(places, [&](std::uint16_t a, std::uint16_t b) {
              return keys[a] < keys[b];
          }));
}

TEST_CASE("sort: what cannot be sorted is refused, and nothing has changed") {
    using memory = fixture<64, 8>::memory;
    const auto heap = formatted<memory>();
    const auto values = random_values<std::uint32_t>(100, 7);
    const auto p = put(*heap, values);
    CHECK(error_of(vmem::sort(vptr<int, memory>(), 0)) == "none");
    CHECK(vmem::sort(vptr<int, memory>(), 1).error() == errc::null_pointer);
    CHECK(vmem::sort(p, std::size_t(-1)).error() == errc::out_of_range);
    CHECK(vmem::sort(p, std::size_t(-1) / 4 + 1).error() == errc::out_of_range);
    const auto odd = vptr<std::uint32_t, memory>::from_address(p.to_address() + 1);
    CHECK(vmem::sort(odd, 2).error() == errc::misaligned);
    CHECK(get(p, 100) == values);

    SUBCASE("no room for a copy") {
        const auto rest = heap->largest_free().value();
        REQUIRE(heap->allocate<char>(rest));
        const auto big = vptr<std::uint32_t, memory>::from_address(p.to_address());
        CHECK(vmem::sort(big, 100 + rest / 8).error() == errc::out_of_memory);
        CHECK(heap->residency().unpinned_frames() == 8);
    }
    SUBCASE("no frame to lend") {
        const auto far = heap->allocate<char>(64 * 16).value();
        std::vector<vmem::pin<char, memory>> pins;
        for (int i = 0; i < 7; ++i) {
            pins.push_back((far + 64 * i).write().value());
        }
        CHECK(vmem::sort(p, 100).error() == errc::no_free_frame);
        CHECK(get(p, 100) == values);
    }
}

TEST_CASE("sort: with one frame there is none to lend") {
    const auto heap = formatted<fixture<512, 1>::memory>();
    const auto p = put(*heap, random_values<std::uint32_t>(10, 8));
    CHECK(vmem::sort(p, 10).error() == errc::no_free_frame);
}

/// Whatever the storage does, and after each of its operations once: the error comes out, and the
/// elements are all there.
template <class T, std::size_t PageSize, std::size_t Frames>
void check_faults(std::size_t n, vmem::contract::failed_write how) {
    using memory = typename fixture<PageSize, Frames>::memory;
    const auto heap = formatted<memory>();
    const auto values = random_values<T>(n, 9);
    const auto sorted = stably_sorted(values);
    const auto p = put(*heap, values);
    REQUIRE(heap->flush());
    std::uint64_t failures = 0;
    for (std::uint64_t at = 1;; ++at) {
        CAPTURE(at);
        REQUIRE(heap->residency().write(p.to_address(), std::as_bytes(std::span(values))));
        REQUIRE(heap->flush());
        heap->storage().fail(at, 1, how);
        const auto done = vmem::sort(p, n);
        heap->storage().heal();
        REQUIRE(heap->residency().unpinned_frames() == Frames);
        auto found = get(p, n);
        if (done) {
            REQUIRE(found == sorted);
        } else {
            ++failures;
            CAPTURE(vmem::message(done.error()));
            std::sort(found.begin(), found.end());
            REQUIRE(found == sorted);
        }
        if (heap->storage().failed() == 0) {
            break;
        }
    }
    CHECK(failures > 1);
}

TEST_CASE("sort: a storage that fails once loses nothing") {
    using vmem::contract::failed_write;
    for (const auto how : {failed_write::stores_nothing, failed_write::stores_some}) {
        check_faults<std::uint64_t, 64, 8>(150, how);  // two passes
        check_faults<std::uint64_t, 64, 16>(250, how); // one, which leaves the last run in RAM
        check_faults<std::uint64_t, 64, 4>(400, how);  // several
        check_faults<std::uint64_t, 64, 16>(50, how);  // none
    }
}

} // namespace
