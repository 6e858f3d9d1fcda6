// SPDX-License-Identifier: BSL-1.0
#include <vmem/container/list.hpp>

#include "support/container_heaps.hpp"
#include "support/random_test.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <iterator>
#include <list>
#include <random>
#include <ranges>
#include <type_traits>
#include <utility>

using vmem::errc;
using vmem::list;
using vmem::test::container_heap;
using vmem::test::large_pages;
using vmem::test::small_pages;
using vmem::test::whole_objects;

namespace {

/// An element whose parts must agree.
struct item {
    std::uint32_t key = 0;
    std::array<std::uint32_t, 5> copies{};

    item() = default;
    explicit item(std::uint32_t number) : key(number) { copies.fill(~number); }
    [[nodiscard]] friend bool operator==(const item&, const item&) = default;
};

static_assert(std::ranges::input_range<list<int, small_pages>>);
static_assert(std::same_as<std::ranges::range_reference_t<list<int, small_pages>>, const int&>);
static_assert(std::is_trivially_copyable_v<list<int, small_pages>::state>);
static_assert(vmem::storable<list<int, small_pages>::state>);
static_assert(sizeof(list<int, small_pages>) == 12, "two pointers and a count");
static_assert(!std::copyable<list<int, small_pages>> && std::movable<list<int, small_pages>>);

template <class Heap>
[[nodiscard]] bool equal(const list<item, Heap>& l, const std::list<item>& model) {
    auto expected = model.begin();
    std::size_t count = 0;
    for (const item& found : l) {
        if (expected == model.end() || !(found == *expected++)) {
            return false;
        }
        ++count;
    }
    return count == model.size() && l.size() == model.size();
}

#define VMEM_TEST_HEAPS small_pages, large_pages, whole_objects

TEST_CASE_TEMPLATE("list: the elements come out at either end, in order", Heap, VMEM_TEST_HEAPS) {
    container_heap<Heap> on;
    list<int, Heap> l;
    CHECK(l.empty());
    CHECK(l.pop_front().error() == errc::empty);
    CHECK(l.pop_back().error() == errc::empty);
    CHECK(l.front().error() == errc::empty);
    CHECK(l.back().error() == errc::empty);
    for (int i = 1; i <= 3; ++i) {
        REQUIRE(l.push_back(i));
        REQUIRE(l.push_front(-i));
    }
    CHECK(l.size() == 6);
    CHECK(l.front().value() == -3);
    CHECK(l.back().value() == 3);
    CHECK(l.pop_front().value() == -3);
    CHECK(l.pop_back().value() == 3);
    int expected[] = {-2, -1, 1, 2};
    std::size_t at = 0;
    for (const int x : l) {
        CHECK(x == expected[at++]);
    }
    CHECK(at == 4);
}

TEST_CASE_TEMPLATE("list: writable elements can be changed, and are saved", Heap, VMEM_TEST_HEAPS) {
    container_heap<Heap> on;
    list<int, Heap> l;
    for (int i = 0; i < 200; ++i) {
        REQUIRE(l.push_back(i));
    }
    for (int& x : l.writable()) {
        x *= 2;
    }
    int expected = 0;
    for (const int x : l) {
        CHECK(x == expected);
        expected += 2;
    }
    CHECK(expected == 400);
}

TEST_CASE_TEMPLATE("list: random operations do what they do to a std::list", Heap,
                   VMEM_TEST_HEAPS) {
    const std::uint64_t seed = vmem::test::random_seed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    container_heap<Heap> on;
    const auto at_first = on.in_use();
    {
        list<item, Heap> l;
        std::list<item> model;
        bool agree = true;
        const auto operations = vmem::test::random_operations(20'000);
        for (std::uint64_t i = 0; i < operations && agree; ++i) {
            const bool at_back = random() % 2 != 0;
            if (model.size() < 300 && random() % (i / 500 % 2 == 0 ? 3 : 5) < 2) {
                const item fresh(static_cast<std::uint32_t>(random()));
                agree = (at_back ? l.push_back(fresh) : l.push_front(fresh)).has_value();
                model.insert(at_back ? model.end() : model.begin(), fresh);
            } else if (model.empty()) {
                agree = l.empty() && l.pop_back().error() == errc::empty;
            } else if (at_back) {
                agree = l.back().value() == model.back() && l.pop_back().value() == model.back();
                model.pop_back();
            } else {
                agree =
                    l.front().value() == model.front() && l.pop_front().value() == model.front();
                model.pop_front();
            }
            agree = agree && (i % 500 != 0 || equal(l, model));
        }
        CHECK(agree);
        CHECK(equal(l, model));
    }
    CHECK(on.in_use() == at_first);
    CHECK(on.heap.invariants_hold().value());
}

TEST_CASE_TEMPLATE("list: an operation that fails changes nothing, whatever fails", Heap,
                   VMEM_TEST_HEAPS) {
    container_heap<Heap> on;
    list<item, Heap> l;
    std::list<item> model;
    for (std::uint32_t i = 0; i < 60; ++i) {
        REQUIRE(l.push_back(item(i)));
        model.emplace_back(i);
    }
    std::uint64_t failures = 0;
    std::uint32_t key = 1000;
    for (int which = 0; which < 4; ++which) {
        CAPTURE(which);
        for (std::uint64_t n = 1; n < 40; ++n) {
            CAPTURE(n);
            REQUIRE(on.heap.flush());
            on.medium.fail(n);
            const item fresh(++key);
            switch (which) {
            case 0:
            case 1: {
                const auto done = which == 0 ? l.push_back(fresh) : l.push_front(fresh);
                if (done) {
                    model.insert(which == 0 ? model.end() : model.begin(), fresh);
                } else {
                    ++failures;
                }
                break;
            }
            default: {
                const auto taken = which == 2 ? l.pop_back() : l.pop_front();
                const auto at = which == 2 ? std::prev(model.end()) : model.begin();
                if (taken) {
                    CHECK(*taken == *at);
                    model.erase(at);
                } else {
                    ++failures;
                }
                break;
            }
            }
            on.medium.heal();
            REQUIRE(equal(l, model));
            REQUIRE(on.heap.invariants_hold().value());
        }
    }
    CHECK(failures >= 4);
}

TEST_CASE_TEMPLATE("list: what was released is taken over by another run", Heap, VMEM_TEST_HEAPS) {
    vmem::test::flaky_medium medium;
    typename list<int, Heap>::state kept;
    {
        Heap heap{vmem::storage_ref(medium)};
        REQUIRE(heap.format());
        list<int, Heap> l;
        for (int i = 0; i < 100; ++i) {
            REQUIRE(l.push_back(i));
        }
        list<int, Heap> moved = std::move(l);
        kept = moved.release();
        CHECK(moved.empty());
        REQUIRE(heap.flush());
    }
    Heap heap{vmem::storage_ref(medium)};
    REQUIRE(heap.open());
    list<int, Heap> l(kept);
    CHECK(l.size() == 100);
    for (int i = 0; i < 100; ++i) {
        CHECK(l.pop_front().value() == i);
    }
}

TEST_CASE("list: iteration over what cannot be read is a fault that names the cause") {
    container_heap<small_pages> on;
    list<int, small_pages> l;
    for (int i = 0; i < 50; ++i) {
        REQUIRE(l.push_back(i));
    }
    REQUIRE(on.heap.flush());
    on.medium.fail(1, vmem::test::flaky_medium::forever);
    int seen = 0;
    CHECK(vmem::test::fault_of([&] {
              for (const int x : l) {
                  seen += x >= 0 ? 1 : 0;
              }
          }) == message(errc::read_failed));
    on.medium.heal();
    CHECK(seen < 50);
}

} // namespace
