// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/any_ptr.hpp>
#include <vmem/heap.hpp>
#include <vmem/ranges.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/throw_on_fault.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <iterator>
#include <memory>
#include <numeric>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

#if defined(__cpp_exceptions)
using handler = vmem::on_fault<vmem::throw_on_fault>;
#else
using handler = vmem::on_fault<vmem::trap_on_fault>;
#endif

struct first_tag;
struct second_tag;

template <class Tag, std::size_t PageSize, std::size_t Frames>
using memory = vmem::heap<vmem::counted<vmem::ram_storage<16384>>, vmem::paged<PageSize, Frames>,
                          vmem::nonresident_linked_list_allocator, vmem::instance<Tag>,
                          vmem::statistics<true>, handler>;

template <class Heap>
[[nodiscard]] std::unique_ptr<Heap> formatted() {
    auto heap = std::make_unique<Heap>();
    heap->format().value();
    return heap;
}

/// 12 bytes: in pages of 64 or 512 bytes some straddle.
struct triple {
    std::int32_t a, b, c;
    friend bool operator==(const triple&, const triple&) = default;
};
static_assert(sizeof(triple) == 12);

/// Larger than a small page.
struct wide {
    std::array<std::int32_t, 25> values;
    friend bool operator==(const wide&, const wide&) = default;
};

template <class T>
[[nodiscard]] T numbered(std::size_t i) {
    const auto n = static_cast<std::int32_t>(i + 1);
    if constexpr (std::same_as<T, triple>) {
        return {n, -n, n * 3};
    } else if constexpr (std::same_as<T, wide>) {
        wide w{};
        w.values.front() = n;
        w.values.back() = -n;
        return w;
    } else {
        return static_cast<T>(n);
    }
}

using plain = memory<struct plain_tag, 512, 4>;
template <class T>
using view = vmem::chunk_view<T, plain>;
static_assert(std::ranges::view<view<int>> && std::ranges::input_range<view<int>>);
static_assert(std::ranges::view<view<const triple>> && std::ranges::input_range<view<const int>>);
static_assert(!std::ranges::forward_range<view<int>>, "it is single-pass");
static_assert(!std::ranges::borrowed_range<view<int>>, "its iterators point at it");
static_assert(std::is_trivially_copyable_v<std::ranges::iterator_t<view<int>>>);
static_assert(sizeof(std::ranges::iterator_t<view<int>>) == sizeof(void*));
static_assert(std::same_as<std::ranges::range_reference_t<view<const int>>, std::span<const int>>);
static_assert(noexcept(std::declval<view<int>&>().begin()) == plain::nothrow_access);

/// Whether `chunks` shows the elements that are there, in the longest pieces, with at most one
/// frame pinned.
template <class T, class Heap>
void check_chunks(Heap& heap, vmem::vptr<T, Heap> p, std::size_t n) {
    constexpr std::size_t page = Heap::residency_type::page_size;
    constexpr std::size_t frames = Heap::residency_type::frame_count;
    std::size_t seen = 0;
    std::size_t wrong = 0;
    for (const std::span<T> chunk : vmem::chunks(p, n)) {
        const std::size_t at = p.to_address() + seen * sizeof(T);
        const std::size_t whole = at % alignof(T) == 0 ? (page - at % page) / sizeof(T) : 0;
        wrong += chunk.size() != (std::min)(n - seen, (std::max)(whole, std::size_t{1}));
        wrong += heap.residency().unpinned_frames() != frames - (whole != 0 ? 1 : 0);
        for (const T& element : chunk) {
            wrong += element != numbered<std::remove_const_t<T>>(seen++);
        }
    }
    CHECK(wrong == 0);
    CHECK(seen == n);
    CHECK(heap.residency().unpinned_frames() == frames);
}

