// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/object_cache.hpp>

#include "support/object_heap.hpp"

#include <vmem/cstring.hpp>
#include <vmem/ranges.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace vmem;
using vmem::test::error_of;
using vmem::test::fault_of;
using vmem::test::object_heap;

using memory = test::object_memory<test::counted_ram, 4096, 16, dirty_limit<1500>>;
static_assert(object_residency<memory::residency_type>);
static_assert((check_residency<memory::residency_type>(), true));
static_assert(memory::residency_type::page_size == 1024);

struct node {
    std::int64_t key = 0;
    std::int32_t count = 0;
    vptr<node, memory> next;
};

TEST_CASE("object_cache: a plain pointer reads and writes what is resident without the storage") {
    object_heap<memory> on;
    const auto p = on.heap->make<node>().value();
    on.storage->reset_counts();
    p->key = 5;
    p->count += 2;
    ++p->count;
    *p.member(&node::count) *= 7;
    CHECK(p->key == 5);
    CHECK(p->count == 21);
    CHECK(on.counts() == storage_counts{});
    CHECK(on.heap->destroy(p));
    CHECK(on.heap->dirty_bytes() == 0);
    CHECK(on.heap->allocation().value().blocks == 0);
}

TEST_CASE("object_cache: what is not resident comes in once") {
    object_heap<memory> on;
    auto owned = on.heap->make_unique<node>().value();
    owned.write().value()->key = 77;
    CHECK(owned.unload());
    const auto p = owned.address();
    on.storage->reset_counts();
    CHECK((*p).get().key == 77);
    CHECK(p->key == 77);
    CHECK(*p.member(&node::key) == 77);
    CHECK(on.counts().reads == 1);
    p->key = 78;
    CHECK(owned.get().value().key == 78);
    CHECK(on.counts().reads == 0);
}

TEST_CASE("object_cache: a linked list of more nodes than are resident") {
    object_heap<memory> on;
    vptr<node, memory> head;
    for (int n = 0; n < 100; ++n) {
        auto made = on.heap->make<node>().value();
        made->key = n;
        made->next = head;
        head = made;
    }
    std::int64_t sum = 0;
    for (auto p = head; p; p = p->next) {
        sum += p->key;
    }
    CHECK(sum == 4950);
    while (head) {
        const vptr<node, memory> next = head->next;
        CHECK(on.heap->destroy(head));
        head = next;
    }
    CHECK(on.heap->allocation().value().blocks == 0);
    CHECK(on.heap->dirty_bytes() == 0);
}

TEST_CASE("object_cache: views of a part and the whole agree") {
    object_heap<memory> on;
    auto a = on.heap->make_unique<std::int32_t[]>(100).value();
    const auto p = a.address();
    CHECK(a.unload());
    p[10] = 10;
    p[50] = 50;
    CHECK(p[10] == 10);
    // The whole object takes the views' place.
    CHECK(a.get(10).value() == 10);
    CHECK(a.set(11, 11));
    CHECK(p[11] == 11);
    CHECK(p[50] == 50);
    CHECK(a.unload());
    {
        // A view that is pinned cannot be taken away.
        const auto held = (p + 20).write(4).value();
        held[0] = 20;
        CHECK(error_of(a.read()) == message(errc::pinned));
        CHECK(p[20] == 20);
    }
    CHECK(a.get(20).value() == 20);
    // Freed, the views of it are gone: what takes its place starts afresh.
    CHECK(a.unload());
    p[0] = -1;
    p[70] = -1;
    CHECK(a.reset());
    auto b = on.heap->make_unique<std::int32_t[]>(100).value();
    CHECK(b.address() == p);
    CHECK(p[70] == 0);
    CHECK(on.heap->flush());
    CHECK(b.get(0).value() == 0);
}

