// SPDX-License-Identifier: BSL-1.0
#include <vmem/vptr.hpp>
#include <vmem/vref.hpp>

#include "support/test_heap.hpp"

#include <array>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <iterator>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace {

using vmem::errc;
using vmem::message;
using vmem::vptr;
using vmem::vref;
using vmem::test::fault_of;
using vmem::test::memory;
using vmem::test::ready;

struct other_tag;
using tight = memory<64, 1>;
using wide = memory<64, 4>;
using other = memory<64, 2, vmem::instance<other_tag>>;

// --- compound operators
// -----------------------------------------------------------------------------

// The same narrowing as in the operators that are tested.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wfloat-conversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
constexpr auto add = [](auto&& lhs, const auto& rhs) -> decltype(auto) { return lhs += rhs; };
constexpr auto subtract = [](auto&& lhs, const auto& rhs) -> decltype(auto) { return lhs -= rhs; };
constexpr auto multiply = [](auto&& lhs, const auto& rhs) -> decltype(auto) { return lhs *= rhs; };
constexpr auto divide = [](auto&& lhs, const auto& rhs) -> decltype(auto) { return lhs /= rhs; };
constexpr auto modulo = [](auto&& lhs, const auto& rhs) -> decltype(auto) { return lhs %= rhs; };
constexpr auto both = [](auto&& lhs, const auto& rhs) -> decltype(auto) { return lhs &= rhs; };
constexpr auto either = [](auto&& lhs, const auto& rhs) -> decltype(auto) { return lhs |= rhs; };
constexpr auto differ = [](auto&& lhs, const auto& rhs) -> decltype(auto) { return lhs ^= rhs; };
constexpr auto left = [](auto&& lhs, const auto& rhs) -> decltype(auto) { return lhs <<= rhs; };
constexpr auto right = [](auto&& lhs, const auto& rhs) -> decltype(auto) { return lhs >>= rhs; };
#pragma GCC diagnostic pop

/// One place for a `T` in each of two heaps, and a misaligned one that straddles two pages.
template <class T>
class places {
public:
    /// What `operation(plain, rhs)` does to a plain value, it does to a value in virtual memory,
    /// resident or not, straddling or not, with the right-hand side in RAM, in the same heap or in
    /// another one.
    template <class U>
    void check(auto operation, T lhs, U rhs) {
        T plain = lhs;
        operation(plain, rhs);
        check_at(target_, operation, lhs, rhs, plain);
        check_at(straddling_, operation, lhs, rhs, plain);

        check_from(vmem::reinterpret_pointer_cast<U>(near_), operation, lhs, rhs, plain);
        check_from(vmem::reinterpret_pointer_cast<U>(far_), operation, lhs, rhs, plain);
    }

    /// `++` and `--`, each way round.
    void check_steps(T value) {
        for (const auto& at : {target_, straddling_}) {
            T plain = value;
            *at = value;
            CHECK((*at)++ == plain++);
            CHECK(T(*at) == plain);
            CHECK(&++*at == at);
            CHECK(T(*at) == ++plain);
            heap_.evict_all();
            CHECK((*at)-- == plain--);
            CHECK(T(--*at) == --plain);
        }
    }

private:
    void check_at(auto at, auto operation, T lhs, auto rhs, T plain) {
        *at = lhs;
        CHECK(&operation(*at, rhs) == at);
        CHECK(T(*at) == plain);
        *at = lhs;
        heap_.evict_all();
        operation(*at, rhs);
        heap_.evict_all();
        CHECK(T(*at) == plain);
    }

    template <class U>
    void check_from(auto source, auto operation, T lhs, U rhs, T plain) {
        *source = rhs;
        *target_ = lhs;
        operation(*target_, *source);
        CHECK(T(*target_) == plain);
        CHECK(U(*source) == rhs);
    }

    ready<tight> heap_;
    ready<other> other_;
    vptr<T, tight> target_ = heap_.room<T>(1, 32);
    vptr<T, tight> straddling_ = heap_.room<T>(2, 64 - (sizeof(T) + 1) / 2);
    vptr<std::max_align_t, tight> near_ = heap_.make<std::max_align_t>().value();
    vptr<std::max_align_t, other> far_ = other_.make<std::max_align_t>().value();
};

