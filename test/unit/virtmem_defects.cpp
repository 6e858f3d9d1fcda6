// SPDX-License-Identifier: BSL-1.0
// Defects of virtmem, the library that this one succeeds. Each test would have caught one.

#include "support/test_heap.hpp"

#include <vmem/vmem.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace {

constexpr std::size_t page = 64;

template <std::size_t Frames, class... Policies>
using heap_of =
    vmem::heap<vmem::ram_storage<64 * 1024>, vmem::paged<page, Frames>,
               vmem::nonresident_linked_list_allocator, vmem::statistics<true>, Policies...>;

struct point {
    std::int32_t x;
    std::int32_t y;
};

/// An address that starts a page, in a block with room on both sides.
template <class Memory>
vmem::vptr<char, Memory> page_start(Memory& heap) {
    const auto block = heap.template allocate<char>(20 * page).value();
    return vmem::vptr<char, Memory>::from_address((block.to_address() / page + 8) * page);
}

} // namespace

TEST_CASE("virtmem defect: a lock of exactly one page, and a write just before it") {
    using memory = heap_of<4>;
    memory heap;
    heap.format().value();
    const auto start = page_start(heap);
    vmem::memset(start - 32, 'a', 32 + page);
    {
        auto locked = start.write(page).value();
        REQUIRE(locked.size() == page);
        for (char& c : locked) {
            c = 'b';
        }
        // In virtmem this moved the lock's page, and half of it was lost.
        vmem::memset(start - 32, 'c', 32);
    }
    heap.flush().value();
    heap.open().value();
    std::size_t wrong = 0;
    for (std::ptrdiff_t i = -32; i < static_cast<std::ptrdiff_t>(page); ++i) {
        wrong += start[i] == (i < 0 ? 'c' : 'b') ? 0u : 1u;
    }
    CHECK(wrong == 0);
}

TEST_CASE("virtmem defect: a struct written over a held inner lock stays within its bounds") {
    using memory = heap_of<4>;
    memory heap;
    heap.format().value();
    const auto points = heap.allocate<point>(8).value();
    for (std::ptrdiff_t i = 0; i < 8; ++i) {
        points[i] = {-1, -1};
    }
    {
        const auto inner = points[3].operator&().member(&point::y).write().value();
        points[3] = {7, 8};
        CHECK(*inner == 8); // The lock sees the write: there is one copy of the page.
        *inner = 9;
    }
    CHECK(points[3].get().x == 7);
    CHECK(points[3].get().y == 9);
    CHECK(points[2].get().y == -1);
    CHECK(points[4].get().x == -1);
}

TEST_CASE("virtmem defect: free merges neighbours, so memory does not run out at 13 % live") {
    using memory = heap_of<4>;
    memory heap;
    heap.format().value();
    const auto whole = heap.largest_free().value();
    std::mt19937 random(1);
    std::vector<vmem::vptr<char, memory>> live;
    std::size_t refused = 0;
    for (int step = 0; step < 20000; ++step) {
        if (live.size() >= 60) { // About a tenth of the memory
            const std::size_t victim = random() % live.size();
            heap.deallocate(live[victim]).value();
            live[victim] = live.back();
            live.pop_back();
        }
        const auto p = heap.allocate<char>(16 + random() % 240);
        refused += p ? 0u : 1u;
        if (p) {
            live.push_back(*p);
        }
    }
    CHECK(refused == 0);
    for (const auto p : live) {
        heap.deallocate(p).value();
    }
    CHECK(heap.largest_free().value() == whole);
}

TEST_CASE("virtmem defect: four hot pages in four frames stay") {
    using memory = heap_of<4>;
    memory heap;
    heap.format().value();
    const auto start = page_start(heap);
    const auto touch_all = [&] {
        for (int round = 0; round < 100; ++round) {
            for (std::ptrdiff_t i = 0; i < 4; ++i) {
                start[i * static_cast<std::ptrdiff_t>(page)] +=
                    1; // Dirty: virtmem took clean ones first
                static_cast<void>(start[i * static_cast<std::ptrdiff_t>(page) + 1].get());
            }
        }
    };
    touch_all();
    heap.residency().reset_statistics();
    touch_all();
    CHECK(heap.residency().statistics().page_ins == 0);
}