TEST_CASE("object_cache: pins of plain pointers are shared") {
    object_heap<memory> on;
    const auto p = on.heap->make<node>().value();
    {
        const auto a = p.write().value();
        const auto b = p.write().value();
        const auto c = p.read().value();
        CHECK(a.data() == b.data());
        CHECK(a.data() == c.data());
        a->count = 3;
        CHECK(c->count == 3);
        CHECK(on.heap->flush());
        a->count = 4;
        CHECK(on.heap->dirty_bytes() > 0);
    }
    CHECK(on.heap->flush());
    CHECK(on.heap->dirty_bytes() == 0);
    CHECK(p->count == 4);
}

TEST_CASE("object_cache: misaligned and overlapping views are coherent") {
    object_heap<memory> on;
    const auto bytes = on.heap->allocate<char>(64).value();
    vmem::memset(bytes, 0, 64);
    CHECK(on.heap->residency().unload_object(bytes.to_address()));
    // A view that starts at an odd address.
    const auto odd = (bytes + 3).write(20).value();
    odd[5] = 'x';
    CHECK(bytes[8] == 'x');
    CHECK(error_of(reinterpret_pointer_cast<int>(bytes + 8).read()) == message(errc::pinned));
    CHECK((*reinterpret_pointer_cast<int>(bytes + 8)).get() == 'x');
}
TEST_CASE("object_cache: an object at an odd address is shown aligned") {
    object_heap<memory> on;
    const auto bytes = on.heap->allocate<char>(64).value();
    vmem::memset(bytes, 0, 64);
    const auto p = reinterpret_pointer_cast<node>(bytes + 5);
    p->key = 99;
    CHECK(p->key == 99);
    CHECK(bytes[5] == 99);
    bytes[5] = 98;
    CHECK(p->key == 98);
    CHECK(on.heap->flush());
    CHECK(p->key == 98);
}

