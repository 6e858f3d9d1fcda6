// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/heap_commit.hpp>

#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/faulty.hpp"
#include "support/test_heap.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <memory>
#include <span>
#include <vector>

namespace {

using vmem::errc;
using vmem::contract::fault_plan;
using vmem::test::error_of;

using disk = vmem::ram_storage<65536>;
using vmem::durability;
using vmem::journaled;
using list_allocator = vmem::nonresident_linked_list_allocator;

template <class Storage, class... Policies>
using pages = vmem::heap<vmem::storage_ref<Storage>, vmem::paged<256, 4>, list_allocator,
                         durability<journaled<16384>>, Policies...>;
template <class Storage, class... Policies>
using objects =
    vmem::heap<vmem::storage_ref<Storage>, vmem::resident_objects<2048, 8>,
               vmem::nonresident_buddy_allocator<>, durability<journaled<16384>>, Policies...>;

// Without a journal a heap is what it was.
using plain = vmem::heap<disk, vmem::paged<256, 4>, list_allocator>;
static_assert(sizeof(plain) == sizeof(vmem::heap<disk, vmem::paged<256, 4>, list_allocator,
                                                 durability<vmem::none>, vmem::roots<0>>));
template <class Heap>
concept can_commit = requires(Heap& heap) { heap.commit(); };
static_assert(can_commit<pages<disk>> && can_commit<objects<disk>> && !can_commit<plain>);

// One bit for each block, and little more.
using small = vmem::heap<disk, vmem::paged<256, 4>, list_allocator, vmem::roots<0>>;
using small_journaled = vmem::heap<disk, vmem::paged<256, 4>, list_allocator, vmem::roots<0>,
                                   durability<journaled<16384>>>;
static_assert(sizeof(small_journaled) <= sizeof(small) + 65536 / 256 / 8 + 64);

TEST_CASE_TEMPLATE("heap_commit: what is committed stays, what is not is undone", Heap, pages<disk>,
                   objects<disk>) {
    disk medium;
    vmem::vptr<int, Heap> p;
    {
        Heap heap(medium);
        CHECK(error_of(heap.commit()) == message(errc::not_open));
        CHECK(error_of(heap.rollback()) == message(errc::not_open));
        REQUIRE(heap.format());
        p = heap.template make<int>(1).value();
        REQUIRE(heap.commit());
        *p = 2;
        const auto lost = heap.template make<int>(7).value();
        REQUIRE(heap.rollback());
        CHECK(*p == 1);
        CHECK(heap.allocation().value().blocks == 1);
        CHECK(error_of(heap.deallocate(lost)) != "none");
        REQUIRE(heap.deallocate(p));
        REQUIRE(heap.rollback());
        CHECK(*p == 1);
        *p = 3;
        REQUIRE(heap.flush()); // The same as a commit.
        *p = 4;
    }
    Heap heap(medium);
    REQUIRE(heap.open());
    CHECK(*p == 3);
    CHECK(heap.allocation().value().blocks == 1);
    CHECK(heap.invariants_hold().value());
}

TEST_CASE_TEMPLATE("heap_commit: more than RAM holds is committed and undone as well", Heap,
                   pages<disk>, objects<disk>) {
    disk medium;
    Heap heap(medium);
    REQUIRE(heap.format());
    const auto p = heap.template allocate<std::uint32_t>(1000).value();
    const auto fill = [&](std::uint32_t seed) {
        for (std::uint32_t n = 0; n < 1000; ++n) {
            p[n] = seed + n;
        }
    };
    const auto holds = [&](std::uint32_t seed) {
        for (std::uint32_t n = 0; n < 1000; ++n) {
            if (p[n] != seed + n) {
                return false;
            }
        }
        return true;
    };
    fill(1);
    CHECK(holds(1));
    REQUIRE(heap.commit());
    for (std::uint32_t round = 2; round < 6; ++round) {
        fill(100);
        CHECK(holds(100));
        REQUIRE(heap.rollback());
        CHECK(holds(round - 1));
        fill(200);
        fill(round);
        REQUIRE(heap.commit());
        CHECK(holds(round));
        REQUIRE(heap.open());
        CHECK(holds(round));
    }
}

TEST_CASE_TEMPLATE("heap_commit: a transaction that outgrows the journal is over_journal", Heap,
                   pages<disk>, objects<disk>) {
    disk medium;
    Heap heap(medium);
    REQUIRE(heap.format());
    const auto p = heap.template make<int>(5).value();
    const auto large = heap.template allocate<std::byte>(16000).value();
    REQUIRE(heap.commit());
    *p = 6;
    const std::vector<std::byte> much(16000);
    // It may find room for a while.
    static_cast<void>(heap.write(large.to_address(), much));
    CHECK(error_of(heap.commit()) == message(errc::over_journal));
    CHECK(*p == 5);
    *p = 7;
    REQUIRE(heap.commit());
    CHECK(*p == 7);
    CHECK(heap.allocation().value().blocks == 2);
}

TEST_CASE("heap_commit: nothing is undone while something is pinned, and then nothing is written") {
    disk medium;
    pages<disk> heap(medium);
    REQUIRE(heap.format());
    const auto p = heap.make<int>(1).value();
    REQUIRE(heap.commit());
    {
        const auto held = p.write();
        REQUIRE(held);
        **held = 2;
        CHECK(error_of(heap.rollback()) == message(errc::no_free_frame));
        CHECK(**held == 2);
        CHECK(error_of(heap.commit()) == message(errc::rolled_back));
    }
    // A commit that fails rolls back.
    CHECK(error_of(heap.commit()) == message(errc::rolled_back));
    CHECK(*p == 1);
    {
        // What is pinned is committed as it is.
        const auto held = p.write();
        **held = 3;
        REQUIRE(heap.commit());
        **held = 4;
    }
    REQUIRE(heap.rollback());
    CHECK(*p == 3);
}

TEST_CASE("heap_commit: one sync, and none if nothing has changed") {
    using counting = vmem::counted<vmem::ram_storage<262144>>;
    const auto owner = std::make_unique<counting>();
    counting& medium = *owner;
    using memory = vmem::heap<vmem::storage_ref<counting>, vmem::paged<4096, 4>, list_allocator,
                              durability<journaled<65536>>>;
    memory heap(medium);
    REQUIRE(heap.format());
    const auto p = heap.allocate<std::uint32_t>(3000).value();
    REQUIRE(heap.commit());
    medium.reset_counts();
    REQUIRE(heap.commit());
    CHECK(medium.counts().syncs == 0);
    CHECK(medium.counts().writes == 0);
    const auto page =
        vmem::vptr<std::uint32_t, memory>::from_address((p.to_address() + 4095) / 4096 * 4096);
    for (std::uint32_t n = 0; n < 1024; ++n) {
        page[n] = n;
    }
    medium.reset_counts();
    REQUIRE(heap.commit());
    CHECK(medium.counts().syncs == 1);
    CHECK(medium.counts().reads == 0);
    CHECK(medium.counts().bytes_written < 4096 * 23 / 10);
    // Only what changes is written.
    page[5] = 1;
    medium.reset_counts();
    REQUIRE(heap.commit());
    CHECK(medium.counts().bytes_written < 600);
    CHECK(medium.counts().writes == 2);
}

// --- a storage that fails ---

using fragile = vmem::contract::faulty<disk>;

template <class Heap>
void check_faults(fault_plan (*plan)(std::uint64_t)) {
    for (std::uint64_t n = 1; n < 400; ++n) {
        CAPTURE(n);
        fragile medium{disk()};
        Heap heap(medium);
        REQUIRE(heap.format());
        const auto p = heap.template allocate<std::uint32_t>(600).value();
        for (std::uint32_t i = 0; i < 600; ++i) {
            p[i] = 0;
        }
        REQUIRE(heap.commit());
        std::vector<std::uint32_t> ones(600, 1);
        medium.set_plan(plan(n));
        const bool written = heap.write(p.to_address(), std::as_bytes(std::span(ones))).has_value();
        const bool committed = heap.commit().has_value();
        const bool done = medium.writes() < n && medium.syncs() < n && medium.reads() < n;
        medium.set_plan({});
        if (!heap.is_open() || !committed) {
            // Nothing can be written until what failed is undone.
            REQUIRE(heap.is_open());
            REQUIRE(heap.rollback());
        }
        const std::uint32_t expected = committed && written ? 1 : 0;
        if (committed == written) {
            for (std::uint32_t i = 0; i < 600; ++i) {
                CHECK(p[i] == expected);
            }
        }
        CHECK(heap.invariants_hold().value_or(false));
        REQUIRE(heap.open());
        if (committed == written) {
            for (std::uint32_t i = 0; i < 600; ++i) {
                CHECK(p[i] == expected);
            }
        }
        p[0] = 9;
        REQUIRE(heap.commit());
        REQUIRE(heap.open());
        CHECK(p[0] == 9);
        if (done) {
            CHECK(committed);
            break;
        }
    }
}

TEST_CASE_TEMPLATE("heap_commit: a write that fails undoes the commit, or is made up for", Heap,
                   pages<fragile>, objects<fragile>) {
    check_faults<Heap>([](std::uint64_t n) { return fault_plan{.fail_writes = {.first = n}}; });
}

TEST_CASE_TEMPLATE("heap_commit: a sync that fails undoes the commit", Heap, pages<fragile>,
                   objects<fragile>) {
    check_faults<Heap>([](std::uint64_t n) { return fault_plan{.fail_syncs = {.first = n}}; });
}

TEST_CASE("heap_commit: a commit whose sync failed does not come back") {
    fragile medium{disk()};
    pages<fragile> heap(medium);
    REQUIRE(heap.format());
    const auto p = heap.make<int>(1).value();
    REQUIRE(heap.commit());
    *p = 2;
    medium.set_plan({.fail_syncs = {.first = 1}});
    CHECK(error_of(heap.commit()) == message(errc::sync_failed));
    medium.set_plan({});
    CHECK(*p == 1);
    REQUIRE(heap.open());
    CHECK(*p == 1);
}

TEST_CASE("heap_commit: what cannot be brought home is brought home later") {
    fragile medium{disk()};
    pages<fragile> heap(medium);
    REQUIRE(heap.format());
    const auto p = heap.make<int>(1).value();
    const auto far = heap.allocate<char>(5000).value();
    REQUIRE(heap.commit());
    *p = 2;
    // After the record; which takes several writes here.
    for (std::uint64_t n = 1; n < 20; ++n) {
        medium.set_plan({.fail_writes = {.first = n, .count = 1000}});
        *p = static_cast<int>(10 + n);
        if (heap.commit()) {
            break;
        }
        medium.set_plan({});
        REQUIRE(heap.open());
    }
    const int committed = *p;
    CHECK(committed > 10);
    // Nothing else can be read meanwhile.
    char byte{};
    CHECK(
        error_of(heap.read(far.to_address() + 3000, std::as_writable_bytes(std::span(&byte, 1)))) ==
        message(errc::write_failed));
    medium.set_plan({});
    for (unsigned n = 0; n < 20; ++n) {
        static_cast<void>(char{far[n * 250]});
    }
    CHECK(*p == committed);
    REQUIRE(heap.open());
    CHECK(*p == committed);
}

} // namespace
