// SPDX-License-Identifier: BSL-1.0
#include <vmem/algorithm.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/faulty.hpp"
#include "support/test_heap.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace {

using vmem::errc;
using vmem::contract::fault_plan;
using vmem::test::error_of;

using disk = vmem::ram_storage<65536>;
using list_allocator = vmem::nonresident_linked_list_allocator;
using no_steal = vmem::durability<vmem::journaled_no_steal<16384>>;
using steal = vmem::durability<vmem::journaled<16384>>;

constexpr std::size_t frames = 16;
template <class Medium, class... Policies>
using frames_of = vmem::heap<vmem::storage_ref<Medium>, vmem::paged<256, frames>, list_allocator,
                             no_steal, Policies...>;
using memory = frames_of<disk>;
using word = vmem::vptr<std::uint32_t, memory>;

// Neither the bits nor what they speak of.
using with_blocks =
    vmem::heap<vmem::storage_ref<disk>, vmem::paged<256, frames>, list_allocator, steal>;
static_assert(sizeof(memory) + 65536 / 256 / 8 <= sizeof(with_blocks));

/// An array of whole pages, one element of each of which is looked at.
template <class Heap>
struct pages {
    static constexpr std::size_t per_page = 256 / sizeof(std::uint32_t);
    vmem::vptr<std::uint32_t, Heap> first;

    pages(Heap& heap, std::size_t count) {
        const auto block = heap.template allocate<std::uint32_t>((count + 1) * per_page).value();
        first = block.from_address((block.to_address() + 255) / 256 * 256);
    }
    auto operator[](std::size_t n) const {
        return first[static_cast<std::ptrdiff_t>(n * per_page)];
    }
};

TEST_CASE("no_steal: what is committed stays, what is not is undone") {
    disk medium;
    word p;
    {
        memory heap(medium);
        REQUIRE(heap.format());
        p = heap.make<std::uint32_t>(1U).value();
        REQUIRE(heap.set_root("p", p));
        REQUIRE(heap.commit());
        *p = 2U;
        const auto lost = heap.make<std::uint32_t>(7U).value();
        REQUIRE(heap.rollback());
        CHECK(*p == 1U);
        CHECK(heap.allocation().value().blocks == 1);
        CHECK(error_of(heap.deallocate(lost)) != "none");
        *p = 3U;
        REQUIRE(heap.commit());
        *p = 4U;
    }
    memory heap(medium);
    REQUIRE(heap.open());
    CHECK(*heap.root<std::uint32_t>("p").value() == 3U);
    CHECK(heap.invariants_hold().value());
}

TEST_CASE("no_steal: nothing is written before the commit; what was only read leaves instead") {
    using counting = vmem::counted<disk>;
    counting medium;
    using counted_heap = frames_of<counting>;
    counted_heap heap(medium);
    REQUIRE(heap.format());
    const pages<counted_heap> data(heap, 40);
    REQUIRE(heap.commit());
    medium.reset_counts();
    for (std::uint32_t n = 0; n < 5; ++n) {
        data[n] = 100 + n;
    }
    for (unsigned round = 0; round < 3; ++round) {
        for (std::size_t n = 5; n < 40; ++n) {
            static_cast<void>(std::uint32_t{data[n]});
        }
    }
    CHECK(medium.counts().writes == 0);
    medium.reset_counts();
    for (std::uint32_t n = 0; n < 5; ++n) {
        CHECK(data[n] == 100 + n);
    }
    CHECK(medium.counts().reads == 0);
    REQUIRE(heap.commit());
    CHECK(medium.counts().syncs == 1);
    // Of each page the word, once in the log and once at home; and the record.
    CHECK(medium.counts().bytes_written <= 5 * (2 * 4 + 16) + 16 + 128 + 4 * 32);
    REQUIRE(heap.open());
    CHECK(data[4] == 104U);
}

