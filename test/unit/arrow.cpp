// SPDX-License-Identifier: BSL-1.0
#include <vmem/arrow.hpp>
#include <vmem/vptr.hpp>

#include "contract/flaky.hpp"
#include "support/test_heap.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using vmem::errc;
using vmem::message;
using vmem::vptr;
using vmem::test::fault_of;
using vmem::test::memory;
using vmem::test::ready;

template <std::size_t Frames>
using frames = memory<64, Frames>;

/// 12 bytes: 64 is no multiple of it.
struct triple {
    int a;
    int b;
    int c;
    [[nodiscard]] int sum() const { return a + b + c; }
    void set(int value) { a = b = c = value; }
    [[nodiscard]] friend bool operator==(const triple&, const triple&) = default;
};
/// 24 bytes, with an inner struct and an array.
struct record {
    std::int64_t key;
    struct {
        std::int32_t low;
        std::int32_t high;
    } range;
    std::array<std::int16_t, 3> list;
    std::uint16_t count;
};
static_assert(sizeof(triple) == 12 && sizeof(record) == 24);

static_assert(!std::is_copy_constructible_v<vmem::arrow<triple, frames<2>>>);
static_assert(!std::is_move_constructible_v<vmem::arrow<triple, frames<2>>>);
static_assert(
    std::is_same_v<decltype((std::declval<vptr<const triple, frames<2>>>()->a)), const int&>);

/// Which of the pages of `[p, p + 1)` are dirty.
template <class T, class Heap>
[[nodiscard]] bool dirty(Heap& heap, vptr<T, Heap> p) {
    const auto first = p.to_address() / Heap::residency_type::page_size;
    const auto last = (p.to_address() + sizeof(T) - 1) / Heap::residency_type::page_size;
    return heap.residency().state_of(first).dirty || heap.residency().state_of(last).dirty;
}

TEST_CASE("arrow: members are read, written and called") {
    ready<frames<4>> heap;
    const auto p = heap.make<record>().value();
    p->key = 1'000'000'000'000;
    p->range.low = -5;
    p->range.high = p->range.low + 12;
    p->list = {1, 2, 3};
    p->list[1] = 20;
    ++p->count;
    heap.evict_all();
    CHECK(p->key == 1'000'000'000'000);
    CHECK(p->range.low == -5);
    CHECK(p->range.high == 7);
    CHECK(p->list[0] + p->list[1] + p->list[2] == 24);
    CHECK(p->count == 1);
    const auto q = heap.make<triple>(triple{1, 2, 3}).value();
    CHECK(q->sum() == 6);
    q->set(5);
    CHECK(*q == triple{5, 5, 5});
    CHECK((*q).operator&()->sum() == 15);
    CHECK((q + 0)->a == 5);
}

TEST_CASE("arrow: reading through a pointer to const makes nothing dirty") {
    ready<frames<4>> heap;
    for (const std::size_t offset : {0U, 52U, 56U, 63U}) {
        CAPTURE(offset);
        const auto p = heap.room<triple>(1, offset);
        *p = triple{1, 2, 3};
        heap.flush().value();
        heap.residency().reset_statistics();
        const vptr<const triple, frames<4>> constant = p;
        for (int round = 0; round < 2; ++round) {
            CHECK(constant->a + constant->b + constant->c == 6);
            CHECK(constant->sum() == 6);
            CHECK_FALSE(dirty(heap.heap(), p));
            heap.evict_all();
        }
        CHECK(heap.pages().write_backs == 0);
        CHECK(heap.pages().bytes_written == 0);
    }
}

TEST_CASE("arrow: makes the bytes of its object dirty and no others") {
    ready<frames<4>> heap;
    const auto p = heap.room<triple>(1, 20);
    heap.flush().value();
    heap.residency().reset_statistics();
    p->b = 4;
    heap.flush().value();
    CHECK(heap.pages().write_backs == 1);
    CHECK(heap.pages().bytes_written == sizeof(triple));
}

TEST_CASE("arrow: reading what straddles pages through a pointer to non-const does not dirty it") {
    ready<frames<4>> heap;
    const auto p = heap.room<triple>(1, 56);
    *p = triple{1, 2, 3};
    heap.flush().value();
    CHECK(p->sum() == 6);
    CHECK_FALSE(dirty(heap.heap(), p));
}

