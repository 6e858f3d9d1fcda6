// SPDX-License-Identifier: BSL-1.0
#include <vmem/vptr.hpp>

#include "support/test_heap.hpp"

#include <algorithm>
#include <array>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <functional>
#include <iterator>
#include <numeric>
#include <random>
#include <ranges>
#include <sstream>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#if defined(__clang__)
// What libstdc++ itself uses in stable_sort.
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
#endif

namespace {

using vmem::errc;
using vmem::message;
using vmem::vptr;
using vmem::vref;
using vmem::test::fault_of;
using vmem::test::memory;
using vmem::test::ready;

struct other_tag;
using wide = memory<64, 4>;
using tight = memory<64, 1>;
using large = memory<256, 4>;
using other = memory<64, 2, vmem::instance<other_tag>>;
using narrow = memory<64, 2, vmem::address_bits<16>>;
using huge = memory<64, 2, vmem::address_bits<64>>;

/// 12 bytes: in pages of 64 some straddle.
struct triple {
    int key;
    int order;
    int check;
    [[nodiscard]] friend bool operator==(const triple&, const triple&) = default;
    [[nodiscard]] friend auto operator<=>(const triple& a, const triple& b) {
        return a.key <=> b.key;
    }
};
constexpr auto by_key = [](const triple& x) { return x.key; };
constexpr auto by_order = [](const triple& x) { return x.order; };
struct derived : triple {
    int extra;
};

// --- what kind of type it is
// ------------------------------------------------------------------------

static_assert(sizeof(vptr<int, wide>) == 4);
static_assert(sizeof(vptr<double, narrow>) == 2);
static_assert(sizeof(vptr<void, huge>) == 8);
static_assert(alignof(vptr<int, narrow>) == 2);
static_assert(std::is_trivially_copyable_v<vptr<int, wide>>);
static_assert(std::is_trivially_destructible_v<vptr<int, wide>>);
static_assert(std::is_standard_layout_v<vptr<int, wide>>);
static_assert(std::is_nothrow_default_constructible_v<vptr<int, wide>>);
static_assert(std::has_unique_object_representations_v<vptr<int, wide>>);
static_assert(std::regular<vptr<int, wide>> && std::regular<vptr<void, wide>>);
static_assert(std::totally_ordered<vptr<int, wide>>);
static_assert(std::three_way_comparable<vptr<const void, wide>, std::strong_ordering>);
static_assert(vmem::storable<vptr<int, wide>> && vmem::storable<vptr<void, wide>>);

/// Everything that an algorithm may ask of a pointer into an array.
template <class P>
concept works_as_iterator =
    std::random_access_iterator<P> && std::sized_sentinel_for<P, P> && std::sortable<P> &&
    std::permutable<P> && std::indirectly_swappable<P> && std::indirectly_swappable<P, P> &&
    std::indirectly_movable_storable<P, P> && std::indirectly_copyable_storable<P, P> &&
    std::indirectly_comparable<P, P, std::ranges::equal_to> &&
    std::indirect_strict_weak_order<std::ranges::less, P> && std::mergeable<P, P, P> &&
    std::indirectly_writable<P, std::iter_value_t<P>>;
static_assert(works_as_iterator<vptr<int, wide>>);
static_assert(works_as_iterator<vptr<double, narrow>>);
static_assert(works_as_iterator<vptr<triple, wide>>);
static_assert(works_as_iterator<vptr<vptr<int, wide>, wide>>);
static_assert(works_as_iterator<vptr<std::uint8_t, huge>>);

template <class P>
concept works_as_const_iterator =
    std::random_access_iterator<P> && std::sized_sentinel_for<P, P> && !std::permutable<P> &&
    std::indirect_strict_weak_order<std::ranges::less, P> &&
    !std::indirectly_writable<P, std::iter_value_t<P>>;
static_assert(works_as_const_iterator<vptr<const int, wide>>);
static_assert(works_as_const_iterator<vptr<const triple, wide>>);
static_assert(works_as_const_iterator<vptr<const vptr<int, wide>, wide>>);

// Mixed with const, with raw pointers, and with another heap.
static_assert(std::sized_sentinel_for<vptr<const int, wide>, vptr<int, wide>>);
static_assert(std::indirectly_copyable<vptr<const triple, wide>, vptr<triple, wide>>);
static_assert(std::indirectly_copyable<const triple*, vptr<triple, wide>>);
static_assert(std::indirectly_copyable<vptr<const triple, wide>, triple*>);
static_assert(std::indirectly_copyable<vptr<triple, wide>, vptr<triple, other>>);
static_assert(std::indirectly_comparable<vptr<triple, wide>, const triple*, std::ranges::equal_to>);
static_assert(std::indirectly_comparable<vptr<triple, wide>, vptr<const triple, other>,
                                         std::ranges::equal_to>);

static_assert(std::is_same_v<std::iter_value_t<vptr<const int, wide>>, int>);
static_assert(std::is_same_v<std::iter_reference_t<vptr<const int, wide>>, vref<const int, wide>>);
static_assert(std::is_same_v<std::iter_difference_t<vptr<int, narrow>>, std::ptrdiff_t>);
static_assert(std::is_same_v<std::iterator_traits<vptr<int, wide>>::iterator_category,
                             std::random_access_iterator_tag>);
static_assert(!std::contiguous_iterator<vptr<int, wide>>);

// --- conversions
// ------------------------------------------------------------------------------------

template <class From, class To>
concept converts = std::is_convertible_v<From, To> && std::is_constructible_v<To, From>;
static_assert(converts<vptr<int, wide>, vptr<const int, wide>>);
static_assert(converts<vptr<int, wide>, vptr<void, wide>>);
static_assert(converts<vptr<int, wide>, vptr<const void, wide>>);
static_assert(converts<vptr<const int, wide>, vptr<const void, wide>>);
static_assert(converts<vptr<void, wide>, vptr<const void, wide>>);
static_assert(converts<std::nullptr_t, vptr<int, wide>>);
static_assert(!std::is_constructible_v<vptr<int, wide>, vptr<const int, wide>>);
static_assert(!std::is_constructible_v<vptr<void, wide>, vptr<const int, wide>>);
static_assert(!std::is_constructible_v<vptr<int, wide>, vptr<void, wide>>);
static_assert(!std::is_constructible_v<vptr<int, wide>, vptr<unsigned, wide>>);
static_assert(!std::is_constructible_v<vptr<int, wide>, vptr<int, other>>);
static_assert(!std::is_constructible_v<vptr<const void, wide>, vptr<int, other>>);
static_assert(!std::is_constructible_v<vptr<int, wide>, int>, "an address is no pointer");
static_assert(!std::is_constructible_v<vptr<int, wide>, int*>);
static_assert(!std::is_convertible_v<vptr<int, wide>, bool>, "only where a bool is asked for");

template <class To, class From>
concept casts_statically = requires(From p) { vmem::static_pointer_cast<To>(p); };
template <class To, class From>
concept reinterprets = requires(From p) { vmem::reinterpret_pointer_cast<To>(p); };
template <class To, class From>
concept casts_const = requires(From p) { vmem::const_pointer_cast<To>(p); };
static_assert(casts_statically<int, vptr<void, wide>>);
static_assert(casts_statically<void, vptr<int, wide>>);
static_assert(casts_statically<const int, vptr<int, wide>>);
static_assert(casts_statically<const int, vptr<const void, wide>>);
static_assert(!casts_statically<int, vptr<const void, wide>>, "casts away const");
static_assert(!casts_statically<long, vptr<int, wide>>);
static_assert(reinterprets<long, vptr<int, wide>> && reinterprets<const long, vptr<int, wide>>);
static_assert(!reinterprets<long, vptr<const int, wide>>, "casts away const");
static_assert(casts_const<int, vptr<const int, wide>> && casts_const<const int, vptr<int, wide>>);
static_assert(!casts_const<long, vptr<const int, wide>>);

TEST_CASE("vptr: null") {
    const vptr<int, wide> p;
    vptr<int, wide> q = nullptr;
    CHECK(p == q);
    CHECK(p == nullptr);
    CHECK(nullptr == q);
    CHECK_FALSE(p != nullptr);
    CHECK_FALSE(static_cast<bool>(p));
    CHECK(p.to_address() == 0);
    CHECK(!p);
    q = vptr<int, wide>::from_address(64);
    CHECK(q != nullptr);
    CHECK(q > nullptr);
    CHECK(q);
    q = nullptr;
    CHECK(q == p);
    CHECK(vptr<void, wide>() == nullptr);
    static_assert(vptr<int, wide>() == nullptr, "usable at compile time");
}

TEST_CASE("vptr: conversions and casts keep the address") {
    ready<wide> heap;
    const vptr<int, wide> p = heap.make<int>(42).value();
    const vptr<const int, wide> constant = p;
    const vptr<void, wide> typeless = p;
    const vptr<const void, wide> typeless_constant = constant;
    CHECK(*constant == 42);
    CHECK(typeless.to_address() == p.to_address());
    CHECK(p == constant);
    CHECK(constant == p);
    CHECK(p == typeless);
    CHECK(typeless_constant == typeless);
    CHECK(*vmem::static_pointer_cast<int>(typeless) == 42);
    CHECK(*vmem::static_pointer_cast<const int>(typeless_constant) == 42);
    CHECK(vmem::static_pointer_cast<void>(p) == typeless);
    *vmem::const_pointer_cast<int>(constant) = 43;
    CHECK(*p == 43);
    const auto bytes = vmem::reinterpret_pointer_cast<unsigned char>(p);
    CHECK(bytes[0] + bytes[1] + bytes[2] + bytes[3] == 43);
    CHECK(*vmem::reinterpret_pointer_cast<const unsigned>(constant) == 43);
    CHECK(vptr<int, wide>::from_address(p.to_address()) == p);
}

// --- arithmetic and comparison
// ----------------------------------------------------------------------

TEST_CASE_TEMPLATE("vptr: arithmetic as of a raw pointer", T, char, short, int, long, float, double,
                   long double, triple) {
    ready<wide> heap;
    const auto p = heap.room<T>(100);
    static T raw[100];
    const auto same = [&](vptr<T, wide> at, const T* expected) {
        CHECK(at - p == expected - raw);
        CHECK(at.to_address() ==
              p.to_address() + static_cast<std::size_t>(expected - raw) * sizeof(T));
    };
    vptr<T, wide> at = p;
    const T* expected = raw;
    same(at += 50, expected += 50);
    same(at -= 20, expected -= 20);
    same(at += -5, expected += -5);
    same(at -= -7, expected -= -7);
    same(++at, ++expected);
    same(--at, --expected);
    same(at++, expected++);
    same(at--, expected--);
    same(at + 3, expected + 3);
    same(3 + at, 3 + expected);
    same(at - 3, expected - 3);
    same(&at[4], &expected[4]);
    same(&at[-4], &expected[-4]);
    CHECK(p - at == raw - expected);
    CHECK((at > p && p < at && at >= p && p <= at && at >= at && at <= at && at != p));
    CHECK_FALSE((at < p || p > at || at < at || at == p));
    CHECK((at <=> p) == std::strong_ordering::greater);
    CHECK((p + 99) - p == 99);
    CHECK(static_cast<vptr<const T, wide>>(at) - p == expected - raw);
}

TEST_CASE("vptr: arithmetic with every width of address") {
    const auto check = []<class P>(P p) {
        CHECK((p + 1000) - p == 1000);
        CHECK(p - (p + 1000) == -1000);
        CHECK(((p + 1000) - 1000) == p);
        CHECK((p + 1000) > p);
        P moved = p;
        moved += 3;
        moved -= 3;
        CHECK(moved == p);
    };
    check(vptr<int, narrow>::from_address(60'000));
    check(vptr<int, wide>::from_address(4'000'000'000U));
    check(vptr<int, huge>::from_address(std::uint64_t{1} << 40));
}

TEST_CASE("vptr: hashing, in unordered containers") {
    ready<wide> heap;
    const auto p = heap.allocate<int>(50).value();
    std::unordered_set<vptr<int, wide>> seen;
    std::unordered_map<vptr<const void, wide>, int> names;
    for (int i = 0; i < 50; ++i) {
        CHECK(seen.insert(p + i).second);
        CHECK_FALSE(seen.insert(&p[i]).second);
        names[p + i] = i;
    }
    CHECK(seen.size() == 50);
    CHECK(seen.contains(p + 49));
    CHECK_FALSE(seen.contains(p + 50));
    CHECK(names.at(p + 17) == 17);
    CHECK(std::hash<vptr<int, wide>>{}(p) == std::hash<vptr<int, wide>>{}(&p[0]));
    CHECK(std::hash<vptr<int, wide>>{}(p) != std::hash<vptr<int, wide>>{}(p + 1));
}

TEST_CASE("vptr: prints its address") {
    const auto text = [](auto p) {
        std::ostringstream out;
        out << p;
        return out.str();
    };
    CHECK(text(vptr<int, wide>()) == "0x0");
    CHECK(text(vptr<int, wide>::from_address(64)) == "0x40");
    CHECK(text(vptr<const char, wide>::from_address(0xDEADBEEF)) == "0xdeadbeef");
    CHECK(text(vptr<void, narrow>::from_address(0x1200)) == "0x1200");
    CHECK(text(vptr<void, huge>::from_address(0x8000'0000'0000'0001)) == "0x8000000000000001");
    std::ostringstream out;
    out << std::hex << 255 << ' ' << vptr<int, wide>::from_address(16) << ' ' << 254;
    CHECK(out.str() == "ff 0x10 fe");
}

// --- members
// ----------------------------------------------------------------------------------------

struct inner {
    std::int16_t x;
    std::int16_t y;
};
struct outer {
    char tag;
    inner first;
    std::array<inner, 3> standard;
    inner plain[4];
    int grid[2][3];
    const int fixed;
    vptr<outer, large> next;
};

TEST_CASE("vptr: member() points at members, nested ones and arrays too") {
    ready<large> heap;
    const auto p = heap.make<outer>(outer{.tag = 't',
                                          .first = {1, 2},
                                          .standard = {{{3, 4}, {5, 6}, {7, 8}}},
                                          .plain = {{9, 10}, {11, 12}, {13, 14}, {15, 16}},
                                          .grid = {{1, 2, 3}, {4, 5, 6}},
                                          .fixed = 17,
                                          .next = nullptr})
                       .value();
    static_assert(std::is_same_v<decltype(p.member(&outer::first)), vptr<inner, large>>);
    static_assert(std::is_same_v<decltype(p.member(&outer::fixed)), vptr<const int, large>>);
    static_assert(std::is_same_v<decltype(p.member(&outer::plain)), vptr<inner, large>>);
    CHECK(vptr<void, large>(p.member(&outer::tag)) == p);
    CHECK(*p.member(&outer::tag) == 't');
    CHECK(*p.member(&outer::first).member(&inner::y) == 2);
    CHECK(p.member(&outer::standard)->at(2).x == 7);
    CHECK(p.member(&outer::plain)[3].get().y == 16);
    CHECK((p.member(&outer::plain) + 1)->x == 11);
    CHECK(*vmem::reinterpret_pointer_cast<int>(p.member(&outer::grid) + 1) == 4);
    CHECK(*p.member(&outer::fixed) == 17);
    for (const auto& [at, offset] :
         {std::pair(vptr<void, large>(p.member(&outer::first)), offsetof(outer, first)),
          std::pair(vptr<void, large>(p.member(&outer::standard)), offsetof(outer, standard)),
          std::pair(vptr<void, large>(p.member(&outer::plain)), offsetof(outer, plain)),
          std::pair(vptr<void, large>(p.member(&outer::grid)), offsetof(outer, grid)),
          std::pair(vptr<void, large>(p.member(&outer::next)), offsetof(outer, next))}) {
        CHECK(at.to_address() - p.to_address() == offset);
    }
    *p.member(&outer::first).member(&inner::x) = 100;
    *p.member(&outer::next) = p;
    CHECK(p->first.x == 100);
    CHECK(p->next->next->next == p);
}

TEST_CASE("vptr: member() of a const object, of a base class, and of null") {
    ready<wide> heap;
    const auto p = heap.make<derived>(derived{{1, 2, 3}, 4}).value();
    const vptr<const derived, wide> constant = p;
    static_assert(
        std::is_same_v<decltype(constant.member(&derived::extra)), vptr<const int, wide>>);
    CHECK(*constant.member(&derived::extra) == 4);
    CHECK(*p.member(&triple::order) == 2);
    CHECK(*p.member(&derived::check) == 3);
    const vptr<derived, wide> null;
    CHECK(null.member(&derived::extra).to_address() == sizeof(triple));
    CHECK(fault_of([&] { *null.member(&derived::extra) = 1; }) == message(errc::null_pointer));
}

// --- in algorithms
// ----------------------------------------------------------------------------------

/// An array in virtual memory, and the same in RAM.
template <class T, class Heap>
struct pair_of_arrays {
    vptr<T, Heap> p;
    std::vector<T> v;

    [[nodiscard]] auto end() const { return p + static_cast<std::ptrdiff_t>(v.size()); }
    [[nodiscard]] bool agree() const {
        for (std::size_t i = 0; i < v.size(); ++i) {
            if (p[static_cast<std::ptrdiff_t>(i)] != v[i]) {
                return false;
            }
        }
        return true;
    }
};

template <class T>
[[nodiscard]] T element(int key, int order) {
    if constexpr (std::is_same_v<T, triple>) {
        return {key, order, key ^ order};
    } else if constexpr (std::is_arithmetic_v<T>) {
        return static_cast<T>(key);
    } else {
        return T::from_address(64 + 4 * key);
    }
}

/// Elements in a random order, some of them equal.
template <class T, class Heap>
[[nodiscard]] pair_of_arrays<T, Heap> shuffled(ready<Heap>& heap, std::size_t count,
                                               std::uint64_t seed) {
    std::mt19937_64 random(seed);
    pair_of_arrays<T, Heap> arrays{heap.template room<T>(count, alignof(T)), {}};
    for (std::size_t i = 0; i < count; ++i) {
        arrays.v.push_back(
            element<T>(static_cast<int>(random() % (count / 2 + 1)), static_cast<int>(i)));
        arrays.p[static_cast<std::ptrdiff_t>(i)] = arrays.v.back();
    }
    return arrays;
}

/// Which of several equal elements is where, is not for every algorithm to say.
template <class T>
[[nodiscard]] bool equivalent(const T& a, const T& b) {
    return !(a < b) && !(b < a);
}

template <class Case>
void for_seeds(Case run) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        CAPTURE(seed);
        run(seed);
    }
}

#define VMEM_TEST_ELEMENTS int, triple, vptr<int, wide>

TEST_CASE_TEMPLATE("vptr: std::ranges::sort and stable algorithms", T, VMEM_TEST_ELEMENTS) {
    for_seeds([](std::uint64_t seed) {
        ready<wide> heap;
        const std::size_t count = 60 + seed;
        auto a = shuffled<T>(heap, count, seed);
        std::ranges::stable_sort(a.p, a.end());
        std::ranges::stable_sort(a.v);
        CHECK(a.agree());
        auto b = shuffled<T>(heap, count, seed + 100);
        std::ranges::sort(b.p, b.end());
        CHECK(std::ranges::is_sorted(b.p, b.end()));
        CHECK(std::is_permutation(b.p, b.end(), b.v.begin()));
        std::ranges::sort(b.p, b.end(), std::ranges::greater{});
        CHECK(std::ranges::is_sorted(b.p, b.end(), std::ranges::greater{}));
        auto c = shuffled<T>(heap, count, seed + 200);
        const auto small = [limit = c.v[0]](const T& x) { return x < limit; };
        std::ranges::stable_partition(c.p, c.end(), small);
        std::ranges::stable_partition(c.v, small);
        CHECK(c.agree());
        std::ranges::make_heap(c.p, c.end());
        std::ranges::sort_heap(c.p, c.end());
        CHECK(std::ranges::is_sorted(c.p, c.end()));
        auto d = shuffled<T>(heap, count, seed + 300);
        std::ranges::nth_element(d.p, d.p + 20, d.end());
        std::ranges::sort(d.v);
        CHECK(equivalent<T>(d.p[20], d.v[20]));
    });
}

TEST_CASE_TEMPLATE("vptr: the algorithms of before C++20", T, VMEM_TEST_ELEMENTS) {
    for_seeds([](std::uint64_t seed) {
        ready<wide> heap;
        const std::size_t count = 60 + seed;
        auto a = shuffled<T>(heap, count, seed);
        std::stable_sort(a.p, a.end());
        std::stable_sort(a.v.begin(), a.v.end());
        CHECK(a.agree());
        auto b = shuffled<T>(heap, count, seed + 100);
        std::sort(b.p, b.end());
        CHECK(std::is_sorted(b.p, b.end()));
        CHECK(std::is_permutation(b.p, b.end(), b.v.begin()));
        for (const T& value : b.v) {
            const auto found = std::lower_bound(b.p, b.end(), value);
            CHECK(equivalent<T>(*found, value));
            CHECK(std::binary_search(b.p, b.end(), value));
            CHECK((found == b.p || *(found - 1) < value));
        }
        auto c = shuffled<T>(heap, count, seed + 200);
        std::reverse(c.p, c.end());
        std::reverse(c.v.begin(), c.v.end());
        CHECK(c.agree());
        std::rotate(c.p, c.p + 13, c.end());
        std::rotate(c.v.begin(), c.v.begin() + 13, c.v.end());
        CHECK(c.agree());
        std::sort(c.v.begin(), c.v.end());
        std::copy(c.v.begin(), c.v.end(), c.p);
        CHECK(c.agree());
        const auto last = std::unique(c.p, c.end());
        c.v.erase(std::unique(c.v.begin(), c.v.end()), c.v.end());
        CHECK(last == c.end());
        CHECK(c.agree());
        std::copy_backward(c.p, c.end() - 2, c.end());
        std::copy_backward(c.v.begin(), c.v.end() - 2, c.v.end());
        CHECK(c.agree());
        std::swap_ranges(c.p, c.p + 5, c.p + 10);
        std::swap_ranges(c.v.begin(), c.v.begin() + 5, c.v.begin() + 10);
        CHECK(c.agree());
        std::fill(c.p, c.p + 7, c.v[20]);
        std::fill(c.v.begin(), c.v.begin() + 7, T(c.v[20]));
        CHECK(c.agree());
    });
}

TEST_CASE_TEMPLATE("vptr: ranges algorithms that search, copy and reorder", T, VMEM_TEST_ELEMENTS) {
    for_seeds([](std::uint64_t seed) {
        ready<wide> heap;
        const std::size_t count = 60 + seed;
        auto a = shuffled<T>(heap, count, seed);
        const vptr<const T, wide> constant = a.p;
        CHECK(std::ranges::equal(constant, constant + 60, a.v.begin(), a.v.begin() + 60));
        CHECK(std::ranges::equal(constant, constant + 60, a.p, a.p + 60));
        CHECK(*std::ranges::find(a.p, a.end(), a.v[40]) == a.v[40]);
        CHECK(std::ranges::count(constant, constant + 60, a.v[3]) ==
              std::count(a.v.begin(), a.v.begin() + 60, a.v[3]));
        CHECK(*std::ranges::max_element(a.p, a.end()) == *std::ranges::max_element(a.v));
        auto b = shuffled<T>(heap, count, seed + 100);
        std::ranges::copy(constant, constant + 30, b.p + 5);
        std::ranges::copy(a.v.begin(), a.v.begin() + 30, b.v.begin() + 5);
        CHECK(b.agree());
        std::ranges::copy(b.p, b.p + 30, a.v.begin());
        std::ranges::copy(b.v.begin(), b.v.begin() + 30, a.p);
        CHECK(a.agree());
        std::ranges::reverse(a.p, a.end());
        std::ranges::reverse(a.v);
        // std::ranges::rotate and is_permutation of libstdc++ 12 take `auto x = *it` for a value,
        // which it is not for any proxy reference; those without ranges do not.
        std::rotate(a.p, a.p + 1, a.end());
        std::rotate(a.v.begin(), a.v.begin() + 1, a.v.end());
        CHECK(a.agree());
        std::ranges::sort(a.v);
        std::ranges::copy(a.v, a.p);
        for (const T& value : a.v) {
            CHECK(equivalent<T>(*std::ranges::lower_bound(a.p, a.end(), value), value));
            CHECK(std::ranges::upper_bound(constant, constant + std::ssize(a.v), value) -
                      constant ==
                  std::ranges::upper_bound(a.v, value) - a.v.begin());
        }
        const auto rest = std::ranges::unique(a.p, a.end());
        const auto raw_rest = std::ranges::unique(a.v);
        CHECK(rest.begin() - a.p == raw_rest.begin() - a.v.begin());
        CHECK(std::ranges::equal(a.p, rest.begin(), a.v.begin(), raw_rest.begin()));
        std::vector<T> merged(60);
        std::ranges::merge(a.p, a.p + 10, b.v.begin(), b.v.begin(), merged.begin());
        CHECK(std::ranges::equal(a.p, a.p + 10, merged.begin(), merged.begin() + 10));
        std::ranges::shuffle(a.p, a.end(), std::mt19937_64(seed));
        CHECK(std::is_permutation(a.p, a.end(), a.v.begin()));
    });
}

TEST_CASE("vptr: sorting with a single frame, and through sixteen bits") {
    ready<tight> one;
    auto a = shuffled<triple>(one, 50, 4);
    std::ranges::sort(a.p, a.end());
    CHECK(std::ranges::is_sorted(a.p, a.end()));
    CHECK(std::is_permutation(a.p, a.end(), a.v.begin()));
    CHECK(std::ranges::all_of(a.p, a.end(),
                              [](const triple& x) { return x.check == (x.key ^ x.order); }));
    ready<narrow> small;
    auto b = shuffled<int>(small, 500, 5);
    std::sort(b.p, b.end());
    std::sort(b.v.begin(), b.v.end());
    CHECK(b.agree());
}

TEST_CASE("vptr: projections, numeric algorithms, iterator adaptors") {
    ready<wide> heap;
    auto a = shuffled<triple>(heap, 64, 6);
    std::ranges::sort(a.p, a.end(), std::ranges::greater{}, by_order);
    CHECK(a.p[0].get().order == 63);
    CHECK(std::ranges::find(a.p, a.end(), 10, by_order) == a.p + 53);
    const auto numbers = heap.allocate<int>(100).value();
    std::iota(numbers, numbers + 100, 1);
    CHECK(std::accumulate(numbers, numbers + 100, 0) == 5050);
    CHECK(std::reduce(numbers, numbers + 100) == 5050);
    CHECK(std::inner_product(numbers, numbers + 3, numbers, 0) == 14);
    std::partial_sum(numbers, numbers + 100, numbers);
    CHECK(numbers[99] == 5050);
    std::adjacent_difference(numbers, numbers + 100, numbers);
    CHECK(numbers[99] == 100);
    std::transform(numbers, numbers + 100, numbers, [](int x) { return -x; });
    CHECK(*std::min_element(numbers, numbers + 100) == -100);
    const auto last = std::make_reverse_iterator(numbers + 100);
    CHECK(*last == -100);
    CHECK(last[99] == -1);
    CHECK(std::distance(last, std::make_reverse_iterator(numbers)) == 100);
    CHECK(std::ranges::distance(numbers, numbers + 100) == 100);
    CHECK(std::ranges::next(numbers, 7) == numbers + 7);
    const std::vector<int> copied(numbers, numbers + 100);
    CHECK(copied[49] == -50);
    int sum = 0;
    for (const int x : std::ranges::subrange(numbers, numbers + 10)) {
        sum += x;
    }
    CHECK(sum == -55);
    auto view = std::ranges::subrange(numbers, numbers + 100) |
                std::views::filter([](int x) { return x % 10 == 0; }) |
                std::views::transform([](int x) { return x / 10; }) | std::views::reverse;
    CHECK(std::ranges::equal(view, std::array{-10, -9, -8, -7, -6, -5, -4, -3, -2, -1}));
    std::array<vptr<int, wide>, 2> ends{numbers, numbers + 100};
    std::ranges::for_each(ends[0], ends[1], [](auto reference) { reference *= 2; });
    CHECK(numbers[99] == -200);
}

/// From before C++20.
struct old_style {
    int value;
    [[nodiscard]] bool operator<(const old_style& than) const { return value < than.value; }
};

TEST_CASE("vptr: elements that have nothing but operator< can be sorted and found") {
    ready<wide> heap;
    const auto p = heap.allocate<old_style>(40).value();
    for (int i = 0; i < 40; ++i) {
        p[i] = old_style{(i * 7) % 40};
    }
    std::sort(p, p + 40);
    for (int i = 0; i < 40; ++i) {
        CHECK(p[i].get().value == i);
    }
    CHECK(std::lower_bound(p, p + 40, old_style{17}) == p + 17);
    std::reverse(p, p + 40);
    std::ranges::sort(p, p + 40, {}, [](const old_style& x) { return x.value; });
    CHECK(p[39].get().value == 39);
}

// --- pointers in virtual memory
// ---------------------------------------------------------------------

struct node {
    int value;
    vptr<node, tight> next;
};

TEST_CASE("vptr: a linked list lives in virtual memory, through one frame") {
    ready<tight> heap;
    vptr<node, tight> head;
    for (int i = 0; i < 100; ++i) {
        head = heap.make<node>(node{i, head}).value();
    }
    // Reversed in place.
    vptr<node, tight> reversed;
    while (head) {
        const vptr<node, tight> next = head->next;
        head->next = reversed;
        reversed = head;
        head = next;
    }
    int expected = 0;
    for (auto p = reversed; p != nullptr; p = p->next) {
        CHECK(p->value == expected++);
    }
    CHECK(expected == 100);
    while (reversed) {
        const auto next = vptr<node, tight>(reversed->next);
        heap.destroy(reversed).value();
        reversed = next;
    }
    CHECK(heap.allocation().value().blocks == 0);
}

struct leaf {
    int key;
    vptr<leaf, wide> left;
    vptr<leaf, wide> right;
};

void insert(wide& heap, vptr<vptr<leaf, wide>, wide> where, int key) {
    while (*where != nullptr) {
        const vptr<leaf, wide> here = *where;
        where = key < here->key ? here.member(&leaf::left) : here.member(&leaf::right);
    }
    *where = heap.make<leaf>(leaf{key, {}, {}}).value();
}

[[nodiscard]] bool in_order(vptr<leaf, wide> tree, int& previous, int& count) {
    if (tree == nullptr) {
        return true;
    }
    // Not in_order(tree->left, ...): that would keep the frame of each level on the way down.
    const leaf here = *tree;
    if (!in_order(here.left, previous, count) || here.key < previous) {
        return false;
    }
    previous = here.key;
    ++count;
    return in_order(here.right, previous, count);
}

TEST_CASE("vptr: a tree lives in virtual memory, its root too") {
    ready<wide> heap;
    const auto root = heap.make<vptr<leaf, wide>>().value();
    CHECK(*root == nullptr);
    std::mt19937_64 random(7);
    for (int i = 0; i < 200; ++i) {
        insert(heap.heap(), root, static_cast<int>(random() % 1000));
    }
    int previous = -1;
    int count = 0;
    CHECK(in_order(*root, previous, count));
    CHECK(count == 200);
}

TEST_CASE("vptr: elements at every offset of a page, through every path, keep their neighbours") {
    ready<wide> heap;
    const auto begin = heap.room<char>(256).to_address();
    for (unsigned offset = 0; offset < 64; ++offset) {
        CAPTURE(offset);
        const auto p = vptr<triple, wide>::from_address(begin + offset);
        for (int i = 0; i < 12; ++i) {
            p[i] = triple{i, i, i};
        }
        *(p + 5) = triple{50, 51, 52};
        (p + 6)->order = 61;
        *(p + 7).member(&triple::check) = 72;
        swap(p[8], p[9]);
        p[10] = p[11];
        heap.evict_all();
        const std::array<triple, 12> expected{{{0, 0, 0},
                                               {1, 1, 1},
                                               {2, 2, 2},
                                               {3, 3, 3},
                                               {4, 4, 4},
                                               {50, 51, 52},
                                               {6, 61, 6},
                                               {7, 7, 72},
                                               {9, 9, 9},
                                               {8, 8, 8},
                                               {11, 11, 11},
                                               {11, 11, 11}}};
        CHECK(std::ranges::equal(p, p + 12, expected.begin(), expected.end()));
        std::ranges::sort(p, p + 12, std::ranges::greater{}, by_key);
        CHECK(*p == triple{50, 51, 52});
        CHECK(p[11] == triple{0, 0, 0});
    }
}

} // namespace