template <class T, class Heap>
void round_trip(std::size_t n, std::size_t shift) {
    CAPTURE(n);
    CAPTURE(shift);
    const auto heap = formatted<Heap>();
    const auto room = heap->template allocate<char>(n * sizeof(T) + 1 + shift).value();
    const auto p = vmem::vptr<T, Heap>::from_address(room.to_address() + shift);
    std::size_t i = 0;
    for (const std::span<T> chunk : vmem::chunks(p, n)) {
        for (T& element : chunk) {
            element = numbered<T>(i++);
        }
    }
    room[static_cast<std::ptrdiff_t>(n * sizeof(T) + shift)] = '#';
    heap->flush().value();
    heap->open().value();
    check_chunks(*heap, p, n);
    check_chunks(*heap, vmem::vptr<const T, Heap>(p), n);
    for (i = 0; i < n; ++i) {
        REQUIRE(p[static_cast<std::ptrdiff_t>(i)].get() == numbered<T>(i));
    }
    CHECK(room[static_cast<std::ptrdiff_t>(n * sizeof(T) + shift)].get() == '#');
}

template <class T>
void round_trips() {
    for (const std::size_t n : {0u, 1u, 2u, 5u, 11u, 16u, 17u, 100u}) {
        for (const std::size_t shift : {0u, 4u, 8u, 20u, 3u}) {
            round_trip<T, memory<first_tag, 64, 1>>(n, shift);
            round_trip<T, memory<first_tag, 64, 3>>(n, shift);
            round_trip<T, memory<first_tag, 512, 2>>(n, shift);
        }
    }
}

} // namespace

TEST_CASE("chunks: every element in order, in the longest pieces") {
    SUBCASE("of a byte") {
        round_trips<char>();
    }
    SUBCASE("of a word, some of them misaligned") {
        round_trips<std::int32_t>();
    }
    SUBCASE("that straddle pages") {
        round_trips<triple>();
    }
    SUBCASE("larger than a page") {
        round_trips<wide>();
    }
}

TEST_CASE("chunks: leaving early writes a straddling element back") {
    using heap = memory<first_tag, 64, 1>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<triple>(40).value();
    vmem::fill(p, 40, triple{1, 1, 1});
    std::size_t seen = 0;
    for (const std::span<triple> chunk : vmem::chunks(p, 40)) {
        const std::size_t at = p.to_address() + seen * sizeof(triple);
        chunk.front() = {2, 2, 2};
        if (at / 64 != (at + 11) / 64) {
            break;
        }
        seen += chunk.size();
    }
    REQUIRE(seen < 40);
    CHECK(p[static_cast<std::ptrdiff_t>(seen)].get() == triple{2, 2, 2});
    CHECK(p[static_cast<std::ptrdiff_t>(seen) + 1].get() == triple{1, 1, 1});
    CHECK(h->residency().unpinned_frames() == 1);
}

TEST_CASE("chunks: a view over const elements never makes anything dirty") {
    using heap = memory<first_tag, 64, 4>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<triple>(100).value();
    vmem::fill(p, 100, triple{1, 2, 3});
    h->flush().value();
    h->storage().reset_counts();
    std::int64_t sum = 0;
    for (const auto chunk : vmem::chunks(vmem::vptr<const triple, heap>(p), 100)) {
        for (const triple& t : chunk) {
            sum += t.a + t.b + t.c;
        }
    }
    CHECK(sum == 600);
    vmem::for_each(vmem::vptr<const triple, heap>(p), 100,
                   [&](const triple& t) { sum -= t.a + t.b + t.c; });
    CHECK(sum == 0);
    h->flush().value();
    CHECK(h->storage().counts().writes == 0);
    CHECK(h->storage().counts().reads > 0);
    CHECK(h->residency().statistics().write_backs > 0);

    for (const auto chunk : vmem::chunks(p, 1)) {
        CHECK(chunk.size() == 1);
    }
    h->flush().value();
    CHECK(h->storage().counts().writes == 1);
}