TEST_CASE("arrow: the object stays in RAM until the end of the full expression, no longer") {
    ready<frames<4>> heap;
    for (const std::size_t offset : {0U, 56U}) {
        const auto p = heap.room<triple>(1, offset);
        p->set(static_cast<int>(heap.residency().unpinned_frames()));
        CHECK(p->sum() == 9);
        CHECK(heap.residency().unpinned_frames() == 4);
        const auto through = [&](int& held) {
            heap.evict_all();
            return ++held;
        };
        CHECK(through(p->a) == 4);
        CHECK(p->a == 4);
        CHECK(heap.residency().unpinned_frames() == 4);
    }
}

// --- how many frames
// --------------------------------------------------------------------------------

TEST_CASE("arrow: two in one expression, with two frames") {
    ready<frames<2>> heap;
    const auto p = heap.room<triple>(1);
    const auto q = heap.room<triple>(1);
    p->set(1);
    q->set(10);
    heap.evict_all();
    p->a = q->b;
    CHECK(p->a + q->a == 20);
    q->c += p->a + p->b;
    CHECK(q->c == 21);
    std::swap(p->b, q->b);
    CHECK(p->b == 10);
    CHECK(q->b == 1);
    heap.evict_all();
    CHECK(*p == triple{10, 10, 1});
    CHECK(*q == triple{10, 1, 21});
}

TEST_CASE("arrow: two in one expression do not fit one frame, and that has a name") {
    ready<frames<1>> heap;
    const auto p = heap.room<triple>(1);
    const auto q = heap.room<triple>(1);
    p->set(1);
    q->set(2);
    CHECK(q->a + 1 == 3);
    p->a = p->b + p->c; // one page, one frame
    CHECK(p->a == 2);
    const auto fault = vmem::test::caught([&] { p->a = q->b; });
    CHECK(fault.code == errc::no_free_frame);
    CHECK(fault.where == p.to_address());
#if defined(__cpp_exceptions)
    CHECK(heap.residency().unpinned_frames() == 1);
    CHECK(*p == triple{2, 1, 1});
    CHECK(*q == triple{2, 2, 2});
#endif
}

struct node {
    int value;
    vptr<node, frames<3>> next;
};

TEST_CASE("arrow: a chain of them takes a frame each") {
    ready<frames<3>> heap;
    std::array<vptr<node, frames<3>>, 4> nodes;
    for (int i = 3; i >= 0; --i) {
        const auto at = static_cast<std::size_t>(i);
        nodes[at] = heap.room<node>(1);
        *nodes[at] = node{10 * i, i == 3 ? nullptr : nodes[at + 1]};
    }
    CHECK(nodes[0]->next->next->value == 20);
    nodes[0]->next->next->value = 21;
    CHECK(heap.residency().unpinned_frames() == 3);
    CHECK(nodes[2]->value == 21);
    CHECK(fault_of([&] { nodes[0]->next->next->next->value = 1; }) == message(errc::no_free_frame));
}

// --- straddling
// -------------------------------------------------------------------------------------

/// The bytes around an object, to see that nobody else writes them.
template <class T, class Heap>
void check_surroundings(Heap& heap, vptr<T, Heap> p, auto change) {
    constexpr std::size_t margin = 16;
    std::array<std::byte, sizeof(T) + 2 * margin> expected;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        expected[i] = static_cast<std::byte>(i + 1);
    }
    const auto begin = static_cast<typename Heap::address_type>(p.to_address() - margin);
    heap.write(begin, expected).value();
    T object;
    std::memcpy(&object, &expected[margin], sizeof(T));
    change(&object);
    change(p);
    std::memcpy(&expected[margin], &object, sizeof(T));
    auto found = expected;
    heap.read(begin, found).value();
    CHECK(found == expected);
}

TEST_CASE_TEMPLATE("arrow: every offset in a page, aligned or not", Heap, frames<2>, frames<3>,
                   frames<8>) {
    ready<Heap> heap;
    const auto start = heap.template room<char>(256).to_address() + 64;
    for (std::size_t offset = 0; offset < 64; ++offset) {
        CAPTURE(offset);
        const auto small = vptr<triple, Heap>::from_address(start + offset);
        check_surroundings(heap.heap(), small, [](auto p) {
            p->a = p->b;
            p->c ^= p->a >> 3;
            p->b = ~p->c;
        });
        heap.evict_all();
        CHECK(small->b != 0);
        const auto large = vptr<record, Heap>::from_address(start + offset);
        check_surroundings(heap.heap(), large, [](auto p) {
            p->key ^= p->range.low;
            p->list[2] = static_cast<std::int16_t>(p->list[0] + p->list[1]);
            ++p->count;
        });
    }
    CHECK(heap.residency().unpinned_frames() == Heap::residency_type::frame_count);
}