TEST_CASE("virtmem defect: a read through -> writes nothing back when the pointee is const") {
    using memory = heap_of<2>;
    memory heap;
    heap.format().value();
    const auto p = heap.make<point>(point{1, 2}).value();
    heap.flush().value();
    heap.residency().reset_statistics();
    const vmem::vptr<const point, memory> reader = p;
    CHECK(reader->x + reader->y == 3);
    heap.flush().value();
    CHECK(heap.residency().statistics().write_backs == 0);
    CHECK(p->x == 1); // Through a pointer to non-const the page counts as changed.
    heap.flush().value();
    CHECK(heap.residency().statistics().write_backs == 1);
}

TEST_CASE("virtmem defect: more than one instance of a type, and more than 127 pages in RAM") {
    using first = heap_of<300, vmem::instance<struct one>>;
    using second = heap_of<300, vmem::instance<struct two>>;
    first a;
    second b;
    a.format().value();
    b.format().value();
    const auto p = a.allocate<std::uint8_t>(290 * page).value();
    const auto q = b.allocate<std::uint8_t>(290 * page).value();
    for (std::ptrdiff_t i = 0; i < 290; ++i) {
        p[i * static_cast<std::ptrdiff_t>(page)] = static_cast<std::uint8_t>(i);
        q[i * static_cast<std::ptrdiff_t>(page)] = static_cast<std::uint8_t>(i + 1);
    }
    a.residency().reset_statistics();
    std::size_t wrong = 0;
    for (std::ptrdiff_t i = 0; i < 290; ++i) {
        wrong += p[i * static_cast<std::ptrdiff_t>(page)] == static_cast<std::uint8_t>(i) ? 0u : 1u;
        wrong +=
            q[i * static_cast<std::ptrdiff_t>(page)] == static_cast<std::uint8_t>(i + 1) ? 0u : 1u;
    }
    CHECK(wrong == 0);
    CHECK(a.residency().statistics().page_ins == 0);
}

TEST_CASE("virtmem defect: nothing survived a restart") {
    using storage = vmem::ram_storage<8 * 1024>;
    using memory = vmem::heap<vmem::storage_ref<storage>, vmem::paged<page, 4>,
                              vmem::nonresident_linked_list_allocator>;
    static storage chip;
    vmem::vptr<point, memory> p;
    {
        memory heap{vmem::storage_ref{chip}};
        heap.format().value();
        p = heap.make<point>(point{3, 4}).value();
    }
    memory heap{vmem::storage_ref{chip}};
    heap.open().value();
    CHECK(p->x == 3);
    CHECK(heap.allocation().value().blocks == 1);
    CHECK(heap.destroy(p).has_value());
}

TEST_CASE("virtmem defect: no bounds were checked") {
    using memory = heap_of<4, vmem::on_fault<vmem::test::escape>>;
    memory heap;
    heap.format().value();
    const auto end = vmem::vptr<int, memory>::from_address(heap.size());
    CHECK(vmem::test::caught([&] { *end = 1; }).code == vmem::errc::out_of_range);
    CHECK(vmem::test::caught([] { *vmem::vptr<int, memory>() = 1; }).code ==
          vmem::errc::null_pointer);
}

TEST_CASE("virtmem defect: alignment after an unaligned neighbour") {
    using memory = heap_of<4>;
    memory heap;
    heap.format().value();
    for (std::size_t odd = 1; odd < 20; ++odd) {
        heap.allocate<char>(odd).value();
        CHECK(heap.allocate<std::int64_t>(1).value().to_address() % alignof(std::int64_t) == 0);
        CHECK(heap.make<double>(1.5).value().to_address() % alignof(double) == 0);
        CHECK(heap.make<point>().value().to_address() % alignof(point) == 0);
    }
}

TEST_CASE("virtmem defect: reverse and strided access bring in each page once") {
    using memory = heap_of<4>;
    memory heap;
    heap.format().value();
    const auto p = heap.allocate<std::int32_t>(1600).value(); // 100 pages of 16
    const auto first_page = p.to_address() / page;
    const auto last_page = (p + 1599).to_address() / page;
    heap.flush().value();
    heap.residency().reset_statistics();
    std::int64_t sum = 0;
    for (std::ptrdiff_t i = 1599; i >= 0; --i) {
        sum += p[i];
    }
    CHECK(sum == 0);
    CHECK(heap.residency().statistics().page_ins <= last_page - first_page + 1);
}