TEST_CASE("no_steal: one that has to change more than the frames is over_journal and undone") {
    disk medium;
    memory heap(medium);
    REQUIRE(heap.format());
    const pages<memory> data(heap, 40);
    for (std::size_t n = 0; n < 40; ++n) {
        data[n] = 1U;
        REQUIRE(heap.commit());
    }
    const auto change = [&](std::uint32_t value, std::size_t count) {
        for (std::size_t n = 0; n < count; ++n) {
            const auto done =
                heap.write((&data[n]).to_address(), std::as_bytes(std::span(&value, 1)));
            if (!done) {
                return error_of(done);
            }
        }
        return error_of(heap.commit());
    };
    CHECK(change(2, frames) == "none");
    CHECK(change(3, frames + 1) == message(errc::over_journal));
    // All that follows is refused as well, until it is undone.
    const std::uint32_t four = 4;
    CHECK(error_of(heap.commit()) == message(errc::over_journal));
    CHECK(data[0] == 2U);
    CHECK(data[frames - 1] == 2U);
    CHECK(data[frames] == 1U);
    REQUIRE(heap.write((&data[0]).to_address(), std::as_bytes(std::span(&four, 1))));
    REQUIRE(heap.commit());
    REQUIRE(heap.open());
    CHECK(data[0] == 4U);
    CHECK(data[1] == 2U);
    CHECK(heap.invariants_hold().value());
}

TEST_CASE("no_steal: an allocation that finds no frame undoes no more than its transaction") {
    disk medium;
    memory heap(medium);
    REQUIRE(heap.format());
    const pages<memory> data(heap, 40);
    REQUIRE(heap.commit());
    const auto before = heap.allocation().value();
    for (std::size_t n = 0; n < frames; ++n) {
        data[n] = 9U;
    }
    CHECK(error_of(heap.allocate<std::uint32_t>(5)) == message(errc::over_journal));
    CHECK(error_of(heap.commit()) == message(errc::over_journal));
    CHECK(heap.allocation().value().blocks == before.blocks);
    CHECK(heap.allocate<std::uint32_t>(5));
    REQUIRE(heap.commit());
    CHECK(heap.allocation().value().blocks == before.blocks + 1);
    CHECK(heap.invariants_hold().value());
}

TEST_CASE("no_steal: a format may be larger than the frames") {
    disk medium;
    using buddies = vmem::heap<vmem::storage_ref<disk>, vmem::paged<64, 3>,
                               vmem::nonresident_buddy_allocator<>, no_steal>;
    buddies heap(medium);
    REQUIRE(heap.format());
    CHECK(heap.invariants_hold().value());
    REQUIRE(heap.open());
    CHECK(heap.invariants_hold().value());
}

TEST_CASE("no_steal: neither kind of journal takes up an image of the other") {
    disk medium;
    {
        memory heap(medium);
        REQUIRE(heap.format());
        with_blocks other(medium);
        CHECK(error_of(other.open()) == message(errc::geometry_mismatch));
        REQUIRE(heap.open());
    }
    with_blocks other(medium);
    REQUIRE(other.format());
    memory heap(medium);
    CHECK(error_of(heap.open()) == message(errc::geometry_mismatch));
}

TEST_CASE("no_steal: what fits a quarter of the frames is sorted, more is refused") {
    disk medium;
    memory heap(medium);
    REQUIRE(heap.format());
    // Half of the frames are lent, half of those are for merging.
    constexpr std::size_t most = frames * 256 / 4 / sizeof(std::uint32_t);
    const auto numbers = heap.allocate<std::uint32_t>(most + 1).value();
    std::mt19937 random(3);
    std::vector<std::uint32_t> expected(most + 1);
    std::ranges::generate(expected, random);
    REQUIRE(heap.write(numbers.to_address(), std::as_bytes(std::span(expected))));
    REQUIRE(heap.commit());
    CHECK(error_of(vmem::sort(numbers, most + 1)) == message(errc::no_free_frame));
    REQUIRE(heap.commit());
    REQUIRE(vmem::sort(numbers, most));
    std::ranges::sort(std::span(expected).first(most));
    REQUIRE(heap.commit());
    REQUIRE(heap.open());
    std::vector<std::uint32_t> found(most + 1);
    REQUIRE(heap.read(numbers.to_address(), std::as_writable_bytes(std::span(found))));
    CHECK(found == expected);
}

TEST_CASE("no_steal: reading ahead takes no frame that holds changes") {
    disk medium;
    using reader = vmem::heap<
        vmem::storage_ref<disk>,
        vmem::paged<256, frames, vmem::clock, vmem::automatic_translation, vmem::sequential<4>>,
        list_allocator, no_steal>;
    reader heap(medium);
    REQUIRE(heap.format());
    const pages<reader> data(heap, 60);
    REQUIRE(heap.commit());
    for (std::uint32_t changed = 1; changed < frames; ++changed) {
        CAPTURE(changed);
        for (std::uint32_t n = 0; n < changed; ++n) {
            data[n] = changed;
        }
        for (std::size_t n = changed; n < 60; ++n) {
            static_cast<void>(std::uint32_t{data[n]});
        }
        REQUIRE(heap.commit());
        REQUIRE(heap.open());
        for (std::uint32_t n = 0; n < changed; ++n) {
            CHECK(data[n] == changed);
        }
    }
}

