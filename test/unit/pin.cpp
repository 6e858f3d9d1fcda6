// SPDX-License-Identifier: BSL-1.0
#include <vmem/pin.hpp>
#include <vmem/storage/storage_ref.hpp>
#include <vmem/vptr.hpp>

#include "contract/flaky.hpp"
#include "support/test_heap.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <numeric>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using vmem::errc;
using vmem::message;
using vmem::pin;
using vmem::vptr;
using vmem::test::error_of;
using vmem::test::fault_of;
using vmem::test::memory;
using vmem::test::ready;

using wide = memory<64, 4>;

struct triple {
    int a;
    int b;
    int c;
};

static_assert(!std::is_copy_constructible_v<pin<int, wide>>);
static_assert(!std::is_copy_assignable_v<pin<int, wide>>);
static_assert(std::is_nothrow_move_constructible_v<pin<int, wide>>);
static_assert(std::is_nothrow_move_assignable_v<pin<int, wide>>);
static_assert(std::is_nothrow_default_constructible_v<pin<int, wide>>);
static_assert(std::ranges::contiguous_range<pin<int, wide>>);
static_assert(std::ranges::sized_range<pin<const int, wide>>);
static_assert(std::ranges::common_range<pin<int, wide>>);
static_assert(std::is_constructible_v<std::span<int>, pin<int, wide>&>);
static_assert(std::is_same_v<std::ranges::range_reference_t<pin<const int, wide>>, const int&>);

template <class P>
concept writable = requires(P p) { p.write(); };
static_assert(writable<vptr<int, wide>> && !writable<vptr<const int, wide>>);
static_assert(std::is_same_v<decltype(std::declval<vptr<int, wide>>().read())::value_type,
                             pin<const int, wide>>);
static_assert(
    std::is_same_v<decltype(std::declval<vptr<int, wide>>().write(3))::value_type, pin<int, wide>>);

[[nodiscard]] std::size_t pinned_frames(wide& heap) {
    return 4 - heap.residency().unpinned_frames();
}

TEST_CASE("pin: one object, for reading and for writing") {
    ready<wide> heap;
    const auto p = heap.make<triple>(triple{1, 2, 3}).value();
    heap.flush().value();
    {
        const auto held = p.read().value();
        CHECK(held);
        CHECK(held->b == 2);
        CHECK((*held).c == 3);
        CHECK(held[0].a == 1);
        CHECK(held.size() == 1);
        CHECK_FALSE(held.empty());
        CHECK(pinned_frames(heap) == 1);
        CHECK_FALSE(heap.residency().state_of(p.to_address() / 64).dirty);
        CHECK(heap.residency().state_of(p.to_address() / 64).pinned);
    }
    CHECK(pinned_frames(heap) == 0);
    {
        const auto held = p.write().value();
        CHECK(heap.residency().state_of(p.to_address() / 64).dirty);
        held->b = 20;
        CHECK(p->b == 20);
        p->c = 30;
        CHECK(held->c == 30);
    }
    heap.evict_all();
    CHECK(p->b == 20);
    CHECK(p->c == 30);
}