/// Values at which something happens, small enough that no operator of two of them overflows.
template <class T>
[[nodiscard]] std::array<T, 8> values() {
    using limits = std::numeric_limits<T>;
    if constexpr (std::floating_point<T>) {
        return {T(0), T(1), T(-1), T(0.5), T(-2.25), T(1e6), limits::epsilon(), T(12345.678)};
    } else if constexpr (sizeof(T) < sizeof(int) || std::unsigned_integral<T>) {
        // These wrap around, or are promoted to int first, where they have room.
        return {T(0), T(1), T(2), T(3), T(100), T(limits::max() / 2), limits::max(), limits::min()};
    } else {
        return {T(0), T(1), T(-1), T(2), T(-3), T(100), T(30'000), T(-30'000)};
    }
}

/// As `values`, but multiplied in an int they do not overflow: 65535 * 65535 would.
template <class T>
[[nodiscard]] T factor(T value) {
    return sizeof(T) == 2 ? T(value & T(0x7FFF)) : value;
}

// One of each width and signedness, and one character type: more cost compile time only.
TEST_CASE_TEMPLATE("vref: compound operators of integers do what they do to a plain value", T, char,
                   unsigned char, short, unsigned short, int, unsigned, long long,
                   unsigned long long, char16_t) {
    places<T> at;
    for (const T lhs : values<T>()) {
        for (const T rhs : values<T>()) {
            at.check(add, lhs, rhs);
            at.check(subtract, lhs, rhs);
            at.check(multiply, factor(lhs), factor(rhs));
            if (rhs != 0) {
                at.check(divide, lhs, rhs);
                at.check(modulo, lhs, rhs);
            }
            at.check(both, lhs, rhs);
            at.check(either, lhs, rhs);
            at.check(differ, lhs, rhs);
        }
        for (const int count : {0, 1, 3, static_cast<int>(8 * sizeof(T)) - 1}) {
            at.check(left, lhs, count);
            at.check(right, lhs, count);
        }
        // Right-hand sides of other types.
        at.check(add, lhs, 7);
        at.check(subtract, lhs, 7LL);
        at.check(both, lhs, 0x55U);
        at.check(divide, lhs, 4.0);
        at.check_steps(T(lhs / 2));
    }
}

TEST_CASE_TEMPLATE("vref: compound operators of floating-point numbers", T, float, double,
                   long double) {
    places<T> at;
    for (const T lhs : values<T>()) {
        for (const T rhs : values<T>()) {
            at.check(add, lhs, rhs);
            at.check(subtract, lhs, rhs);
            at.check(multiply, lhs, rhs);
            if (rhs != 0) {
                at.check(divide, lhs, rhs);
            }
        }
        at.check(add, lhs, 3);
        at.check(multiply, lhs, 2U);
        at.check(subtract, lhs, 'a');
        at.check_steps(lhs);
    }
}

TEST_CASE("vref: compound operators of bool") {
    places<bool> at;
    for (const bool lhs : {false, true}) {
        for (const bool rhs : {false, true}) {
            at.check(both, lhs, rhs);
            at.check(either, lhs, rhs);
            at.check(differ, lhs, rhs);
        }
    }
}

TEST_CASE("vref: unsigned values wrap around, in both directions") {
    ready<wide> heap;
    const auto p = heap.make<std::uint8_t>(std::uint8_t{255}).value();
    ++*p;
    CHECK(*p == 0);
    --*p;
    CHECK(*p == 255);
    *p += 2;
    CHECK(*p == 1);
    *p -= 2;
    CHECK(*p == 255);
    const auto q = heap.make<std::uint64_t>().value();
    *q -= 1;
    CHECK(*q == (std::numeric_limits<std::uint64_t>::max)());
    *q *= *q;
    CHECK(*q == 1);
}

// --- classes
// ----------------------------------------------------------------------------------------

/// Every operator, so that each is seen to be the one that was called.
struct account {
    int balance = 0;
    int calls = 0;

    account& operator+=(int amount) { return become(balance + amount); }
    account& operator-=(const account& by) { return become(balance - by.balance); }
    account& operator*=(int by) { return become(balance * by); }
    account& operator/=(int by) { return become(balance / by); }
    account& operator%=(int by) { return become(balance % by); }
    account& operator&=(int by) { return become(balance & by); }
    account& operator|=(int by) { return become(balance | by); }
    account& operator^=(int by) { return become(balance ^ by); }
    account& operator<<=(int by) { return become(balance << by); }
    account& operator>>=(int by) { return become(balance >> by); }

    [[nodiscard]] friend bool operator==(const account&, const account&) = default;

private:
    account& become(int value) {
        balance = value;
        ++calls;
        return *this;
    }
};