TEST_CASE("arrow: the elements of an array, over many pages") {
    ready<frames<2>> heap;
    const auto p = heap.allocate<triple>(100).value();
    const auto q = heap.allocate<record>(100).value();
    for (int i = 0; i < 100; ++i) {
        (p + i)->a = i;
        (p + i)->b = (p + i)->a * 2;
        (&p[i])->c = (p + i)->a + (p + i)->b;
        (q + i)->key = i;
        (q + i)->list = {1, 2, static_cast<std::int16_t>(i)};
    }
    for (int i = 0; i < 100; ++i) {
        CHECK(p[i] == triple{i, 2 * i, 3 * i});
        CHECK(q[i].get().key == i);
        CHECK((q + i)->list[2] == i);
    }
}

TEST_CASE("arrow: several of one straddling object in an expression see the same object") {
    ready<frames<4>> heap;
    const auto p = heap.room<triple>(1, 56);
    const vptr<const triple, frames<4>> constant = p;
    *p = triple{1, 2, 3};
    p->a = p->c;
    CHECK(*p == triple{3, 2, 3});
    p->a = 10, p->b = p->a, p->c = p->b + 1;
    CHECK(*p == triple{10, 10, 11});
    p->a = 7, p->b = constant->a;
    CHECK(*p == triple{7, 7, 11});
    p->b = constant->c;
    CHECK(*p == triple{7, 11, 11});
    CHECK(&p->a == &p->a);
    CHECK(&p->b == &constant->b);
    CHECK((p->c++ + p->c) == 23);
    const auto add_one = [&] {
        p->a += 1;
        return p->a;
    };
    p->set(add_one());
    CHECK(*p == triple{8, 8, 8});
    std::swap(p->a, p->b);
    CHECK(heap.residency().unpinned_frames() == 4);
    heap.evict_all();
    CHECK(*p == triple{8, 8, 8});
}

TEST_CASE("arrow: a copy that was read does not undo what was written past it") {
    ready<frames<4>> heap;
    for (const std::size_t offset : {0U, 48U, 56U}) {
        CAPTURE(offset);
        const auto p = heap.room<record>(1, offset);
        const auto list =
            vptr<std::int16_t, frames<4>>::from_address(p.member(&record::list).to_address());
        const auto range = p.member(&record::range);
        *p = record{};
        list[p->count] = 5;
        CHECK(p->list[0] == 5);
        ++p->count;
        list[p->count++] = 6;
        CHECK(p->list[1] == 6);
        CHECK(p->count == 2);
        range->low = p->count;
        CHECK(p->range.low == 2);
        p->key = range->low++;
        CHECK(p->range.low == 3);
        CHECK(p->key == 2);
        *p.member(&record::count) = static_cast<std::uint16_t>(p->count + p->key);
        CHECK(p->count == 4);
        heap.evict_all();
        CHECK(p->list == std::array<std::int16_t, 3>{5, 6, 0});
    }
}

TEST_CASE("arrow: a straddling object needs two frames, whatever else is pinned") {
    ready<frames<1>> one;
    const auto lonely = one.room<triple>(1, 56);
    *lonely = triple{1, 2, 3};
    CHECK(fault_of([&] { lonely->a = 2; }) == message(errc::no_free_frame));
    CHECK(*lonely == triple{1, 2, 3});

    ready<frames<3>> heap;
    const auto p = heap.room<triple>(1, 56);
    const auto q = heap.room<triple>(1);
    *p = triple{1, 2, 3};
    *q = triple{4, 5, 6};
    {
        const auto held = q.write().value();
        p->a = p->b + p->c;
        p->b = q->a;
        CHECK(*p == triple{5, 4, 3});
        const auto also_held = heap.room<triple>(1).read().value();
        CHECK(fault_of([&] { p->a = 1; }) == message(errc::no_free_frame));
        CHECK(*p == triple{5, 4, 3});
    }
    // As many arrows as frames; the one that was first there is put back last.
    p->a = 7, q->a = 8, (q + 20)->a = 9;
    CHECK(*p == triple{7, 4, 3});
    CHECK(q->a + (q + 20)->a == 17);
    CHECK(heap.residency().unpinned_frames() == 3);
}