TEST_CASE("no_steal: what waits for a pin is no_free_frame, and the transaction goes on") {
    disk medium;
    memory heap(medium);
    REQUIRE(heap.format());
    const pages<memory> data(heap, 40);
    REQUIRE(heap.commit());
    std::uint32_t value = 0;
    const auto look = [&](std::size_t n) {
        return error_of(
            heap.read((&data[n]).to_address(), std::as_writable_bytes(std::span(&value, 1))));
    };
    {
        const auto held = (&data[30]).read();
        REQUIRE(held);
        for (std::uint32_t n = 0; n < frames - 1; ++n) {
            data[n] = n;
        }
        CHECK(look(31) == message(errc::no_free_frame));
    }
    CHECK(look(31) == "none");
    REQUIRE(heap.commit());
    REQUIRE(heap.open());
    CHECK(data[frames - 2] == frames - 2);
}

template <class Heap>
std::size_t changed_pages(Heap& heap) {
    std::size_t count = 0;
    for (std::size_t page = 0; page < heap.size() / Heap::residency_type::page_size; ++page) {
        count += heap.residency().state_of(page).dirty ? 1U : 0U;
    }
    return count;
}

/// Makes single calls of the allocator, each its own transaction.
template <class Allocator, std::size_t PageSize, std::size_t Bound>
void check_changed_pages(std::size_t least) {
    using heap_type =
        vmem::heap<vmem::storage_ref<disk>, vmem::paged<PageSize, Bound + 1>, Allocator, no_steal>;
    CAPTURE(PageSize);
    disk medium;
    heap_type heap(medium);
    REQUIRE(heap.format());
    REQUIRE(heap.open());
    CHECK(changed_pages(heap) == 0);
    constexpr std::uint64_t seed = 7;
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::vector<vmem::vptr<std::byte, heap_type>> blocks;
    std::size_t most = 0;
    for (unsigned round = 0; round < 4000; ++round) {
        CAPTURE(round);
        if (random() % 2 == 0 && blocks.size() < 120) {
            const auto made = heap.template allocate<std::byte>(1 + random() % 500);
            CHECK((made || made.error() == errc::out_of_memory));
            if (made) {
                blocks.push_back(*made);
            }
        } else if (!blocks.empty()) {
            std::swap(blocks[random() % blocks.size()], blocks.back());
            REQUIRE(heap.deallocate(blocks.back()));
            blocks.pop_back();
        }
        most = (std::max)(most, changed_pages(heap));
        REQUIRE(heap.commit());
    }
    CHECK(most <= Bound);
    CHECK(most >= least); // It is not there for nothing.
}

template <std::size_t PageSize>
void check_linked_list() {
    constexpr std::size_t bound = list_allocator::most_changed_pages(PageSize);
    check_changed_pages<list_allocator, PageSize, bound>(bound - 4);
}

TEST_CASE("no_steal: any call of an allocator fits as many frames as are asked for") {
    static_assert(list_allocator::most_changed_pages(256) == 12);
    static_assert(list_allocator::most_changed_pages(64) == 14);
    check_linked_list<64>();
    check_linked_list<128>();
    check_linked_list<256>();
    check_linked_list<512>();
    check_changed_pages<vmem::nonresident_buddy_allocator<>, 64, 2>(1);
    check_changed_pages<vmem::nonresident_buddy_allocator<>, 256, 2>(1);
}

TEST_CASE("no_steal: a page that is pinned for writing is committed as it is") {
    disk medium;
    memory heap(medium);
    REQUIRE(heap.format());
    const pages<memory> data(heap, 40);
    REQUIRE(heap.commit());
    {
        const auto held = (&data[0]).write();
        REQUIRE(held);
        **held = 5U;
        REQUIRE(heap.commit());
        for (std::size_t n = 1; n < 40; ++n) {
            static_cast<void>(std::uint32_t{data[n]});
        }
        CHECK(**held == 5U);
    }
    REQUIRE(heap.open());
    CHECK(data[0] == 5U);
}