TEST_CASE("vref: compound operators of a class are the class's own") {
    ready<tight> heap;
    ready<other> far;
    const auto p = heap.make<account>().value();
    const auto q = heap.allocate<account>(20).value() + 19;
    const auto r = far.make<account>(account{.balance = 3}).value();
    *q = account{.balance = 5};
    *p += 40;
    *p -= *q;
    *p -= *r;
    *p *= 6;
    *p /= 2;
    *p %= 50;
    *p &= 62;
    *p |= 1;
    *p ^= 3;
    *p <<= 4;
    *p >>= 1;
    const int expected = (((((40 - 5 - 3) * 6 / 2) % 50) & 62) | 1) ^ 3;
    CHECK(*p == account{.balance = (expected << 4) >> 1, .calls = 11});
    ++*p;
    CHECK(p->balance == (expected << 4 >> 1) + 1);
    CHECK((*p).get().calls == 12);
}

/// A number that lives in virtual memory, and is read and written there by its own operators.
template <class Heap>
struct remote {
    vptr<int, Heap> value;

    operator int() const { return *value; }
    remote& operator+=(int amount) {
        *value += amount;
        return *this;
    }
};

TEST_CASE("vref: operands that reach for virtual memory themselves, with a single frame") {
    ready<tight> heap;
    const auto p = heap.room<int>(1);
    const auto value = heap.room<int>(1);
    const auto proxy = heap.room<remote<tight>>(1);
    *p = 1;
    *value = 41;
    *proxy = remote<tight>{value};
    *p += remote<tight>{value};
    CHECK(*p == 42);
    CHECK(*value == 41);
    *p += *proxy;
    CHECK(*p == 83);
    *proxy += 1;
    CHECK(*value == 42);
    heap.evict_all();
    CHECK(*p == 83);
    CHECK(*value == 42);
}

// --- values
// -----------------------------------------------------------------------------------------

struct point {
    int x;
    int y;
    [[nodiscard]] friend auto operator<=>(const point&, const point&) = default;
};

static_assert(std::is_same_v<vref<int, wide>::value_type, int>);
static_assert(std::is_same_v<vref<const int, wide>::value_type, int>);
static_assert(std::is_convertible_v<vref<int, wide>, int>);
static_assert(std::is_convertible_v<vref<const point, wide>, point>);
static_assert(std::is_assignable_v<const vref<int, wide>&, int>, "a proxy, not a value");
static_assert(std::is_assignable_v<vref<int, wide>, vref<const int, wide>>);
static_assert(std::is_assignable_v<vref<int, wide>, vref<int, other>>);
static_assert(!std::is_assignable_v<vref<const int, wide>, int>);
static_assert(!std::is_assignable_v<vref<const int, wide>, vref<int, wide>>);
static_assert(!std::is_assignable_v<vref<const int, wide>, vref<const int, wide>>);
static_assert(std::is_trivially_copy_constructible_v<vref<int, wide>>);

TEST_CASE("vref: assignment copies the value, never the reference") {
    ready<wide> heap;
    const auto p = heap.allocate<point>(2).value();
    p[0] = point{1, 2};
    p[1] = point{3, 4};
    const vref<point, wide> first = *p;
    first = p[1];
    CHECK(p[0] == point{3, 4});
    p[1] = point{5, 6};
    CHECK(first == point{3, 4});
    first = p[0]; // itself
    CHECK(first == point{3, 4});
    const vptr<const point, wide> constant = p;
    first = constant[1];
    CHECK(p[0] == point{5, 6});
    CHECK(p[0] == p[1]);
}

TEST_CASE("vref: assignment from a reference into another heap") {
    ready<wide> here;
    ready<other> there;
    const auto p = here.make<point>(point{1, 2}).value();
    const auto q = there.make<point>(point{3, 4}).value();
    *p = *q;
    CHECK(*p == point{3, 4});
    CHECK(*p == *q);
    *q = point{5, 6};
    CHECK(*p != *q);
    const vptr<const point, other> constant = q;
    *p = *constant;
    CHECK(*p == point{5, 6});
    const auto number = here.make<long>(7L).value();
    const auto narrow = there.make<short>(short{-3}).value();
    *number = *narrow;
    CHECK(*number == -3);
    *number += *narrow;
    CHECK(*number == -6);
}

