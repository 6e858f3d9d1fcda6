// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/any_ptr.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/throw_on_fault.hpp>

#include <algorithm>
#include <array>
#include <compare>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <iterator>
#include <memory>
#include <numeric>
#include <type_traits>
#include <utility>

namespace {

#if defined(__cpp_exceptions)
using handler = vmem::on_fault<vmem::throw_on_fault>;
#else
using handler = vmem::on_fault<vmem::trap_on_fault>;
#endif

/// A lock that is taken twice by one thread is a fault: operators must not reach for virtual memory
/// while they hold it.
struct strict_lock {
    bool taken = false;
    void lock() {
        if (taken) {
            __builtin_trap();
        }
        taken = true;
    }
    void unlock() { taken = false; }
};

template <class Tag>
using memory = vmem::heap<vmem::counted<vmem::ram_storage<8192>>, vmem::paged<64, 3>,
                          vmem::nonresident_linked_list_allocator, vmem::instance<Tag>,
                          vmem::locking<strict_lock>, handler>;
using heap = memory<struct first_tag>;
using other = memory<struct second_tag>;
template <class T>
using any = vmem::any_ptr<T, heap>;
template <class T>
using ptr = vmem::vptr<T, heap>;

[[nodiscard]] std::unique_ptr<heap> formatted() {
    auto h = std::make_unique<heap>();
    h->format().value();
    return h;
}

struct node {
    int value;
    std::array<int, 4> more;
    any<int> link;
};

static_assert(std::is_trivially_copyable_v<any<int>>);
static_assert(sizeof(any<int>) <= 2 * sizeof(int*));
static_assert(std::random_access_iterator<any<int>> && std::sortable<any<int>>);
static_assert(std::random_access_iterator<any<const int>>);
static_assert(std::is_convertible_v<int*, any<int>> && std::is_convertible_v<ptr<int>, any<int>>);
static_assert(std::is_convertible_v<int*, any<const int>> &&
              std::is_convertible_v<ptr<int>, any<const int>> &&
              std::is_convertible_v<any<int>, any<const int>>);
static_assert(std::is_convertible_v<any<int>, any<void>> &&
              std::is_convertible_v<ptr<int>, any<const void>> &&
              std::is_convertible_v<char*, any<void>>);
static_assert(!std::is_convertible_v<const int*, any<int>> &&
              !std::is_convertible_v<ptr<const int>, any<int>> &&
              !std::is_convertible_v<any<const int>, any<int>>);
static_assert(!std::is_convertible_v<any<int>, any<char>> &&
              !std::is_convertible_v<any<void>, any<int>>);
static_assert(!std::is_convertible_v<any<int>, int*> && !std::is_convertible_v<any<int>, ptr<int>>);
static_assert(!std::is_convertible_v<vmem::vptr<int, other>, any<int>>);
static_assert(!std::is_convertible_v<any<int>, bool> && std::is_constructible_v<bool, any<int>>);

/// Takes either, as a user's function does.
[[nodiscard]] int sum_of(any<const int> p, std::ptrdiff_t n) {
    int sum = 0;
    for (std::ptrdiff_t i = 0; i < n; ++i) {
        sum += p[i];
    }
    return sum;
}

} // namespace

TEST_CASE("any_ptr: null, raw or virtual") {
    const auto h = formatted();
    const auto p = h->make<int>(1).value();
    int raw = 2;
    const any<int> null;
    const any<int> literal = nullptr;
    const any<int> null_raw = static_cast<int*>(nullptr);
    const any<int> null_virtual = ptr<int>();
    for (const auto& a : {null, literal, null_raw, null_virtual}) {
        CHECK(!a);
        CHECK(a == nullptr);
        CHECK(!a.is_raw());
        CHECK(a.raw() == nullptr);
        CHECK(a.virt() == nullptr);
        CHECK(a == null);
    }
    const any<int> v = p;
    CHECK(v);
    CHECK(!v.is_raw());
    CHECK(v.virt() == p);
    CHECK(v.raw() == nullptr);
    const any<int> r = &raw;
    CHECK(r);
    CHECK(r.is_raw());
    CHECK(r.raw() == &raw);
    CHECK(r.virt() == nullptr);
    any<int> changing = r;
    changing = p;
    CHECK(changing == v);
    changing = &raw;
    CHECK(changing == r);
    changing = nullptr;
    CHECK(changing == nullptr);
}