TEST_CASE("no_steal: random transactions leave what a plain array holds") {
    disk medium;
    constexpr std::size_t count = 60;
    constexpr std::uint64_t seed = 11;
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::array<std::uint32_t, count> committed{};
    memory heap(medium);
    REQUIRE(heap.format());
    const pages<memory> data(heap, count);
    for (std::size_t n = 0; n < count; ++n) {
        data[n] = 0U;
        REQUIRE(heap.commit());
    }
    std::uint32_t refused = 0;
    for (std::uint32_t round = 1; round < 2000; ++round) {
        CAPTURE(round);
        std::array<std::uint32_t, count> current = committed;
        bool fits = true;
        for (std::size_t n = random() % 24; fits && n != 0; --n) {
            const std::size_t page = random() % count;
            const auto at = (&data[page]).to_address();
            fits = heap.write(at, std::as_bytes(std::span(&round, 1))).has_value();
            current[page] = round;
        }
        const std::size_t looked_at = random() % count;
        std::uint32_t found = 0;
        if (fits && heap.read((&data[looked_at]).to_address(),
                              std::as_writable_bytes(std::span(&found, 1)))) {
            CHECK(found == current[looked_at]);
        }
        const bool done = random() % 4 == 0 ? !heap.rollback() : heap.commit().has_value();
        committed = done ? current : committed;
        refused += fits ? 0U : 1U;
        CHECK_FALSE((done && !fits));
        if (random() % 16 == 0) {
            REQUIRE(heap.open());
        }
        for (std::size_t n = 0; round % 8 == 0 && n < count; ++n) {
            REQUIRE(data[n] == committed[n]);
        }
    }
    CHECK(refused > 100);
}

// --- a storage that fails ---

using fragile = vmem::contract::faulty<disk>;

void check_faults(fault_plan (*plan)(std::uint64_t)) {
    bool done = false;
    for (std::uint64_t n = 1; !done && n < 100; ++n) {
        CAPTURE(n);
        fragile medium{disk()};
        using heap_type = frames_of<fragile>;
        heap_type heap(medium);
        REQUIRE(heap.format());
        const pages<heap_type> data(heap, 20);
        REQUIRE(heap.commit());
        for (std::size_t page = 0; page < 7; ++page) {
            data[page] = 1U;
        }
        REQUIRE(heap.commit());
        medium.set_plan(plan(n));
        const std::uint32_t two = 2;
        bool written = true;
        for (std::size_t page = 0; page < 7; ++page) {
            written = written &&
                      heap.write((&data[page]).to_address(), std::as_bytes(std::span(&two, 1)));
        }
        const bool committed = heap.commit().has_value();
        done = medium.writes() < n && medium.syncs() < n && medium.reads() < n;
        medium.set_plan({});
        REQUIRE(heap.is_open());
        if (!committed) {
            REQUIRE(heap.rollback());
        }
        for (unsigned again = 0; again < 2; ++again) {
            for (std::size_t page = 0; page < 7 && committed == written; ++page) {
                CHECK(data[page] == (committed ? 2U : 1U));
            }
            REQUIRE(heap.open());
        }
        CHECK(heap.invariants_hold().value());
    }
    CHECK(done);
}

TEST_CASE(
    "no_steal: what is written past the frames is whole or undone, for the reason it failed") {
    fragile medium{disk()};
    using heap_type = frames_of<fragile>;
    heap_type heap(medium);
    REQUIRE(heap.format());
    const pages<heap_type> data(heap, 20);
    data[1] = 1U;
    REQUIRE(heap.commit());
    // Nothing is half done where nothing is begun.
    std::array<std::byte, 300> bytes{};
    CHECK(error_of(heap.residency().write_around(heap.size() - 100, bytes)) ==
          message(errc::out_of_range));
    REQUIRE(heap.commit());
    REQUIRE(heap.open());
    data[0] = 2U;
    medium.set_plan({.fail_reads = {.first = 1, .count = 1000}});
    CHECK(error_of(heap.residency().write_around((&data[0]).to_address(), bytes)) ==
          message(errc::read_failed));
    medium.set_plan({});
    CHECK(error_of(heap.commit()) == message(errc::read_failed));
    CHECK(data[0] == 0U);
    CHECK(data[1] == 1U);
    data[0] = 3U;
    REQUIRE(heap.commit());
}

TEST_CASE("no_steal: a write, a read or a sync that fails undoes the commit, or is made up for") {
    check_faults([](std::uint64_t n) { return fault_plan{.fail_writes = {.first = n}}; });
    check_faults([](std::uint64_t n) { return fault_plan{.fail_reads = {.first = n}}; });
    check_faults([](std::uint64_t n) { return fault_plan{.fail_syncs = {.first = n}}; });
}

} // namespace