TEST_CASE("vref: assignment chains, and gives the target") {
    ready<wide> heap;
    const auto p = heap.allocate<int>(3).value();
    p[0] = p[1] = p[2] = 9;
    CHECK(p[0] + p[1] + p[2] == 27);
    CHECK(&(p[1] = 4) == p + 1);
    (p[2] += 1) *= 2;
    CHECK(p[2] == 20);
}

TEST_CASE("vref: conversions to values of class type") {
    ready<wide> heap;
    const auto p = heap.make<point>(point{1, 2}).value();
    const point copy = *p;
    const auto value = (*p).get();
    auto reference = *p;
    static_assert(std::is_same_v<decltype(value), const point>);
    static_assert(std::is_same_v<decltype(reference), vref<point, wide>>);
    *p = point{7, 8};
    CHECK(copy == point{1, 2});
    CHECK(value == point{1, 2});
    CHECK(reference == point{7, 8});
    const auto sum = [](const point& of) { return of.x + of.y; };
    CHECK(sum(*p) == 15);
}

TEST_CASE("vref: & gives the pointer back") {
    ready<wide> heap;
    const auto p = heap.allocate<int>(4).value();
    static_assert(std::is_same_v<decltype(&*p), vptr<int, wide>>);
    static_assert(std::is_same_v<decltype(&*vptr<const int, wide>()), vptr<const int, wide>>);
    CHECK(&*p == p);
    CHECK(&p[3] == p + 3);
    CHECK(&*(&p[1] - 1) == p);
    const auto& reference = p[2];
    CHECK(&reference - p == 2);
}

TEST_CASE("vref: swap exchanges the values") {
    ready<tight> heap;
    const auto p = heap.room<point>(1);
    const auto q = heap.room<point>(1);
    *p = point{1, 2};
    *q = point{3, 4};
    swap(*p, *q);
    CHECK(*p == point{3, 4});
    CHECK(*q == point{1, 2});
    std::iter_swap(p, q);
    CHECK(*p == point{1, 2});
    std::ranges::iter_swap(p, q);
    CHECK(*q == point{1, 2});
    std::ranges::swap(*p, *q);
    CHECK(*p == point{1, 2});
    swap(*p, *p);
    CHECK(*p == point{1, 2});
}

// --- comparison
// -------------------------------------------------------------------------------------

TEST_CASE("vref: compares with values, in both directions") {
    ready<wide> heap;
    const auto p = heap.make<int>(5).value();
    CHECK((*p == 5 && 5 == *p));
    CHECK((*p != 4 && 4 != *p));
    CHECK((*p < 6 && 4 < *p));
    CHECK((*p > 4 && 6 > *p));
    CHECK((*p <= 5 && 5 <= *p));
    CHECK((*p >= 5 && 5 >= *p));
    CHECK_FALSE((*p < 5 || 5 < *p || *p > 5 || 5 > *p || *p != 5 || 5 != *p));
    CHECK((*p == 5L && *p < 5.5 && 4.5 < *p));
    CHECK((*p <=> 4) == std::strong_ordering::greater);
    CHECK((6 <=> *p) == std::strong_ordering::greater);
    CHECK((*p <=> *p) == std::strong_ordering::equal);
    const auto q = heap.make<double>(std::numeric_limits<double>::quiet_NaN()).value();
    CHECK((*q <=> 1.0) == std::partial_ordering::unordered);
    CHECK(*q != *q);
    CHECK_FALSE((*q < *q || *q >= *q));
}

TEST_CASE("vref: compares with references to const, to other types, and into other heaps") {
    ready<wide> heap;
    ready<other> there;
    const auto p = heap.make<int>(5).value();
    const vptr<const int, wide> same = p;
    const auto longer = heap.make<long>(6L).value();
    const auto far = there.make<int>(7).value();
    CHECK((*p == *same && *same == *p && *p <= *same && *same >= *p));
    CHECK((*p < *longer && *longer > *p && *p != *longer));
    CHECK((*p < *far && *far > *same && *far != *p));
    CHECK((*p <=> *far) == std::strong_ordering::less);
}

TEST_CASE("vref: class types with a three-way comparison") {
    ready<wide> heap;
    ready<other> there;
    const auto p = heap.make<point>(point{1, 2}).value();
    const auto q = there.make<point>(point{1, 3}).value();
    const vptr<const point, wide> constant = p;
    CHECK((*p == point{1, 2} && point{1, 2} == *p && *p == *constant));
    CHECK((*p < point{2, 0} && point{0, 9} < *p));
    CHECK((*p < *q && *q > *constant && *p != *q));
    CHECK((*p <=> *q) == std::strong_ordering::less);
}