TEST_CASE("any_ptr: one function for both kinds of memory") {
    const auto h = formatted();
    const auto p = h->allocate<int>(50).value();
    std::array<int, 50> raw{};
    std::iota(raw.begin(), raw.end(), 1);
    std::copy(raw.begin(), raw.end(), p);
    CHECK(sum_of(p, 50) == 1275);
    CHECK(sum_of(raw.data(), 50) == 1275);
    CHECK(sum_of(any<int>(p + 1), 2) == 5);
}

TEST_CASE("any_ptr: reading, assigning and every compound operator on either side") {
    const auto h = formatted();
    const auto p = h->allocate<int>(40).value();
    std::array<int, 40> raw{};
    for (const any<int> a : {any<int>(p), any<int>(raw.data())}) {
        CAPTURE(a.is_raw());
        std::iota(a, a + 40, 100);
        CHECK(*a == 100);
        CHECK(a[39] == 139);
        CHECK(39 + 100 == a[39]);
        a[1] = a[2];
        CHECK(a[1] == a[2]);
        CHECK(a[0] != a[2]);
        CHECK(a[0] < a[2]);
        CHECK(a[0] < 101);
        CHECK(std::is_eq(a[1] <=> 102));
        *a = 12;
        *a += 3;
        CHECK(*a == 15);
        *a -= 1;
        CHECK(*a == 14);
        *a *= 3;
        CHECK(*a == 42);
        *a /= 4;
        CHECK(*a == 10);
        *a %= 7;
        CHECK(*a == 3);
        *a <<= 3;
        CHECK(*a == 24);
        *a >>= 1;
        CHECK(*a == 12);
        *a |= 3;
        CHECK(*a == 15);
        *a &= 6;
        CHECK(*a == 6);
        *a ^= 5;
        CHECK(*a == 3);
        CHECK((*a)++ == 3);
        CHECK(++*a == 5);
        CHECK((*a)-- == 5);
        CHECK(--*a == 3);
        CHECK(&*a == a);
        CHECK(&a[3] == a + 3);
        swap(a[4], a[5]);
        CHECK(a[4] == 105);
        const int copy = a[5];
        CHECK(copy == 104);
        CHECK(a[5].get() == 104);
        const any<const int> constant = a;
        CHECK(constant[5] == 104);
    }
    CHECK(std::equal(raw.begin(), raw.end(), p));
}

TEST_CASE("any_ptr: virtual, raw and any references mix, over more pages than frames") {
    const auto h = formatted();
    const auto p = h->allocate<int>(200).value();
    std::array<int, 200> raw{};
    const any<int> v = p;
    const any<int> r = raw.data();
    for (std::ptrdiff_t i = 0; i < 200; ++i) {
        v[i] = static_cast<int>(i);
        r[i] = v[i];
    }
    for (std::ptrdiff_t i = 0; i < 100; ++i) {
        v[i] += v[i + 100];
        r[i] += v[i + 100];
        p[i] += v[i + 100];
        v[i] -= p[i + 100];
        p[i] = r[i];
        v[i + 100] = p[i];
        REQUIRE(v[i] == static_cast<int>(2 * i + 100));
        REQUIRE(v[i] == r[i]);
        REQUIRE(p[i] == v[i]);
        REQUIRE(v[i + 100] == p[i]);
        REQUIRE(p[i] <= v[i]);
        REQUIRE(v[i] <= p[i]);
        REQUIRE_FALSE(p[i] < r[i]);
    }
}

TEST_CASE("any_ptr: a class whose operators are templates") {
    const auto h = formatted();
    const auto p = h->allocate<std::complex<double>>(2).value();
    std::array<std::complex<double>, 2> raw{};
    for (const auto& a : {any<std::complex<double>>(p), any<std::complex<double>>(raw.data())}) {
        a[0] = {1, 2};
        a[1] = {3, 4};
        *a += a[1];
        *a += p[1];
        CHECK(*a == std::complex<double>(7, 10));
        CHECK(a[0] != a[1]);
    }
}