TEST_CASE("chunks: one page-in per page, and the frame is free between views") {
    using heap = memory<first_tag, 512, 4>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<std::int64_t>(1024).value();
    const auto start = static_cast<std::ptrdiff_t>(512 - p.to_address() % 512) / 8;
    vmem::fill(p, 1024, 1);
    h->flush().value();
    h->open().value();
    h->residency().reset_statistics();
    vmem::for_each(p + start, 15 * 64, [](std::int64_t& x) { ++x; });
    CHECK(h->residency().statistics().page_ins == 15);

    auto idle = vmem::chunks(p, 1024);
    CHECK(h->residency().unpinned_frames() == 4);
    const auto at = idle.begin();
    CHECK(h->residency().unpinned_frames() == 3);
    CHECK((*at).data() == (*idle.begin()).data());
    idle = vmem::chunks(p, 0);
    CHECK(h->residency().unpinned_frames() == 4);
    CHECK(idle.begin() == idle.end());
}

TEST_CASE("chunks: a copy starts anew at the current chunk") {
    using heap = memory<first_tag, 64, 4>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<std::int32_t>(100).value();
    std::iota(p, p + 100, 0);
    auto view = vmem::chunks(p, 100);
    auto at = view.begin();
    ++at;
    const int first = (*at).front();
    auto copy = view;
    CHECK(h->residency().unpinned_frames() == 3);
    CHECK((*copy.begin()).front() == first);
    CHECK(h->residency().unpinned_frames() == 2 + 1); // The same frame, pinned twice.
    int next = first;
    for (const auto chunk : copy) {
        for (const int x : chunk) {
            CHECK(x == next++);
        }
    }
    CHECK(next == 100);
    CHECK((*at).front() == first);
    view = vmem::chunk_view<std::int32_t, heap>();
    CHECK(view.begin() == view.end());
    CHECK(h->residency().unpinned_frames() == 4);
}

TEST_CASE("chunks: standard views and algorithms") {
    using heap = memory<first_tag, 64, 2>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<std::int32_t>(100).value();
    const vmem::vptr<const std::int32_t, heap> q = p;
    std::iota(p, p + 100, 0);

    auto sizes = vmem::chunks(q, 100) | std::views::transform([](auto c) { return c.size(); });
    std::size_t total = 0;
    for (const std::size_t size : sizes) {
        total += size;
    }
    CHECK(total == 100);

    std::int64_t sum = 0;
    for (const int x : vmem::chunks(q, 100) | std::views::join |
                           std::views::filter([](int i) { return i % 2 == 1; })) {
        sum += x;
    }
    CHECK(sum == 2500);

    std::ranges::for_each(vmem::chunks(p, 100),
                          [](std::span<std::int32_t> c) { std::ranges::reverse(c); });
    std::ranges::sort(p, p + 100);
    CHECK(std::ranges::equal(std::ranges::subrange(q, q + 100), std::views::iota(0, 100)));
}

TEST_CASE("fill, for_each") {
    using heap = memory<first_tag, 64, 1>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<triple>(50).value();
    CHECK(vmem::fill(p, 50, {7, 8, 9}) == p + 50);
    CHECK(fill(p + 10, 30, triple{1, 2, 3}) == p + 40);
    CHECK(fill(p, 0, triple{}) == p);
    std::int32_t index = 0;
    const auto counted = vmem::for_each(p, 50, [index, n = 0](triple& t) mutable {
        t.c += index++;
        ++n;
        return n;
    });
    static_cast<void>(counted);
    for (index = 0; index < 50; ++index) {
        const bool inner = index >= 10 && index < 40;
        CHECK(p[index].get() == (inner ? triple{1, 2, 3 + index} : triple{7, 8, 9 + index}));
    }
    const auto bytes = h->allocate<unsigned char>(300).value();
    vmem::fill(bytes, 300, 0xAB);
    CHECK(std::ranges::count(bytes, bytes + 300, 0xAB) == 300);
}

namespace {

/// Not trivially copyable, storable by opting in.
struct opted_in {
    int value = 0;
    opted_in() = default;
    opted_in(int v) : value(v) {}
    opted_in(const opted_in& other) : value(other.value) {}
    opted_in& operator=(const opted_in&) = default;
};
static_assert(!std::is_trivially_copyable_v<opted_in>);

} // namespace