/// Types from before C++20 have these and no `<=>`.
struct with_members {
    int value;
    [[nodiscard]] bool operator==(const with_members& b) const { return value == b.value; }
    [[nodiscard]] bool operator<(const with_members& b) const { return value < b.value; }
    [[nodiscard]] bool operator>(const with_members& b) const { return value > b.value; }
    [[nodiscard]] bool operator<=(const with_members& b) const { return value <= b.value; }
    [[nodiscard]] bool operator>=(const with_members& b) const { return value >= b.value; }
};
struct with_friend {
    int value;
    [[nodiscard]] friend bool operator<(const with_friend& a, const with_friend& b) {
        return a.value < b.value;
    }
};
struct with_nothing {
    int value;
};

template <class T>
concept less_comparable = requires(const T& a, const T& b) { a < b; };
template <class T>
concept equality_testable = requires(const T& a, const T& b) { a == b; };
static_assert(less_comparable<vref<with_members, wide>> && less_comparable<vref<int, wide>>);
static_assert(less_comparable<vref<with_friend, wide>>);
static_assert(!equality_testable<vref<with_friend, wide>> &&
              !less_comparable<vref<with_nothing, wide>>);
static_assert(std::totally_ordered<vref<with_members, wide>>);
static_assert(std::totally_ordered_with<vref<with_members, wide>, with_members>);
static_assert(std::three_way_comparable_with<vref<point, wide>, point>);
static_assert(!std::three_way_comparable<vref<with_members, wide>>);

TEST_CASE("vref: class types without a three-way comparison compare too") {
    ready<wide> heap;
    const auto p = heap.allocate<with_members>(2).value();
    const vptr<const with_members, wide> constant = p;
    p[0] = with_members{1};
    p[1] = with_members{2};
    CHECK((p[0] < p[1] && p[1] > p[0] && p[0] <= p[1] && p[1] >= p[0]));
    CHECK((p[0] < with_members{2} && with_members{0} < p[0]));
    CHECK((p[1] > with_members{1} && with_members{3} > p[1]));
    CHECK((p[1] <= with_members{2} && with_members{2} <= p[1]));
    CHECK((p[1] >= with_members{2} && with_members{2} >= p[1]));
    CHECK((constant[0] < p[1] && p[0] < constant[1] && constant[0] == p[0]));
    CHECK_FALSE((p[1] < p[0] || p[0] > p[1] || p[1] <= p[0] || p[0] >= p[1]));
    const auto q = heap.allocate<with_friend>(2).value();
    q[0] = with_friend{1};
    q[1] = with_friend{2};
    CHECK((q[0] < q[1] && q[0] < with_friend{2} && with_friend{0} < q[0]));
    CHECK_FALSE(q[1] < q[0]);
}

static_assert(std::common_reference_with<vref<point, wide>, point&>);
static_assert(std::common_reference_with<vref<const point, wide>, const point&>);
static_assert(std::common_reference_with<vref<point, wide>, vref<const point, wide>>);
static_assert(std::common_reference_with<vref<point, wide>, vref<point, other>>);
static_assert(std::totally_ordered_with<vref<point, wide>, vref<const point, wide>>);
static_assert(std::totally_ordered_with<vref<point, wide>, vref<point, other>>);

// --- pointers and strangers
// -------------------------------------------------------------------------

TEST_CASE("vref: a pointer in virtual memory can be stepped, compared and followed") {
    ready<wide> heap;
    const auto numbers = heap.allocate<int>(3).value();
    numbers[0] = 10;
    numbers[1] = 11;
    numbers[2] = 12;
    const auto pp = heap.make<vptr<int, wide>>(numbers).value();
    CHECK(*pp == numbers);
    CHECK(*pp != nullptr);
    ++*pp;
    CHECK((*pp)++ == numbers + 1);
    CHECK(*pp - numbers == 2);
    *pp -= 1;
    CHECK(*(*pp).get() == 11);
    *(*pp).get() = 99;
    CHECK(numbers[1] == 99);
    CHECK(*pp > numbers);
    CHECK(numbers < *pp);
    *pp = nullptr;
    CHECK(*pp == nullptr);
    CHECK_FALSE((*pp).get());
}

/// Counts what is done to it; storable because a copy of its bytes is as good.
struct counting {
    int value = 0;
    int assigned = 0;