TEST_CASE("any_ptr: arrow") {
    const auto h = formatted();
    const auto p = h->allocate<node>(5).value(); // 40 bytes: some straddle a page of 64.
    std::array<node, 5> raw{};
    for (const any<node> a : {any<node>(p), any<node>(raw.data())}) {
        for (std::ptrdiff_t i = 0; i < 5; ++i) {
            (a + i)->value = static_cast<int>(i);
            (a + i)->more[2] = (a + i)->value + 10;
            (a + i)->link = &raw[0].value;
        }
        for (std::ptrdiff_t i = 0; i < 5; ++i) {
            CHECK((a + i)->value == i);
            CHECK((a + i)->more[2] == i + 10);
            CHECK((a + i)->link.raw() == &raw[0].value);
        }
    }
    h->flush().value();
    h->storage().reset_counts();
    const any<const node> constant = p;
    int sum = 0;
    for (std::ptrdiff_t i = 0; i < 5; ++i) {
        sum += (constant + i)->value;
    }
    CHECK(sum == 10);
    h->flush().value();
    CHECK(h->storage().counts().writes == 0);
    CHECK(h->residency().unpinned_frames() == 3);
}

TEST_CASE("any_ptr: arithmetic and order") {
    const auto h = formatted();
    const auto p = h->allocate<double>(20).value();
    std::array<double, 20> raw{};
    for (const any<double> a : {any<double>(p), any<double>(raw.data())}) {
        any<double> b = a;
        CHECK(b++ == a);
        CHECK(b == a + 1);
        CHECK(++b == 2 + a);
        CHECK(b-- == a + 2);
        CHECK(--b == a);
        b += 7;
        CHECK(b - a == 7);
        CHECK(a - b == -7);
        b -= 3;
        CHECK(b - 4 == a);
        CHECK(a < b);
        CHECK(b >= a);
        CHECK(a.is_raw() == b.is_raw());
    }
    const any<double> v = p;
    const any<double> r = raw.data();
    CHECK(v + 3 == p + 3);
    CHECK(r + 3 == raw.data() + 3);
    CHECK(v != r);
    CHECK(v < r);
    CHECK(any<double>() < v);
    CHECK(any<const double>(v) == v);
}

TEST_CASE("any_ptr: standard algorithms") {
    const auto h = formatted();
    const auto p = h->allocate<int>(150).value();
    std::array<int, 150> raw{};
    for (const any<int> a : {any<int>(p), any<int>(raw.data())}) {
        std::uint32_t x = 7;
        std::generate(a, a + 150,
                      [&] { return static_cast<int>((x = x * 1664525 + 1013904223) >> 20); });
        std::ranges::sort(a, a + 150);
        CHECK(std::ranges::is_sorted(a, a + 150));
        CHECK(std::ranges::lower_bound(a, a + 150, int{a[70]}) <= a + 70);
        std::sort(a, a + 150, [](int l, int r) { return l > r; });
        std::ranges::reverse(a, a + 150);
        CHECK(std::is_sorted(a, a + 150));
    }
    const any<int> v = p;
    const any<const int> c = raw.data();
    CHECK(std::ranges::equal(v, v + 150, raw.begin(), raw.end()));
    CHECK(std::ranges::equal(v, v + 150, c, c + 150));
    CHECK(std::ranges::equal(c, c + 150, p, p + 150));
    std::ranges::copy(v, v + 50, p + 50);
    CHECK(std::ranges::equal(p + 50, p + 100, c, c + 50));
}

#if defined(__cpp_exceptions)

TEST_CASE("any_ptr: null is the heap's fault") {
    const auto h = formatted();
    const any<node> null;
    auto code = vmem::errc{};
    const auto fault_of = [&](auto call) {
        try {
            call();
        } catch (const vmem::fault_error& fault) {
            code = fault.code();
        }
        return std::exchange(code, vmem::errc{});
    };
    CHECK(fault_of([&] { static_cast<void>((*null).get()); }) == vmem::errc::null_pointer);
    CHECK(fault_of([&] { static_cast<void>(null->value); }) == vmem::errc::null_pointer);
    CHECK(fault_of([&] { any<int>()[3] = 1; }) == vmem::errc::null_pointer);
    CHECK(h->residency().unpinned_frames() == 3);
}

#endif