template <>
inline constexpr bool vmem::enable_storable<opted_in> = true;

TEST_CASE("copy: every mix of virtual, raw and any_ptr, and two heaps") {
    using heap = memory<first_tag, 64, 1>;
    using other = memory<second_tag, 128, 2>;
    const auto h = formatted<heap>();
    const auto o = formatted<other>();
    const auto p = h->allocate<triple>(50).value();
    const auto q = h->allocate<triple>(50).value();
    const auto r = o->allocate<triple>(50).value();
    std::vector<triple> raw(50);
    for (std::size_t i = 0; i < raw.size(); ++i) {
        raw[i] = numbered<triple>(i);
    }
    CHECK(vmem::copy(raw.data(), 50, p) == p + 50);
    CHECK(vmem::copy(p, 50, q) == q + 50);
    CHECK(copy(vmem::vptr<const triple, heap>(q), 50, r) == r + 50);
    std::vector<triple> back(50);
    CHECK(vmem::copy(r, 50, back.data()) == back.data() + 50);
    CHECK(back == raw);
    CHECK(copy(p, 0, q) == q);

    vmem::copy(p, 40, p + 3);
    CHECK(p[42].get() == raw[39]);
    CHECK(p[3].get() == raw[0]);
    CHECK(p[43].get() == raw[43]);

    const vmem::any_ptr<const triple, heap> any = q;
    const vmem::any_ptr<triple, heap> any_raw = back.data();
    vmem::fill(r, 50, triple{});
    CHECK(vmem::copy(any, 50, r) == r + 50);
    CHECK(vmem::copy(r, 50, any_raw) == any_raw + 50);
    CHECK(back == raw);

    const auto x = h->allocate<opted_in>(30).value();
    const auto y = h->allocate<opted_in>(30).value();
    vmem::fill(x, 30, 5);
    CHECK(vmem::copy(x, 30, y) == y + 30);
    CHECK(y[29].get().value == 5);
}

#if defined(__cpp_exceptions)

namespace {

template <class Call>
[[nodiscard]] vmem::errc fault_of(Call call) {
    try {
        call();
    } catch (const vmem::fault_error& fault) {
        return fault.code();
    }
    return {};
}

} // namespace

TEST_CASE("chunks: errors go to the fault handler and leave nothing pinned") {
    using heap = memory<first_tag, 64, 2>;
    using other = memory<second_tag, 64, 2>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<int>(100).value();
    const auto last = vmem::vptr<int, heap>::from_address(16384u - 80);
    int visits = 0;
    const auto visit = [&](int&) { ++visits; };
    CHECK(fault_of([&] { vmem::for_each(vmem::vptr<int, heap>(), 1, visit); }) ==
          vmem::errc::null_pointer);
    CHECK(fault_of([&] { vmem::for_each(vmem::vptr<int, other>(), 1, visit); }) ==
          vmem::errc::no_heap);
    CHECK(visits == 0);
    CHECK(fault_of([&] { vmem::for_each(last, 21, visit); }) == vmem::errc::out_of_range);
    CHECK(visits == 20);
    CHECK(fault_of([&] { vmem::copy(p, static_cast<std::size_t>(-1) / 4 + 2, last); }) ==
          vmem::errc::out_of_range);
    {
        const auto one = p.read().value();
        const auto two = (p + 50).read().value();
        CHECK(fault_of([&] { vmem::fill(last, 1, 0); }) == vmem::errc::no_free_frame);
    }
    CHECK(h->residency().unpinned_frames() == 2);
    // An exception out of the loop's body, too.
    CHECK(fault_of([&] {
              vmem::for_each(p, 100, [](int) {
                  throw vmem::fault_error({.code = vmem::errc::corrupt, .where = 0});
              });
          }) == vmem::errc::corrupt);
    CHECK(h->residency().unpinned_frames() == 2);
}

#endif