    counting() = default;
    explicit counting(int v) : value(v) {}
    counting(const counting& from) : value(from.value), assigned(from.assigned) { ++copies; }
    counting& operator=(const counting& from) {
        value = from.value; // and keeps a count of its own
        ++assigned;
        return *this;
    }
    ~counting() { ++destroyed; }

    inline static int copies = 0;
    inline static int destroyed = 0;
};

/// What it refers to is copied with it. So it reaches for virtual memory while it is copied.
template <class Heap>
struct deep {
    vptr<int, Heap> value;
    int mark;

    deep(vptr<int, Heap> at, int m) : value(at), mark(m) {}
    deep(const deep& from) : value(from.value + 1) {
        *value = *from.value;
        mark = from.mark;
    }
    deep& operator=(const deep& from) {
        *value = *from.value;
        mark = from.mark;
        return *this;
    }
    ~deep() = default;
};

} // namespace

template <>
inline constexpr bool vmem::enable_storable<counting> = true;
template <class Heap>
inline constexpr bool vmem::enable_storable<deep<Heap>> = true;

namespace {

template <class T, class Heap>
void zero(Heap& heap, vptr<T, Heap> p) {
    const std::array<std::byte, sizeof(T)> bytes{};
    heap.write(p.to_address(), bytes).value();
}

TEST_CASE("vref: the assignment operator of a class is called, resident or not") {
    ready<tight> heap;
    for (const std::size_t offset : {std::size_t{0}, std::size_t{60}}) {
        const auto p = heap.room<counting>(1, offset);
        zero(heap.heap(), p);
        *p = counting(1);
        *p = counting(2);
        CHECK((*p).get().assigned == 2);
        heap.evict_all();
        *p = counting(3);
        CHECK((*p).get().assigned == 3);
        CHECK((*p).get().value == 3);
    }
}

TEST_CASE("vref: a value is copied once, by its own constructor, and nothing else is destroyed") {
    ready<tight> heap;
    const auto p = heap.room<counting>(1);
    zero(heap.heap(), p);
    for (int round = 0; round < 2; ++round) {
        counting::copies = 0;
        counting::destroyed = 0;
        {
            const counting value = *p;
            CHECK(value.value == 0);
        }
        CHECK(counting::copies == 1);
        CHECK(counting::destroyed == 1);
        heap.evict_all();
    }
}

TEST_CASE("vref: classes whose copies reach for virtual memory, with a single frame") {
    ready<tight> heap;
    const auto numbers = heap.room<int>(3);
    numbers[0] = 5;
    const auto p = heap.make<deep<tight>>(numbers, 9).value();
    const deep<tight> copy = *p;
    CHECK(copy.value == numbers + 1);
    CHECK(copy.mark == 9);
    CHECK(numbers[1] == 5);
    numbers[2] = 77;
    CHECK(p->mark == 9);
    *p = deep<tight>(numbers + 2, 10);
    CHECK(numbers[0] == 77);
    CHECK(numbers[2] == 77);
    CHECK(p->value == numbers);
    CHECK(p->mark == 10);
}

TEST_CASE("vref: accesses that cannot be go to the fault handler") {
    ready<wide> heap;
    const vptr<int, wide> null;
    const auto beyond = vptr<int, wide>::from_address(heap.size());
    int value = 0;
    for (const auto& [p, code] :
         {std::pair(null, errc::null_pointer), std::pair(null + 15, errc::null_pointer),
          std::pair(beyond, errc::out_of_range),
          std::pair(beyond + 1'000'000, errc::out_of_range)}) {
        CHECK(fault_of([&, at = p] { value = *at; }) == message(code));
        CHECK(fault_of([&, at = p] { *at = 1; }) == message(code));
        CHECK(fault_of([&, at = p] { *at += 1; }) == message(code));
        CHECK(fault_of([&, at = p] { ++*at; }) == message(code));
        CHECK(fault_of([&, at = p] { value = at[0] + 1; }) == message(code));
        CHECK(vmem::test::caught([&, at = p] { *at = 1; }).where == p.to_address());
    }
    CHECK(fault_of([&] { *(beyond - 1) = 4; }) == "none");
    CHECK(fault_of([&] { value = *(beyond - 1); }) == "none");
    CHECK(value == 4);
}

TEST_CASE("vref: asks for nothing but what it is used for") {
    ready<wide> heap;
    const auto p = heap.make<with_nothing>(with_nothing{3}).value();
    *p = with_nothing{4};
    CHECK((*p).get().value == 4);
}

} // namespace
