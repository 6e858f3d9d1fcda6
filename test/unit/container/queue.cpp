// SPDX-License-Identifier: BSL-1.0
#include <vmem/container/queue.hpp>

#include "support/container_heaps.hpp"
#include "support/object_heap.hpp"
#include "support/random_test.hpp"

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <doctest/doctest.h>
#include <memory>
#include <optional>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

using vmem::errc;
using vmem::queue;
using vmem::test::container_heap;
using vmem::test::large_pages;
using vmem::test::small_pages;
using vmem::test::whole_objects;

namespace {

using item = std::array<std::uint32_t, 6>; // straddles pages

[[nodiscard]] item make_item(std::uint32_t key) {
    return {key, ~key, key, ~key, key, ~key};
}

static_assert(std::is_trivially_copyable_v<queue<int, small_pages>::state>);
static_assert(vmem::storable<queue<int, small_pages>::state>);
static_assert(!std::copyable<queue<int, small_pages>> && std::movable<queue<int, small_pages>>);

#define VMEM_TEST_HEAPS small_pages, large_pages, whole_objects

TEST_CASE_TEMPLATE("queue: first in, first out, and no more than its capacity", Heap,
                   VMEM_TEST_HEAPS) {
    container_heap<Heap> on;
    auto q = queue<int, Heap>::make(3).value();
    CHECK(q.capacity() == 3);
    CHECK(q.pop().error() == errc::empty);
    CHECK(q.front().error() == errc::empty);
    for (int round = 0; round < 5; ++round) {
        for (int i = 0; i < 3; ++i) {
            REQUIRE(q.push(10 * round + i));
        }
        CHECK(q.full());
        CHECK(q.push(99).error() == errc::full);
        CHECK(q.front().value() == 10 * round);
        CHECK(q.pop().value() == 10 * round);
        CHECK(q.pop().value() == 10 * round + 1);
        REQUIRE(q.push(7));
        CHECK(q.pop().value() == 10 * round + 2);
        CHECK(q.pop().value() == 7);
        CHECK(q.empty());
    }
    REQUIRE(q.push(1));
    q.clear();
    CHECK(q.empty());
}

TEST_CASE_TEMPLATE("queue: no room, a capacity of zero, and a queue that never was", Heap,
                   VMEM_TEST_HEAPS) {
    container_heap<Heap> on;
    CHECK(queue<int, Heap>::make(0).error() == errc::zero_size);
    CHECK(queue<int, Heap>::make(1'000'000).error() == errc::out_of_memory);
    queue<int, Heap> none;
    CHECK(none.full());
    CHECK(none.push(1).error() == errc::full);
    CHECK(none.pop().error() == errc::empty);
}

TEST_CASE_TEMPLATE("queue: random operations do what they do to a std::deque", Heap,
                   VMEM_TEST_HEAPS) {
    const std::uint64_t seed = vmem::test::random_seed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    container_heap<Heap> on;
    const auto at_first = on.in_use();
    {
        auto q = queue<item, Heap>::make(500).value();
        std::deque<item> model;
        bool agree = true;
        const auto operations = vmem::test::random_operations(100'000);
        for (std::uint64_t i = 0; i < operations && agree; ++i) {
            if (random() % 100 < (i / 2000 % 2 == 0 ? 60u : 40u)) {
                const item fresh = make_item(static_cast<std::uint32_t>(random()));
                if (model.size() == 500) {
                    agree = q.full() && q.push(fresh).error() == errc::full;
                } else {
                    agree = q.push(fresh).has_value();
                    model.push_back(fresh);
                }
            } else if (model.empty()) {
                agree = q.empty() && q.pop().error() == errc::empty;
            } else {
                agree = q.front().value() == model.front() && q.pop().value() == model.front();
                model.pop_front();
            }
            agree = agree && q.size() == model.size();
        }
        CHECK(agree);
    }
    CHECK(on.in_use() == at_first);
}

TEST_CASE_TEMPLATE("queue: an operation that fails changes nothing", Heap, VMEM_TEST_HEAPS) {
    container_heap<Heap> on;
    auto q = queue<item, Heap>::make(300).value();
    std::deque<item> model;
    for (std::uint32_t i = 0; i < 150; ++i) {
        REQUIRE(q.push(make_item(i)));
        model.push_back(make_item(i));
    }
    std::uint64_t failures = 0;
    for (std::uint32_t i = 0; i < 200; ++i) {
        CAPTURE(i);
        REQUIRE(on.heap.flush());
        on.medium.fail(1 + i % 3);
        const item fresh = make_item(1000 + i);
        if (i % 2 == 0) {
            if (q.push(fresh)) {
                model.push_back(fresh);
            } else {
                ++failures;
            }
        } else if (const auto taken = q.pop(); taken) {
            CHECK(*taken == model.front());
            model.pop_front();
        } else {
            ++failures;
        }
        on.medium.heal();
        CHECK(q.size() == model.size());
    }
    CHECK(failures >= 4);
    while (!model.empty()) {
        CHECK(q.pop().value() == model.front());
        model.pop_front();
    }
    CHECK(q.empty());
}

TEST_CASE_TEMPLATE("queue: what was released is taken over by another run", Heap, VMEM_TEST_HEAPS) {
    vmem::test::flaky_medium medium;
    typename queue<int, Heap>::state kept;
    {
        Heap heap{vmem::storage_ref(medium)};
        REQUIRE(heap.format());
        auto q = queue<int, Heap>::make(100).value();
        for (int i = 0; i < 100; ++i) {
            REQUIRE(q.push(i));
        }
        CHECK(q.pop().value() == 0);
        REQUIRE(q.push(100));
        kept = q.release();
        CHECK(q.capacity() == 0);
        REQUIRE(heap.flush());
    }
    Heap heap{vmem::storage_ref(medium)};
    REQUIRE(heap.open());
    queue<int, Heap> q(kept);
    for (int i = 1; i <= 100; ++i) {
        CHECK(q.pop().value() == i);
    }
}

// What a queue asks of the storage. 256 bytes an item, RAM for 32 of them.

using large_item = std::array<std::uint32_t, 64>;
using disk = vmem::counted<vmem::ram_storage<65536>>;
using counted_objects = vmem::test::object_memory<disk, 9216, 40>;
using counted_pages =
    vmem::heap<vmem::storage_ref<disk>, vmem::paged<512, 16>, vmem::nonresident_buddy_allocator<>,
               vmem::on_fault<vmem::test::escape>>;

template <class Heap>
void fill_and_empty(queue<large_item, Heap>& q, std::uint32_t count) {
    bool good = true;
    for (std::uint32_t i = 0; i < count; ++i) {
        good = good && q.push(large_item{i, ~i});
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        good = good && q.pop().value() == large_item{i, ~i};
    }
    CHECK(good);
}

TEST_CASE_TEMPLATE("queue: what fits in RAM never leaves it", Heap, counted_objects,
                   counted_pages) {
    vmem::test::object_heap<Heap, disk> on;
    auto q = queue<large_item, Heap>::make(24).value();
    fill_and_empty<Heap>(q, 24);
    on.storage->reset_counts();
    for (std::uint32_t round = 0; round < 30; ++round) {
        fill_and_empty<Heap>(q, 1 + round % 24);
    }
    CHECK(on.counts() == vmem::storage_counts{});
}

TEST_CASE("queue: what does not fit is written once and read once, in blocks") {
    vmem::test::object_heap<counted_objects, disk> on;
    auto q = queue<large_item, counted_objects>::make(64).value();
    // A block is a sixteenth of what can be resident: two items.
    for (int round = 0; round < 5; ++round) {
        on.storage->reset_counts();
        fill_and_empty(q, 64);
        const auto counts = on.counts();
        CHECK(counts.reads <= 32);
        CHECK(counts.writes <= 32);
        CHECK(counts.bytes_read <= 64 * sizeof(large_item));
        CHECK(counts.bytes_written <= 64 * sizeof(large_item));
        CHECK(counts.reads >= 16);
    }
}
TEST_CASE("queue: what does not fit, in pages") {
    vmem::test::object_heap<counted_pages, disk> on;
    auto q = queue<large_item, counted_pages>::make(64).value();
    for (int round = 0; round < 5; ++round) {
        on.storage->reset_counts();
        fill_and_empty(q, 64);
        const auto counts = on.counts();
        // Two items a page. A page comes in twice, the first time before half of it is written.
        CHECK(counts.reads <= 64);
        CHECK(counts.writes <= 64);
        CHECK(counts.reads >= 32);
    }
}

TEST_CASE("queue: elements of any size, next to pins of the ring, and a power cut now and then") {
    const auto trial = []<std::size_t Size>(std::integral_constant<std::size_t, Size>) {
        using heap_type =
            vmem::test::object_memory<vmem::test::counted_ram, 2048, 12, vmem::dirty_limit<700>>;
        using element = std::array<std::uint8_t, Size>;
        const std::uint64_t seed = vmem::test::random_seed();
        CAPTURE(seed);
        CAPTURE(Size);
        std::mt19937_64 random(seed);
        vmem::test::object_heap<heap_type> on;
        const auto kept = queue<element, heap_type>::make(4000 / Size + 7).value().release();
        queue<element, heap_type> q(kept);
        std::deque<element> model;
        std::optional<vmem::pin<const element, heap_type>> held;
        bool good = true;
        for (std::uint64_t i = 0; i < vmem::test::random_operations(4000) && good; ++i) {
            const auto action = random() % 16;
            if (action < 7 && !q.full()) {
                element fresh;
                fresh.fill(static_cast<std::uint8_t>(random()));
                good = q.push(fresh).has_value();
                model.push_back(fresh);
            } else if (action < 13 && !model.empty()) {
                good = q.front().value() == model.front() && q.pop().value() == model.front();
                model.pop_front();
            } else if (action == 13) {
                held.reset();
                const auto at = static_cast<std::ptrdiff_t>(random() % kept.capacity);
                if (auto pin = (kept.ring + at).read(1 + random() % 5); pin && random() % 4 != 0) {
                    held = std::move(*pin);
                }
            } else if (action == 14) {
                good = on.heap->flush().has_value() && on.heap->persist();
                on.heap->residency().lose_ram();
                good = good && on.heap->restore();
            } else {
                queue<element, heap_type> moved(std::move(q));
                q = std::move(moved);
            }
            good = good && q.size() == model.size() && on.heap->dirty_bytes() <= 700;
        }
        for (const element& expected : model) {
            good = good && q.pop().value() == expected;
        }
        held.reset();
        CHECK(good);
    };
    trial(std::integral_constant<std::size_t, 1>{});
    trial(std::integral_constant<std::size_t, 24>{});
    trial(std::integral_constant<std::size_t, 100>{});
    trial(std::integral_constant<std::size_t, 300>{});
    trial(std::integral_constant<std::size_t, 600>{});
    trial(std::integral_constant<std::size_t, 1000>{});
}

TEST_CASE("queue: of bytes, more of them than half of all addresses") {
    using heap_type = vmem::heap<vmem::ram_storage<65536>, vmem::paged<1024, 4>,
                                 vmem::nonresident_linked_list_allocator, vmem::address_bits<16>>;
    const auto heap = std::make_unique<heap_type>();
    heap->format().value();
    constexpr std::uint16_t capacity = 40'000;
    auto q = queue<std::uint8_t, heap_type>::make(capacity).value();
    for (unsigned pushed = 0, popped = 0; popped < 3U * capacity;) {
        while (!q.full()) {
            REQUIRE(q.push(static_cast<std::uint8_t>(pushed++ % 251)));
        }
        for (unsigned n = 0; n < 1000; ++n) {
            REQUIRE(q.pop().value() == popped++ % 251);
        }
    }
}

// A queue knows nothing of pages; of objects it remembers two slots.
static_assert(sizeof(queue<int, large_pages>) == 16);
static_assert(sizeof(queue<int, whole_objects>) <= 20);

} // namespace