/// As large as a page: the largest that `->` can show.
struct whole_page {
    std::array<int, 16> values;
};

TEST_CASE("arrow: objects of half a page and of a page, at a page's start or not") {
    struct half_page {
        std::array<int, 8> values;
    };
    ready<frames<2>> heap;
    for (const std::size_t offset : {0U, 4U, 36U, 60U}) {
        CAPTURE(offset);
        const auto p = heap.room<half_page>(2, offset);
        const auto q = heap.room<whole_page>(2, offset);
        p->values.fill(3);
        q->values.fill(4);
        p->values[7] = p->values[0] + 1;
        q->values[15] = q->values[0] + 1;
        heap.evict_all();
        CHECK(std::ranges::count(p->values, 3) == 7);
        CHECK(p->values[7] == 4);
        CHECK(std::ranges::count(q->values, 4) == 15);
        CHECK(q->values[15] == 5);
    }
}

TEST_CASE("arrow: one copy, many changes: only what changed is written") {
    ready<frames<4>> heap;
    const auto p = heap.room<triple>(1, 56);
    heap.flush().value();
    heap.residency().reset_statistics();
    p->c = 0x01010101; // in the second page
    heap.flush().value();
    CHECK(heap.pages().write_backs == 1);
    CHECK(heap.pages().bytes_written == sizeof(int));
}

TEST_CASE("arrow: a flush in the middle of an expression loses nothing") {
    ready<frames<4>> heap;
    for (const std::size_t offset : {0U, 56U}) {
        CAPTURE(offset);
        const auto p = heap.room<triple>(1, offset);
        const auto flush = [&] {
            heap.flush().value();
            heap.evict_all();
        };
        const auto fill = [&](triple& held) {
            held.a = 1;
            flush();
            held.b = 2;
            flush();
            held.c = 3;
        };
        fill(*p.operator->().operator->());
        heap.flush().value();
        heap.evict_all();
        CHECK(*p == triple{1, 2, 3});
    }
}

// --- what cannot be
// ---------------------------------------------------------------------------------

TEST_CASE("arrow: errors go to the fault handler") {
    ready<frames<4>> heap;
    const auto end = heap.size();
    const vptr<triple, frames<4>> null;
    const auto at = [](auto address) { return vptr<triple, frames<4>>::from_address(address); };
    int value = 0;
    CHECK(fault_of([&] { value = null->b; }) == message(errc::null_pointer));
    CHECK(fault_of([&] { null->b = 1; }) == message(errc::null_pointer));
    CHECK(fault_of([&] { (null + 1)->b = 1; }) == message(errc::null_pointer));
    CHECK(fault_of([&] { at(1)->b = 1; }) == message(errc::null_pointer));
    CHECK(fault_of([&] { at(63)->b = 1; }) == message(errc::null_pointer));
    CHECK(fault_of([&] { (null - 1)->b = 1; }) == message(errc::out_of_range));
    CHECK(fault_of([&] { at(end)->b = 1; }) == message(errc::out_of_range));
    CHECK(fault_of([&] { at(end - 8)->b = 1; }) == message(errc::out_of_range));
    CHECK(fault_of([&] { at(end - 11)->b = 1; }) == message(errc::out_of_range));
    CHECK(fault_of([&] { at(end - 12)->b = 1; }) == "none");
    CHECK(fault_of([&] { at(end - 13)->b = 1; }) == "none");
    CHECK(vmem::test::caught([&] { at(end - 8)->b = 1; }).where == end - 8);
    CHECK(value == 0);
    CHECK(heap.residency().unpinned_frames() == 4);
}

TEST_CASE("arrow: without a heap, or before it is formatted") {
    const auto p = vptr<triple, frames<4>>::from_address(128);
    const auto straddling = vptr<triple, frames<4>>::from_address(121);
    CHECK(fault_of([&] { p->a = 1; }) == message(errc::no_heap));
    const frames<4> heap;
    CHECK(fault_of([&] { p->a = 1; }) == message(errc::not_open));
    CHECK(fault_of([&] { straddling->a = 1; }) == message(errc::not_open));
}

using broken =
    vmem::heap<vmem::contract::flaky<vmem::ram_storage<4096>>, vmem::paged<64, 2>,
               vmem::nonresident_linked_list_allocator, vmem::on_fault<vmem::test::escape>>;