TEST_CASE("object_cache: long transfers go past RAM, and agree with what is resident") {
    object_heap<memory> on;
    const auto p = on.heap->allocate<char>(10'000).value();
    std::vector<char> text(10'000);
    std::iota(text.begin(), text.end(), '\0');
    CHECK(on.heap->write(p.to_address(), std::as_bytes(std::span(text))));
    p[5000] = 'x';
    text[5000] = 'x';
    std::vector<char> copy(10'000);
    CHECK(on.heap->read(p.to_address(), std::as_writable_bytes(std::span(copy))));
    CHECK(copy == text);
    text[5001] = 'y';
    CHECK(on.heap->write(p.to_address(), std::as_bytes(std::span(text))));
    CHECK(p[5000] == 'x');
    CHECK(p[5001] == 'y');
    vmem::memcpy(p + 100, p + 5000, 3000);
    std::copy_n(text.begin() + 5000, 3000, text.begin() + 100);
    CHECK(vmem::memcmp(p, text.data(), 10'000) == 0);
    vmem::fill(p, 10'000, 'z');
    std::size_t count = 0;
    vmem::for_each(vptr<const char, memory>(p), 10'000,
                   [&](const char& c) { count += c == 'z' ? 1U : 0U; });
    CHECK(count == 10'000);
    CHECK(on.heap->dirty_bytes() <= 1500);
    std::ranges::sort(p, p + 100);
}

TEST_CASE("object_cache: random plain accesses against a shadow") {
    object_heap<memory> on;
    constexpr std::size_t size = 3000;
    const auto p = on.heap->allocate<std::uint8_t>(size).value();
    std::vector<std::uint8_t> expected(size, 0);
    vmem::memset(p, 0, size);
    std::mt19937 random(11);
    for (int n = 0; n < 30'000; ++n) {
        const std::size_t at = random() % size;
        const std::size_t count =
            1 + random() % (random() % 8 == 0 ? size - at : std::min(size - at, 40ul));
        const auto here = p + static_cast<std::ptrdiff_t>(at);
        switch (random() % 6) {
        case 0:
            REQUIRE(*here == expected[at]);
            break;
        case 1:
            *here = expected[at] = static_cast<std::uint8_t>(n);
            break;
        case 2: {
            std::vector<std::uint8_t> out(count);
            vmem::memcpy(out.data(), here, count);
            REQUIRE(std::equal(out.begin(), out.end(), &expected[at]));
            break;
        }
        case 3: {
            std::vector<std::uint8_t> in(count, static_cast<std::uint8_t>(n));
            vmem::memcpy(here, in.data(), count);
            std::copy(in.begin(), in.end(), &expected[at]);
            break;
        }
        case 4: {
            const auto held = here.write(count);
            REQUIRE(held);
            for (std::size_t i = 0; i < held->size(); ++i) {
                (*held)[i] = expected[at + i] = static_cast<std::uint8_t>(n + 1);
            }
            break;
        }
        default:
            if (at % 4 == 0 && at + 4 <= size) {
                const auto word = reinterpret_pointer_cast<std::uint32_t>(here);
                *word = static_cast<std::uint32_t>(n);
                std::memcpy(&expected[at], &n, 4);
                REQUIRE(*word == static_cast<std::uint32_t>(n));
            }
        }
        REQUIRE(on.heap->dirty_bytes() <= 1500);
    }
    CHECK(on.heap->flush());
    CHECK(vmem::memcmp(p, expected.data(), size) == 0);
}

TEST_CASE("object_cache: what cannot be accessed is named") {
    object_heap<memory> on;
    const vptr<int, memory> null;
    CHECK(error_of(null.read()) == message(errc::null_pointer));
    CHECK(fault_of([&] { *null = 1; }) == message(errc::null_pointer));
    const auto end = vptr<int, memory>::from_address(on.heap->size());
    CHECK(error_of(end.read()) == message(errc::out_of_range));
    CHECK(error_of((end - 1).read(2)) == "none");
    CHECK(fault_of([&] { static_cast<void>((*end).get()); }) == message(errc::out_of_range));
    CHECK(error_of(on.heap->residency().pin(end.to_address() - 2000, 1, 2000, access::read)) ==
          message(errc::too_large));
    CHECK(error_of(on.heap->deallocate(
              vptr<int, memory>::from_address(memory::residency_type::reserved + 8))) != "none");
    const auto p = on.heap->make<int>(1).value();
    const auto held = p.read().value();
    CHECK(error_of(on.heap->destroy(p)) == message(errc::pinned));
    CHECK(error_of(on.heap->open()) == message(errc::no_free_frame));
    CHECK(error_of(on.heap->format()) == message(errc::no_free_frame));
    CHECK(*held == 1);
}

TEST_CASE("object_cache: sizes of storages") {
    using tiny = heap<ram_storage<512>, resident_objects<4096, 16>, nonresident_buddy_allocator<>,
                      dirty_limit<1500>>;
    const auto small = std::make_unique<tiny>();
    CHECK(error_of(small->format()) == message(errc::wrong_size));
    using narrow = heap<ram_storage<70'000>, resident_objects<1024, 8>,
                        nonresident_buddy_allocator<>, address_bits<16>>;
    const auto wide = std::make_unique<narrow>();
    CHECK(error_of(wide->format()) == message(errc::too_large));
}

TEST_CASE("object_cache: statistics") {
    object_heap<memory> on;
    auto p = on.heap->make_unique<node>().value();
    CHECK(p.unload());
    on.heap->residency().reset_statistics();
    CHECK(p.get());
    CHECK(p.get());
    CHECK(p.set({}));
    CHECK(p.flush());
    const paging_statistics seen = on.heap->residency().statistics();
    CHECK(seen.page_ins == 1);
    CHECK(seen.bytes_read == sizeof(node));
    CHECK(seen.accesses == 2);
    CHECK(seen.write_backs == 1);
    CHECK(seen.bytes_written == sizeof(node));
}

} // namespace
