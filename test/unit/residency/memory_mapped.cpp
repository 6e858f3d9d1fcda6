// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/memory_mapped.hpp>

#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/cstring.hpp>
#include <vmem/heap.hpp>
#include <vmem/ranges.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/partition.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/flaky.hpp"
#include "support/test_heap.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

namespace {

using vmem::address;
using vmem::errc;
using vmem::message;
using vmem::ram_storage;
using vmem::storage_ref;
using vmem::test::error_of;
using vmem::test::fault_of;

using psram = ram_storage<16384>;
constexpr std::size_t page = 256;
template <class Residency, class... Policies>
using heap_of = vmem::heap<psram, Residency, vmem::nonresident_linked_list_allocator,
                           vmem::on_fault<vmem::test::escape>, vmem::statistics<true>, Policies...>;
using mapped = heap_of<vmem::memory_mapped<page>>;

template <class Storage, class Address = std::uint32_t, std::size_t PageSize = page>
using bound = vmem::mapped_memory<Storage, Address, PageSize, false>;

static_assert(vmem::residency<bound<storage_ref<psram>>>);
static_assert(vmem::residency<bound<vmem::partition<psram>>>);
// No frames: what it is beside the storage is three words.
static_assert(sizeof(bound<storage_ref<psram>>) == 4 * sizeof(void*));

struct point {
    std::int32_t x = 0;
    std::int32_t y = 0;
};

/// The same program for any residency.
template <class Heap>
[[nodiscard]] std::vector<std::byte> run() {
    vmem::test::ready<Heap> heap;
    auto list = heap.template allocate<std::uint32_t>(500).value();
    for (std::uint32_t i = 0; i < 500; ++i) {
        list[i] = i * 2654435761U;
    }
    std::ranges::sort(list, list + 500);
    auto where = heap.template make<point>().value();
    where->x = 5;
    where->y += 7;
    *where.member(&point::x) += 1;
    auto text = heap.template allocate<char>(1000).value();
    vmem::memset(text, 'A', 1000);
    vmem::memmove(text + 10, text, 500);
    vmem::memcpy(text + 100, "end", 4);
    CHECK(vmem::strlen(text) == 103);
    CHECK(heap.deallocate(list + 0).has_value());
    list = heap.template allocate<std::uint32_t>(50).value();
    vmem::memset(list, 1, 200);
    CHECK(heap.invariants_hold().value());
    CHECK(heap.flush().has_value());
    std::vector<std::byte> bytes(heap.size());
    CHECK(heap.storage().read(0, bytes).has_value());
    return bytes;
}

TEST_CASE("memory_mapped: the same program leaves the same bytes as with pages") {
    CHECK(run<mapped>() == run<heap_of<vmem::paged<page, 4>>>());
    CHECK(run<heap_of<vmem::memory_mapped<page>, vmem::address_bits<16>>>() ==
          run<heap_of<vmem::paged<page, 4>, vmem::address_bits<16>>>());
}

TEST_CASE("memory_mapped: wide and narrow addresses") {
    CHECK(!run<heap_of<vmem::memory_mapped<512>, vmem::address_bits<16>>>().empty());
    using wide = vmem::heap<psram, vmem::memory_mapped<page>, vmem::nonresident_buddy_allocator<>,
                            vmem::on_fault<vmem::test::escape>, vmem::address_bits<64>>;
    CHECK(!run<wide>().empty());
}

TEST_CASE("memory_mapped: an access is the storage's own byte") {
    vmem::test::ready<mapped> heap;
    auto number = heap.make<std::uint32_t>(1U).value();
    auto* const raw = heap.storage().data() + number.to_address();
    *number = 0x01020304;
    std::uint32_t found = 0;
    std::memcpy(&found, raw, 4);
    CHECK(found == 0x01020304);
    raw[0] = raw[1] = raw[2] = raw[3] = std::byte{9};
    CHECK(*number == 0x09090909);
    const auto before = heap.pages();
    *number = *number + 1;
    CHECK(heap.pages().accesses == before.accesses + 2);
    heap.residency().reset_statistics();
    CHECK(heap.pages().accesses == 0);
    CHECK(heap.pages().page_ins + heap.pages().write_backs == 0);
}

template <class Heap>
void check_faults() {
    vmem::test::ready<Heap> heap;
    using number = vmem::vptr<std::uint32_t, Heap>;
    const auto at = [](address where) {
        return number::from_address(static_cast<typename Heap::address_type>(where));
    };
    const auto load = [&](address where) {
        return fault_of([&] { static_cast<void>(std::uint32_t{*at(where)}); });
    };
    const auto store = [&](address where) { return fault_of([&] { *at(where) = 1; }); };
    for (const address where : {address{0}, address{4}, address{page - 4}}) {
        CHECK(load(where) == message(errc::null_pointer));
        CHECK(store(where) == message(errc::null_pointer));
    }
    const auto highest = (std::numeric_limits<typename Heap::address_type>::max)();
    for (const address where : {address{16384}, address{20000}, address{highest} - 3}) {
        CHECK(load(where) == message(errc::out_of_range));
        CHECK(store(where) == message(errc::out_of_range));
    }
    for (const address where : {address{page}, address{16380}}) {
        CHECK(load(where) == "none");
        CHECK(store(where) == "none");
    }
    // What is misaligned is copied, as anywhere; only '->' has no place for it.
    CHECK(store(5003) == "none");
    CHECK(load(5003) == "none");
    CHECK(load(16381) == message(errc::out_of_range));
    CHECK(load(page - 1) == message(errc::null_pointer));
    // Aligned, and only half of it is within.
    const auto last =
        vmem::vptr<point, Heap>::from_address(static_cast<typename Heap::address_type>(16380));
    CHECK(fault_of([&] { static_cast<void>(static_cast<point>(*last)); }) ==
          message(errc::out_of_range));
    CHECK(fault_of([&] { *last = point{}; }) == message(errc::out_of_range));
    CHECK(fault_of([&] { last->x = 1; }) == message(errc::out_of_range));
    const auto odd =
        vmem::vptr<point, Heap>::from_address(static_cast<typename Heap::address_type>(5002));
    CHECK(fault_of([&] { odd->x = 1; }) == message(errc::misaligned));
}

TEST_CASE("memory_mapped: what is out of range, null or misaligned is named") {
    check_faults<mapped>();
    check_faults<heap_of<vmem::memory_mapped<page>, vmem::address_bits<16>>>();
    check_faults<vmem::heap<psram, vmem::memory_mapped<page>, vmem::nonresident_buddy_allocator<>,
                            vmem::on_fault<vmem::test::escape>, vmem::address_bits<64>>>();
}

TEST_CASE("memory_mapped: closed, nothing is valid") {
    mapped heap;
    const auto p = vmem::vptr<std::uint32_t, mapped>::from_address(page);
    CHECK(fault_of([&] { *p = 1; }) == message(errc::not_open));
    CHECK(error_of(heap.open()) == message(errc::not_formatted));
    CHECK(fault_of([&] { *p = 1; }) == message(errc::not_open));
    CHECK(error_of(heap.format()) == "none");
    CHECK(fault_of([&] { *p = 1; }) == "none");
    heap.residency().stop();
    CHECK(fault_of([&] { *p = 1; }) == message(errc::not_open));
}

TEST_CASE("memory_mapped: a pin reaches to the end") {
    vmem::test::ready<mapped> heap;
    const auto first = vmem::vptr<std::uint32_t, mapped>::from_address(page);
    {
        const auto all = first.write(100'000).value();
        CHECK(all.size() == (16384 - page) / 4);
        CHECK(error_of(heap.format()) == message(errc::no_free_frame));
        CHECK(heap.is_open());
        CHECK(heap.residency().unpinned_frames() == 0);
    }
    CHECK(heap.residency().unpinned_frames() == 1);
    CHECK(error_of(heap.format()) == "none");
    CHECK(error_of(heap.residency().pin(page, 0, 4, vmem::access::read)) ==
          message(errc::zero_size));
    CHECK(error_of(heap.residency().pin(16384, 1, 1, vmem::access::read)) ==
          message(errc::out_of_range));
    const vmem::pinned_bytes none{};
    CHECK(error_of(heap.residency().put_back(none, page)) == "none");
    heap.residency().discard(none);
    CHECK(error_of(heap.residency().flush()) == "none");
}

TEST_CASE("memory_mapped: opens what was there, if it is aligned and large enough") {
    psram medium;
    using again = vmem::heap<storage_ref<psram>, vmem::memory_mapped<page>,
                             vmem::nonresident_linked_list_allocator>;
    address where = 0;
    {
        again heap(medium);
        CHECK(error_of(heap.format()) == "none");
        where = heap.make<int>(42).value().to_address();
    }
    again heap(medium);
    CHECK(error_of(heap.open()) == "none");
    CHECK(*vmem::vptr<int, again>::from_address(static_cast<std::uint32_t>(where)) == 42);

    bound<storage_ref<psram>> direct(medium);
    CHECK(error_of(direct.start(2 * page - 1)) == message(errc::wrong_size));
    CHECK(error_of(direct.start(2 * page)) == "none");
    CHECK(direct.size() == 2 * page);
    bound<storage_ref<psram>, std::uint16_t> narrow(medium);
    CHECK(error_of(narrow.start(65536)) == "none");
    CHECK(error_of(narrow.start(65536 + page)) == message(errc::too_large));
    using window = vmem::partition<storage_ref<psram>>;
    bound<window> shifted(window::make(medium, {.offset = 4, .size = 1000}).value());
    CHECK(error_of(shifted.start(1000)) == message(errc::misaligned));
}

/// Directly addressable, and its sync may fail.
struct device : vmem::contract::flaky<psram> {
    using flaky::flaky;
    [[nodiscard]] std::byte* data() noexcept { return inner().data(); }
};

TEST_CASE("memory_mapped: the storage's errors come through, from every operation") {
    using fragile =
        vmem::heap<device, vmem::memory_mapped<page>, vmem::nonresident_linked_list_allocator>;
    std::uint64_t failed = 1;
    for (std::uint64_t n = 1; failed != 0; ++n) {
        fragile heap;
        heap.storage().fail(n);
        const auto made = heap.format();
        const auto number = made ? heap.make<int>(1) : vmem::failure(errc::not_open);
        const auto flushed = number ? heap.flush() : vmem::failure(errc::not_open);
        failed = heap.storage().failed();
        heap.storage().heal();
        CHECK((failed == 0) == flushed.has_value());
        CHECK(heap.is_open() == made.has_value());
    }
}

} // namespace