TEST_CASE("arrow: the storage's errors, at each operation in turn") {
    for (const vmem::address at : {128U, 184U}) {
        CAPTURE(at);
        for (std::uint64_t n = 1; n <= 8; ++n) {
            CAPTURE(n);
            broken heap;
            heap.format().value();
            const auto p = vptr<triple, broken>::from_address(at);
            *p = triple{1, 2, 3};
            heap.flush().value();
            for (const vmem::address other : {1024U, 2048U}) {
                *vptr<int, broken>::from_address(other) = 5;
            }
            heap.storage().fail(n);
            const auto fault = vmem::test::caught([&] { p->b = 20; });
            const bool failed = heap.storage().failed() != 0;
            heap.storage().heal();
            CHECK(heap.residency().unpinned_frames() == 2);
            if (fault.code == errc{}) {
                CHECK(*p == triple{1, 20, 3});
            } else {
                CHECK(failed);
                CHECK((fault.code == errc::read_failed || fault.code == errc::write_failed));
                CHECK(fault.where == at);
                CHECK(p->a + p->c == 4);
            }
            for (const vmem::address other : {1024U, 2048U}) {
                CHECK(*vptr<int, broken>::from_address(other) == 5);
            }
        }
    }
}

#if defined(__cpp_exceptions)
TEST_CASE("arrow: an exception on the way out of the expression releases it") {
    ready<frames<2>> heap;
    for (const std::size_t offset : {0U, 56U}) {
        const auto p = heap.room<triple>(1, offset);
        *p = triple{1, 2, 3};
        const auto thrower = [](int& held) -> int {
            held = 9;
            throw 5;
        };
        CHECK_THROWS_AS(p->b = thrower(p->a), int);
        CHECK(heap.residency().unpinned_frames() == 2);
        CHECK(*p == triple{9, 2, 3});
    }
}
#endif

// --- at random
// --------------------------------------------------------------------------------------

template <std::size_t Size>
struct blob {
    std::array<std::uint8_t, Size> bytes;
};

/// Objects of several sizes anywhere in a memory, and the same bytes in RAM.
template <class Heap>
class double_entry {
public:
    explicit double_entry(std::uint64_t seed) : random_(seed) {
        std::memset(shadow_.data(), 0, shadow_.size());
        heap_.write(begin, std::as_bytes(std::span(shadow_))).value();
    }

    void step() {
        switch (random_() % 5) {
        case 0:
            return touch<1>();
        case 1:
            return touch<7>();
        case 2:
            return touch<12>();
        case 3:
            return touch<24>();
        default:
            return touch<64>();
        }
    }

    [[nodiscard]] bool agrees() {
        std::vector<std::uint8_t> found(shadow_.size());
        heap_.read(begin, std::as_writable_bytes(std::span(found))).value();
        return found == shadow_ && heap_.residency().unpinned_frames() == frame_count;
    }

private:
    static constexpr std::uint32_t begin = 4096;
    static constexpr std::size_t frame_count = Heap::residency_type::frame_count;

    template <std::size_t Size>
    [[nodiscard]] std::size_t place() {
        return random_() % (shadow_.size() - Size);
    }

    template <std::size_t Size>
    void touch() {
        const std::size_t at = place<Size>();
        const std::size_t from = place<Size>();
        const auto index = random_() % Size;
        const auto other = random_() % Size;
        const auto p = vptr<blob<Size>, Heap>::from_address(begin + at);
        const auto q = vptr<const blob<Size>, Heap>::from_address(begin + from);
        if (random_() % 2 == 0) {
            p->bytes[index] = q->bytes[other];
            shadow_[at + index] = shadow_[from + other];
        } else {
            const auto value = static_cast<std::uint8_t>(random_());
            p->bytes[index] = value, p->bytes[other] = p->bytes[index];
            shadow_[at + index] = value;
            shadow_[at + other] = value;
        }
    }

    std::mt19937_64 random_;
    ready<Heap> heap_;
    std::vector<std::uint8_t> shadow_ = std::vector<std::uint8_t>(1000);
};

TEST_CASE_TEMPLATE("arrow: random objects at random places", Heap, frames<4>, frames<7>) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        double_entry<Heap> world(seed);
        for (int i = 0; i < 2000; ++i) {
            world.step();
        }
        CHECK(world.agrees());
    }
}

} // namespace