TEST_CASE("pin: the longest contiguous prefix") {
    ready<wide> heap;
    const auto numbers = heap.room<int>(64, 8);
    CHECK(numbers.write(1).value().size() == 1);
    CHECK(numbers.write(14).value().size() == 14);
    CHECK(numbers.write(15).value().size() == 14);
    CHECK(numbers.read(1'000'000'000).value().size() == 14);
    CHECK((numbers + 14).read(100).value().size() == 16);
    CHECK((numbers + 13).read(100).value().size() == 1);
    const auto triples = heap.room<triple>(20, 8);
    CHECK(triples.read(100).value().size() == 4);
    CHECK((triples + 3).read(100).value().size() == 1);
    CHECK(error_of((triples + 4).read(100)) == message(errc::not_contiguous));
    CHECK(error_of((triples + 4).write()) == message(errc::not_contiguous));
    CHECK((triples + 5).read(100).value().size() == 5);
    CHECK(pinned_frames(heap) == 0);
    // The pieces are the array.
    for (int i = 0; i < 64; ++i) {
        numbers[i] = i;
    }
    int expected = 0;
    for (std::ptrdiff_t at = 0; at < 64;) {
        const auto held = (numbers + at).read(static_cast<std::size_t>(64 - at)).value();
        for (const int x : held) {
            CHECK(x == expected++);
        }
        CHECK(held.end() - held.begin() == std::ssize(held));
        at += std::ssize(held);
    }
    CHECK(expected == 64);
}

TEST_CASE("pin: is a contiguous range") {
    ready<wide> heap;
    const auto p = heap.room<int>(16);
    const auto held = p.write(16).value();
    std::iota(held.begin(), held.end(), 1);
    std::ranges::reverse(held);
    const std::span<const int> view(held);
    CHECK(view.front() == 16);
    CHECK(std::accumulate(view.begin(), view.end(), 0) == 136);
    std::memset(held.data(), 0, held.size() * sizeof(int));
    CHECK(p[5] == 0);
}

TEST_CASE("pin: marks what it may write, and no more") {
    ready<wide> heap;
    const auto p = heap.room<int>(16);
    heap.flush().value();
    heap.residency().reset_statistics();
    {
        const auto held = (p + 2).write(3).value();
    }
    heap.flush().value();
    CHECK(heap.pages().write_backs == 1);
    CHECK(heap.pages().bytes_written == 3 * sizeof(int));
    {
        const auto held = p.read(16).value();
    }
    heap.flush().value();
    CHECK(heap.pages().write_backs == 1);
}

TEST_CASE("pin: moves") {
    ready<wide> heap;
    const auto p = heap.room<int>(1);
    const auto q = heap.room<int>(1);
    *p = 1;
    *q = 2;
    pin<int, wide> empty;
    CHECK_FALSE(empty);
    CHECK(empty.empty());
    CHECK(empty.begin() == empty.end());
    empty.release();

    pin<int, wide> first = p.write().value();
    pin<int, wide> moved = std::move(first);
    CHECK_FALSE(first); // NOLINT(bugprone-use-after-move): it holds nothing
    CHECK(first.empty());
    CHECK(*moved == 1);
    CHECK(pinned_frames(heap) == 1);

    pin<int, wide> second = q.write().value();
    CHECK(pinned_frames(heap) == 2);
    second = std::move(moved); // gives up q
    CHECK(pinned_frames(heap) == 1);
    CHECK(*second == 1);
    CHECK_FALSE(moved); // NOLINT(bugprone-use-after-move)

    auto& self = second;
    second = std::move(self);
    CHECK(second);
    CHECK(*second == 1);
    CHECK(second.size() == 1);
    CHECK(pinned_frames(heap) == 1);

    empty = std::move(second);
    CHECK(*empty == 1);
    empty = pin<int, wide>();
    CHECK_FALSE(empty);
    CHECK(pinned_frames(heap) == 0);

    std::vector<pin<const int, wide>> several;
    several.push_back(p.read().value());
    several.push_back(q.read().value());
    several.push_back(p.read().value());
    CHECK(pinned_frames(heap) == 2);
    std::swap(several[0], several[1]);
    CHECK(*several[0] == 2);
    several.erase(several.begin());
    CHECK(pinned_frames(heap) == 1);
    several.clear();
    CHECK(pinned_frames(heap) == 0);
}

TEST_CASE("pin: release, once or twice") {
    ready<wide> heap;
    const auto p = heap.make<int>(1).value();
    auto held = p.write().value();
    auto other = p.read().value();
    held.release();
    CHECK_FALSE(held);
    CHECK(held.size() == 0);
    CHECK(held.data() == nullptr);
    CHECK(pinned_frames(heap) == 1);
    held.release();
    CHECK(pinned_frames(heap) == 1);
    other.release();
    CHECK(pinned_frames(heap) == 0);
}

TEST_CASE("pin: several of one page share its frame, and the last one ends it") {
    ready<wide> heap;
    const auto p = heap.room<int>(16);
    auto a = p.write(4).value();
    auto b = (p + 2).read(4).value();
    auto c = (p + 8).write().value();
    CHECK(pinned_frames(heap) == 1);
    CHECK(a.data() + 2 == b.data());
    a[3] = 33;
    CHECK(b[1] == 33);
    a.release();
    b.release();
    CHECK(pinned_frames(heap) == 1);
    heap.evict_all();
    *c = 88;
    c.release();
    heap.evict_all();
    CHECK(p[3] == 33);
    CHECK(p[8] == 88);
}

TEST_CASE("pin: outlives every other page that comes and goes") {
    ready<wide> heap;
    const auto p = heap.room<triple>(5, 0);
    const auto rest = heap.allocate<int>(1000).value();
    for (int i = 0; i < 5; ++i) {
        p[i] = triple{i, i, i};
    }
    auto held = (p + 1).write(3).value();
    const int* const raw = &held[2].b;
    for (int i = 0; i < 1000; ++i) {
        rest[i] = i;
        held[2].b = i;
    }
    CHECK(&held[2].b == raw);
    CHECK(*raw == 999);
    CHECK(p[3].get().b == 999);
    CHECK(std::accumulate(rest, rest + 1000, 0) == 499'500);
    held.release();
    heap.evict_all();
    CHECK(p[3].get().b == 999);
    CHECK(p[4].get().b == 4);
}

TEST_CASE("pin: a flush while it is held loses none of its later writes") {
    vmem::ram_storage<16384> medium;
    using memory = vmem::heap<vmem::storage_ref<vmem::ram_storage<16384>>, vmem::paged<64, 2>,
                              vmem::nonresident_linked_list_allocator>;
    memory heap(medium);
    heap.format().value();
    const auto p = heap.allocate<int>(16).value();
    const auto stored = [&] {
        int value = 0;
        std::memcpy(&value, medium.data() + p.to_address(), sizeof(value));
        return value;
    };
    auto held = p.write(16).value();
    held[0] = 1;
    heap.flush().value();
    CHECK(stored() == 1);
    held[0] = 2;
    heap.flush().value();
    CHECK(stored() == 2);
    held[0] = 3;
    held.release();
    CHECK(stored() == 2);
    heap.flush().value();
    CHECK(stored() == 3);
    *p += 1;
    heap.flush().value();
    CHECK(stored() == 4);
}

TEST_CASE("pin: with every frame pinned the rest has no place, and that has a name") {
    ready<wide> heap;
    std::array<vptr<int, wide>, 5> p;
    for (auto& at : p) {
        at = heap.room<int>(1);
        *at = 7;
    }
    std::array<pin<const int, wide>, 4> held;
    for (std::size_t i = 0; i < 4; ++i) {
        held[i] = p[i].read().value();
    }
    int value = 0;
    CHECK(error_of(p[4].read()) == message(errc::no_free_frame));
    CHECK(fault_of([&] { value = *p[4]; }) == message(errc::no_free_frame));
    CHECK(fault_of([&] { *p[4] = 1; }) == message(errc::no_free_frame));
    CHECK(fault_of([&] { *p[4] += 1; }) == message(errc::no_free_frame));
    CHECK(error_of(heap.make<int>(1)) == message(errc::no_free_frame));
    // What is resident still works.
    *p[2] = 8;
    CHECK(*held[2] == 8);
    CHECK(p[3].write().value()[0] == 7);
    held[0].release();
    CHECK(*p[4] == 7);
    CHECK(error_of(p[4].read()) == "none");
    CHECK(value == 0);
}

TEST_CASE("pin: 65280 of one frame, and no more") {
    ready<wide> heap;
    const auto p = heap.make<int>(3).value();
    std::vector<pin<const int, wide>> held;
    while (held.size() < 70'000) {
        auto next = p.read();
        if (!next) {
            CHECK(next.error() == errc::no_free_frame);
            break;
        }
        held.push_back(*std::move(next));
    }
    CHECK(held.size() == 65'280);
    CHECK(*p == 3);
    CHECK(&*p.operator->().operator->() == held[0].data());
    held.pop_back();
    CHECK(error_of(p.read()) == "none");
    held.clear();
    CHECK(pinned_frames(heap) == 0);
}

TEST_CASE("pin: errors") {
    ready<wide> heap;
    const auto p = heap.allocate<int>(4).value();
    const auto at = [](auto address) { return vptr<int, wide>::from_address(address); };
    const auto end = heap.size();
    CHECK(error_of(vptr<int, wide>().read()) == message(errc::null_pointer));
    CHECK(error_of(at(60).write()) == message(errc::null_pointer));
    CHECK(error_of(at(end).read()) == message(errc::out_of_range));
    CHECK(error_of(at(end - 4).read()) == "none");
    CHECK(at(end - 4).read(5).value().size() == 1);
    CHECK(error_of(at(p.to_address() + 1).read()) == message(errc::misaligned));
    CHECK(error_of(at(p.to_address() + 2).write(2)) == message(errc::misaligned));
    CHECK(error_of(p.read(0)) == message(errc::zero_size));
    CHECK(error_of(p.write(0)) == message(errc::zero_size));
    CHECK(pinned_frames(heap) == 0);
}

TEST_CASE("pin: the storage's errors") {
    using flaky = vmem::contract::flaky<vmem::ram_storage<4096>>;
    using memory = vmem::heap<flaky, vmem::paged<64, 2>, vmem::nonresident_linked_list_allocator>;
    memory heap;
    heap.format().value();
    const auto p = vptr<int, memory>::from_address(1024);
    heap.storage().fail(1);
    CHECK(error_of(p.read()) == message(errc::read_failed));
    CHECK(heap.residency().unpinned_frames() == 2);
    CHECK(error_of(p.read()) == "none");
}

#if defined(__cpp_exceptions)
TEST_CASE("pin: an exception releases it") {
    ready<wide> heap;
    const auto p = heap.make<int>(3).value();
    const auto throwing = [&] {
        const auto held = p.write().value();
        *held = 4;
        throw 1;
    };
    CHECK_THROWS_AS(throwing(), int);
    CHECK(pinned_frames(heap) == 0);
    CHECK(*p == 4);
}
#endif

} // namespace
