// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_block_allocator.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/storage/partition.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/flaky.hpp"
#include "support/test_heap.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using vmem::errc;
using vmem::message;
using vmem::nonresident_linked_list_allocator;
using vmem::paged;
using vmem::ram_storage;
using vmem::vptr;
using vmem::test::error_of;
using vmem::test::fault_of;
using vmem::test::memory;
using vmem::test::ready;

using wide = memory<64, 4>;

struct point {
    int x;
    int y;
    [[nodiscard]] friend bool operator==(const point&, const point&) = default;
};

static_assert(!std::is_copy_constructible_v<wide> && !std::is_move_constructible_v<wide>);
static_assert(!std::is_copy_assignable_v<wide> && !std::is_move_assignable_v<wide>);
static_assert(std::is_default_constructible_v<wide>);
static_assert(std::is_same_v<wide::pointer<int>, vptr<int, wide>>);
static_assert(std::is_same_v<wide::address_type, std::uint32_t>);
static_assert(std::is_same_v<wide::storage_type, ram_storage<16384>>);
static_assert(std::is_same_v<wide::allocator_type, nonresident_linked_list_allocator>);

// --- formatted, opened, or neither
// ------------------------------------------------------------------

TEST_CASE("heap: before format or open nothing works, and says so") {
    CHECK_FALSE(wide::alive());
    wide heap;
    CHECK(wide::alive());
    CHECK(&wide::current() == &heap);
    CHECK_FALSE(heap.is_open());
    CHECK(heap.size() == 0);
    CHECK(error_of(heap.flush()) == message(errc::not_open));
    CHECK(error_of(heap.allocate<int>(1)) == message(errc::not_open));
    CHECK(error_of(heap.make<int>(1)) == message(errc::not_open));
    CHECK(error_of(heap.deallocate(vptr<int, wide>::from_address(128))) == message(errc::not_open));
    CHECK(error_of(heap.destroy(vptr<int, wide>::from_address(128))) == message(errc::not_open));
    CHECK(error_of(heap.allocation()) == message(errc::not_open));
    CHECK(error_of(heap.largest_free()) == message(errc::not_open));
    CHECK(error_of(heap.invariants_hold()) == message(errc::not_open));
    std::byte byte{};
    CHECK(error_of(heap.read(128, {&byte, 1})) == message(errc::not_open));
    CHECK(error_of(heap.write(128, {&byte, 1})) == message(errc::not_open));
    CHECK(error_of(vptr<int, wide>::from_address(128).read()) == message(errc::not_open));
    CHECK(fault_of([] { *vptr<int, wide>::from_address(128) = 1; }) == message(errc::not_open));
    heap.format().value();
    CHECK(heap.is_open());
    CHECK(heap.size() == 16384);
    CHECK(error_of(heap.flush()) == "none");
}

TEST_CASE("heap: without a heap") {
    const auto p = vptr<int, wide>::from_address(128);
    CHECK_FALSE(wide::alive());
    CHECK(fault_of([&] { *p = 1; }) == message(errc::no_heap));
    CHECK(error_of(p.read()) == message(errc::no_heap));
    CHECK(error_of(p.write()) == message(errc::no_heap));
    {
        const ready<wide> heap;
        CHECK(fault_of([&] { *p = 1; }) == "none");
    }
    CHECK(fault_of([&] { *p = 1; }) == message(errc::no_heap));
}

TEST_CASE("heap: a second one of a type is a fault, and does not harm the first") {
    {
        ready<wide> first;
        const auto p = first.make<int>(1).value();
        const auto make_another = [] {
            const auto second = std::make_unique<wide>();
            CHECK_FALSE(second->is_open());
        };
#if defined(__cpp_exceptions)
        CHECK(fault_of(make_another) == message(errc::already_open));
#else
        static_cast<void>(make_another); // A jump out of the constructor would leak the memory.
#endif
        CHECK(&wide::current() == &first);
        *p += 1;
        CHECK(*p == 2);
    }
    ready<wide> next;
    CHECK(&wide::current() == &next);
}

template <vmem::address Size, class... Policies>
using over_ram = vmem::heap<ram_storage<Size>, paged<64, 2>, nonresident_linked_list_allocator,
                            vmem::on_fault<vmem::test::escape>, Policies...>;

TEST_CASE("heap: storages that cannot be formatted") {
    over_ram<64> only_the_reserved_page;
    CHECK(error_of(only_the_reserved_page.format()) == message(errc::wrong_size));
    CHECK_FALSE(only_the_reserved_page.is_open());
    over_ram<127> less_than_two;
    CHECK(error_of(less_than_two.format()) == message(errc::wrong_size));
    over_ram<128> no_room_for_the_allocator;
    CHECK(error_of(no_room_for_the_allocator.format()) == message(errc::wrong_size));
    CHECK_FALSE(no_room_for_the_allocator.is_open());
    const auto too_large = std::make_unique<over_ram<65536 + 64, vmem::address_bits<16>>>();
    CHECK(error_of(too_large->format()) == message(errc::too_large));
    CHECK_FALSE(too_large->is_open());
    CHECK(error_of(too_large->allocate<int>(1)) == message(errc::not_open));
    over_ram<1000> not_a_multiple;
    CHECK(error_of(not_a_multiple.format()) == "none");
    CHECK(not_a_multiple.size() == 960);
}

/// A composition over a storage that outlives it.
template <class Storage, std::size_t PageSize, class... Policies>
using over =
    vmem::heap<vmem::storage_ref<Storage>, paged<PageSize, 3>, nonresident_linked_list_allocator,
               vmem::on_fault<vmem::test::escape>, Policies...>;
using disk = ram_storage<8192>;

[[nodiscard]] std::vector<std::byte> bytes_of(disk& medium) {
    return {medium.data(), medium.data() + medium.size()};
}

TEST_CASE("heap: open takes up what was there, and pointers stay valid") {
    disk medium;
    vptr<point, over<disk, 64>> p;
    std::uint32_t address = 0;
    {
        over<disk, 64> heap(medium);
        heap.format().value();
        p = heap.make<point>(point{1, 2}).value();
        const auto q = heap.make<vptr<point, over<disk, 64>>>(p).value();
        address = q.to_address();
        p->y = 3;
        // No flush: the destructor does that.
    }
    {
        over<disk, 64> heap(medium);
        CHECK(error_of(heap.open()) == "none");
        const auto q = vptr<vptr<point, over<disk, 64>>, over<disk, 64>>::from_address(address);
        CHECK(*q == p);
        CHECK(*p == point{1, 3});
        CHECK(heap.allocation().value().blocks == 2);
        CHECK(heap.invariants_hold().value());
        CHECK(error_of(heap.destroy(p)) == "none");
        CHECK(error_of(heap.deallocate(q)) == "none");
        CHECK(heap.allocation().value().blocks == 0);
        heap.flush().value();
    }
    over<disk, 64> heap(medium);
    CHECK(error_of(heap.open()) == "none");
    CHECK(heap.allocation().value().blocks == 0);
}

TEST_CASE("heap: open drops what was not flushed, format all there was") {
    disk medium;
    over<disk, 64> heap(medium);
    heap.format().value();
    const auto p = heap.make<int>(1).value();
    heap.flush().value();
    *p = 2;
    CHECK(error_of(heap.open()) == "none");
    CHECK(*p == 1);
    heap.format().value();
    CHECK(heap.allocation().value().blocks == 0);
    CHECK(error_of(heap.deallocate(p)) != "none");
    CHECK(heap.make<int>(5).value() == p);
}

TEST_CASE("heap: open refuses what it cannot take up, and changes nothing") {
    disk medium;
    const auto check_refused = [&](auto&& heap, errc code) {
        const auto before = bytes_of(medium);
        CHECK(error_of(heap.open()) == message(code));
        CHECK_FALSE(heap.is_open());
        CHECK(heap.size() == 0);
        CHECK(bytes_of(medium) == before);
    };
    check_refused(over<disk, 64>(medium), errc::not_formatted);
    {
        over<disk, 64> heap(medium);
        heap.format().value();
        heap.make<int>(1).value();
    }
    CHECK(error_of(over<disk, 64>(medium).open()) == "none");
    check_refused(over<disk, 128>(medium), errc::geometry_mismatch);
    check_refused(over<disk, 64, vmem::address_bits<16>>(medium), errc::geometry_mismatch);
    check_refused(over<disk, 64, vmem::address_bits<64>>(medium), errc::geometry_mismatch);
    using window = vmem::partition<disk>;
    using smaller = vmem::partition<vmem::storage_ref<disk>>;
    static_assert(vmem::storage<window>);
    check_refused(vmem::heap<smaller, paged<64, 3>, nonresident_linked_list_allocator>(
                      smaller::make(medium, {.offset = 0, .size = 4096}).value()),
                  errc::truncated);
    const std::size_t second = [&] {
        vmem::superblock block;
        std::memcpy(&block, medium.data(), sizeof(block));
        return static_cast<std::size_t>(block.second);
    }();
    for (std::size_t at = 0; at < sizeof(vmem::superblock); ++at) {
        CAPTURE(at);
        medium.data()[at] ^= std::byte{0x40};
        CHECK(error_of(over<disk, 64>(medium).open()) == "none");
        medium.data()[second + at] ^= std::byte{0x40};
        check_refused(over<disk, 64>(medium), at < 8 ? errc::not_formatted : errc::corrupt);
        medium.data()[at] ^= std::byte{0x40};
        CHECK(error_of(over<disk, 64>(medium).open()) == "none");
        medium.data()[second + at] ^= std::byte{0x40};
    }
    CHECK(error_of(over<disk, 64>(medium).open()) == "none");
    const auto rewrite = [&](auto change) {
        for (const std::size_t at : {std::size_t{0}, second}) {
            vmem::superblock block;
            std::memcpy(&block, medium.data() + at, sizeof(block));
            change(block);
            block = block.sealed();
            std::memcpy(medium.data() + at, &block, sizeof(block));
        }
    };
    rewrite([](vmem::superblock& block) { ++block.format; });
    check_refused(over<disk, 64>(medium), errc::version_too_new);
    rewrite([](vmem::superblock& block) { block.format -= 2; });
    check_refused(over<disk, 64>(medium), errc::version_too_old);
    rewrite([](vmem::superblock& block) { ++block.format; });
    CHECK(error_of(over<disk, 64>(medium).open()) == "none");
}

TEST_CASE("heap: an image is taken up on a larger storage, with the size it had") {
    ram_storage<4096> small;
    {
        over<ram_storage<4096>, 64> heap(small);
        heap.format().value();
        heap.make<int>(7).value();
    }
    disk medium;
    std::copy(small.data(), small.data() + 4096, medium.data());
    over<disk, 64> heap(medium);
    CHECK(error_of(heap.open()) == "none");
    CHECK(heap.size() == 4096);
    CHECK(heap.allocation().value().blocks == 1);
    CHECK(heap.invariants_hold().value());
}

TEST_CASE("heap: format and open wait until nothing is pinned") {
    ready<wide> heap;
    const auto p = heap.make<int>(5).value();
    heap.flush().value();
    {
        const auto held = p.read().value();
        CHECK(error_of(heap.format()) == message(errc::no_free_frame));
        CHECK(error_of(heap.open()) == message(errc::no_free_frame));
        CHECK(heap.is_open());
        CHECK(*held == 5);
        CHECK(*p == 5);
    }
    CHECK(error_of(heap.open()) == "none");
    CHECK(*p == 5);
}

// --- allocate and deallocate
// ------------------------------------------------------------------------

TEST_CASE("heap: sizes that cannot be") {
    ready<wide> heap;
    constexpr std::size_t most = (std::numeric_limits<std::size_t>::max)();
    CHECK(error_of(heap.allocate<char>(0)) == message(errc::zero_size));
    CHECK(error_of(heap.allocate<point>(0)) == message(errc::zero_size));
    for (const std::size_t count :
         {most, most - 1, most / 2 + 1, most / 8, most / 8 + 1, most / 8 + 2, std::size_t{16384}}) {
        CAPTURE(count);
        CHECK(error_of(heap.allocate<char>(count)) == message(errc::out_of_memory));
        CHECK(error_of(heap.allocate<point>(count)) == message(errc::out_of_memory));
    }
    CHECK(heap.allocation().value().blocks == 0);
    const auto largest = heap.largest_free().value();
    CHECK(error_of(heap.allocate<char>(largest + 1)) == message(errc::out_of_memory));
    const auto all = heap.allocate<char>(largest);
    CHECK(error_of(all) == "none");
    CHECK(heap.largest_free().value() == 0);
    CHECK(error_of(heap.allocate<char>(1)) == message(errc::out_of_memory));
    CHECK(error_of(heap.make<char>('x')) == message(errc::out_of_memory));
    CHECK(error_of(heap.deallocate(*all)) == "none");
    CHECK(heap.largest_free().value() == largest);
}

template <std::size_t Size, std::size_t Align>
struct sized {
    alignas(Align) std::array<std::byte, Size> bytes;
};

template <class T>
void check_placement() {
    ready<wide> heap;
    std::mt19937 random(3);
    for (int i = 0; i < 30; ++i) {
        // Neighbours of odd sizes.
        heap.allocate<char>(1 + random() % 40).value();
        const auto one = heap.make<T>().value();
        CHECK(one.to_address() % alignof(T) == 0);
        if (sizeof(T) <= 64) {
            CHECK(one.to_address() / 64 == (one.to_address() + sizeof(T) - 1) / 64);
        }
        const auto several = heap.allocate<T>(2).value();
        CHECK(several.to_address() % alignof(T) == 0);
        if (std::has_single_bit(sizeof(T)) && sizeof(T) <= 64) {
            CHECK(several.to_address() % sizeof(T) == 0);
        }
    }
    CHECK(heap.invariants_hold().value());
}

TEST_CASE("heap: blocks are aligned, and single objects lie in one page") {
    check_placement<char>();
    check_placement<std::int16_t>();
    check_placement<double>();
    check_placement<long double>();
    check_placement<sized<3, 1>>();
    check_placement<sized<12, 4>>();
    check_placement<sized<24, 8>>();
    check_placement<sized<32, 16>>();
    check_placement<sized<48, 16>>();
    check_placement<sized<63, 1>>();
    check_placement<sized<64, 1>>();
    check_placement<sized<96, 8>>();
}

TEST_CASE("heap: blocks do not overlap, and are all given back") {
    ready<wide> heap;
    const auto whole = heap.largest_free().value();
    std::mt19937 random(11);
    std::vector<std::pair<vptr<unsigned char, wide>, std::size_t>> live;
    for (int step = 0; step < 3000; ++step) {
        if (live.size() > 30 || (!live.empty() && random() % 3 == 0)) {
            const std::size_t at = random() % live.size();
            const auto [p, n] = live[at];
            for (std::size_t i = 0; i < n; i += n / 2 + 1) {
                CHECK(p[static_cast<std::ptrdiff_t>(i)] ==
                      static_cast<unsigned char>(p.to_address()));
            }
            CHECK(error_of(heap.deallocate(p)) == "none");
            live[at] = live.back();
            live.pop_back();
        } else {
            const std::size_t n = 1 + random() % 200;
            const auto p = heap.allocate<unsigned char>(n).value();
            std::fill(p, p + static_cast<std::ptrdiff_t>(n),
                      static_cast<unsigned char>(p.to_address()));
            live.emplace_back(p, n);
        }
        CHECK(heap.allocation().value().blocks == live.size());
    }
    CHECK(heap.invariants_hold().value());
    for (const auto& [p, n] : live) {
        heap.deallocate(p).value();
    }
    CHECK(heap.allocation().value().blocks == 0);
    CHECK(heap.allocation().value().in_use == 0);
    CHECK(heap.largest_free().value() == whole);
}

TEST_CASE("heap: what is given back twice, or was never handed out") {
    ready<wide> heap;
    const auto p = heap.allocate<int>(10).value();
    const auto q = heap.make<point>(point{1, 2}).value();
    const auto at = [](auto address) { return vptr<int, wide>::from_address(address); };
    CHECK(error_of(heap.deallocate(vptr<int, wide>())) == "none");
    CHECK(error_of(heap.destroy(vptr<int, wide>())) == "none");
    CHECK(error_of(heap.deallocate(vptr<void, wide>())) == "none");
    CHECK(error_of(heap.deallocate(p + 1)) == message(errc::foreign_pointer));
    CHECK(error_of(heap.deallocate(p + 2)) == message(errc::foreign_pointer));
    CHECK(error_of(heap.deallocate(at(1))) == message(errc::foreign_pointer));
    CHECK(error_of(heap.deallocate(at(64))) == message(errc::foreign_pointer));
    CHECK(error_of(heap.deallocate(at(heap.size()))) == message(errc::foreign_pointer));
    CHECK(error_of(heap.deallocate(at(0xFFFFFFFF))) == message(errc::foreign_pointer));
    CHECK(error_of(heap.deallocate(vptr<const void, wide>(q))) == "none");
    CHECK(error_of(heap.deallocate(q)) == message(errc::double_free));
    CHECK(error_of(heap.destroy(q)) == message(errc::double_free));
    CHECK(error_of(heap.deallocate(p)) == "none");
    CHECK(error_of(heap.deallocate(p)) != "none");
    CHECK(heap.invariants_hold().value());
    CHECK(heap.allocation().value().blocks == 0);
}

// --- make and destroy
// -------------------------------------------------------------------------------

/// No default constructor, nor a copy without meaning.
struct entry {
    entry(int k, const vptr<entry, wide>& n) : key(k), next(n) {}
    int key;
    vptr<entry, wide> next;
};

TEST_CASE("heap: make constructs with any arguments") {
    ready<wide> heap;
    CHECK(*heap.make<int>().value() == 0);
    CHECK(*heap.make<double>(1.5).value() == 1.5);
    CHECK(*heap.make<point>(point{1, 2}).value() == point{1, 2});
    CHECK(*heap.make<vptr<int, wide>>(nullptr).value() == nullptr);
    const auto last = heap.make<entry>(1, nullptr).value();
    const auto first = heap.make<entry>(2, last).value();
    CHECK(first->next->key == 1);
    // From virtual memory.
    const auto copy = heap.make<entry>(*first).value();
    CHECK(copy->key == 2);
    const auto number = heap.make<int>(first->key).value();
    CHECK(*heap.make<long>(*number).value() == 2);
    const auto owned = std::make_unique<int>(9);
    struct taker {
        explicit taker(const std::unique_ptr<int>& from) : value(*from) {}
        int value;
    };
    CHECK(heap.make<taker>(owned).value()->value == 9);
}

/// Keeps count; its bytes are as good as itself.
struct counted_object {
    explicit counted_object(int v) : value(v) { ++alive; }
    counted_object(const counted_object& from) : value(from.value) { ++alive; }
    counted_object& operator=(const counted_object&) = default;
    ~counted_object() { --alive; }
    int value;
    inline static int alive = 0;
};
/// The same, larger than a page.
struct large_object : counted_object {
    using counted_object::counted_object;
    std::array<int, 50> rest{};
};
/// Owns something in virtual memory, and takes it from there.
struct holder {
    holder(wide& heap, int v) : value(heap.make<int>(v).value()) {}
    holder(const holder&) = delete;
    holder& operator=(const holder&) = delete;
    ~holder() { wide::current().destroy(value).value(); }
    vptr<int, wide> value;
};

} // namespace

template <>
inline constexpr bool vmem::enable_storable<counted_object> = true;
template <>
inline constexpr bool vmem::enable_storable<large_object> = true;
template <>
inline constexpr bool vmem::enable_storable<holder> = true;

namespace {

TEST_CASE_TEMPLATE("heap: destructors run once, when destroyed, on objects only", T, counted_object,
                   large_object) {
    T::alive = 0;
    ready<wide> heap;
    const auto p = heap.make<T>(4).value();
    CHECK(T::alive == 1);
    CHECK(*p.member(&counted_object::value) == 4);
    heap.evict_all();
    CHECK(T::alive == 1);
    CHECK(error_of(heap.destroy(p)) == "none");
    CHECK(T::alive == 0);
    CHECK(error_of(heap.destroy(p)) == message(errc::double_free));
    CHECK(error_of(heap.destroy(p + 1)) != "none");
    CHECK(error_of(heap.destroy(vptr<T, wide>())) == "none");
    CHECK(error_of(heap.destroy(vptr<T, wide>::from_address(8))) == message(errc::null_pointer));
    CHECK(error_of(heap.destroy(vptr<T, wide>::from_address(heap.size()))) ==
          message(errc::out_of_range));
    CHECK(T::alive == 0);
    const auto q = heap.make<T>(5).value();
    CHECK(error_of(heap.deallocate(q)) == "none");
    CHECK(T::alive == 1);
    T::alive = 0;
    const auto array = heap.allocate<T>(3).value();
    CHECK(T::alive == 0);
    CHECK(error_of(heap.deallocate(array)) == "none");
    CHECK(T::alive == 0);
}

TEST_CASE("heap: constructors and destructors may use the heap") {
    ready<memory<64, 4>> heap;
    const auto p = heap.make<holder>(heap.heap(), 6).value();
    CHECK(*p->value == 6);
    CHECK(heap.allocation().value().blocks == 2);
    heap.evict_all();
    CHECK(error_of(heap.destroy(p)) == "none");
    CHECK(heap.allocation().value().blocks == 0);
    CHECK(heap.residency().unpinned_frames() == 4);
}

TEST_CASE("heap: objects larger than a page") {
    struct table {
        explicit table(int first) {
            for (int& x : values) {
                x = first++;
            }
        }
        std::array<int, 300> values;
    };
    ready<wide> heap;
    const auto p = heap.make<table>(5).value();
    const auto values = vmem::reinterpret_pointer_cast<int>(p);
    CHECK(values[0] == 5);
    CHECK(values[299] == 304);
    CHECK(*p.member(&table::values).operator*().operator&() == (*p).get().values);
    values[150] = -1;
    const table copy = *p;
    CHECK(copy.values[150] == -1);
    *p = table(7);
    CHECK(values[150] == 157);
    CHECK(error_of(p.read()) == message(errc::not_contiguous));
    CHECK(error_of(heap.destroy(p)) == "none");
    CHECK(error_of(heap.make<sized<16384, 1>>()) == message(errc::out_of_memory));
}

// --- bytes, flush, errors of the storage
// ------------------------------------------------------------

TEST_CASE("heap: bytes can be read and written by address") {
    ready<wide> heap;
    const auto p = heap.allocate<char>(300).value();
    std::array<char, 300> text;
    for (std::size_t i = 0; i < text.size(); ++i) {
        text[i] = static_cast<char>(i);
    }
    CHECK(error_of(heap.write(p.to_address(), std::as_bytes(std::span(text)))) == "none");
    heap.evict_all();
    std::array<char, 300> found{};
    CHECK(error_of(heap.read(p.to_address(), std::as_writable_bytes(std::span(found)))) == "none");
    CHECK(found == text);
    CHECK(p[299] == text[299]);
    const auto bytes = std::as_writable_bytes(std::span(found));
    CHECK(error_of(heap.read(0, bytes)) == message(errc::null_pointer));
    CHECK(error_of(heap.write(63, bytes)) == message(errc::null_pointer));
    const auto end = static_cast<std::uint32_t>(heap.size());
    CHECK(error_of(heap.read(end - 299, bytes)) == message(errc::out_of_range));
    CHECK(error_of(heap.write(end - 299, bytes)) == message(errc::out_of_range));
    CHECK(error_of(heap.read(end - 300, bytes)) == "none");
}

using flaky_disk = vmem::contract::flaky<disk>;

TEST_CASE("heap: a flush that fails keeps everything for the next one") {
    flaky_disk medium;
    over<flaky_disk, 64> heap(medium);
    heap.format().value();
    const auto p = heap.allocate<int>(100).value();
    heap.flush().value();
    for (std::uint64_t n = 1; n <= 6; ++n) {
        CAPTURE(n);
        const int value = static_cast<int>(n);
        p[0] = value;
        p[30] = value + 1;
        medium.fail(n, 3);
        const auto outcome = heap.flush();
        const auto failed = medium.failed();
        medium.heal();
        CHECK(outcome.has_value() == (failed == 0));
        CHECK(p[0] == value);
        CHECK(p[30] == value + 1);
        CHECK(error_of(heap.flush()) == "none");
        heap.open().value();
        CHECK(p[0] == value);
        CHECK(p[30] == value + 1);
    }
}

TEST_CASE("heap: ends quietly on a storage that takes no more writes") {
    flaky_disk medium;
    {
        over<flaky_disk, 64> heap(medium);
        heap.format().value();
        heap.make<int>(1).value();
        medium.fail(1, flaky_disk::forever);
    }
    medium.heal();
    CHECK(medium.failed() > 0);
    over<flaky_disk, 64> heap(medium);
    CHECK(error_of(heap.open()) == "none");
}

TEST_CASE("heap: format and open on a storage that fails leave the heap closed") {
    for (std::uint64_t n = 1; n <= 12; ++n) {
        CAPTURE(n);
        flaky_disk medium;
        over<flaky_disk, 64> heap(medium);
        // For good: of a single write-back that fails the page cache knows how to recover.
        medium.fail(n, flaky_disk::forever);
        const auto formatted = heap.format();
        CHECK(formatted.has_value() == (medium.failed() == 0));
        CHECK(heap.is_open() == formatted.has_value());
        medium.heal();
        heap.format().value();
        const auto p = heap.make<int>(8).value();
        heap.flush().value();
        medium.fail(n, flaky_disk::forever);
        const auto opened = heap.open();
        CHECK(opened.has_value() == (medium.failed() == 0));
        CHECK(heap.is_open() == opened.has_value());
        medium.heal();
        heap.open().value();
        CHECK(*p == 8);
    }
}

TEST_CASE("heap: a format that is cut short leaves the old image or none") {
    const std::uint64_t operations = [] {
        flaky_disk medium;
        over<flaky_disk, 64> heap(medium);
        medium.fail(flaky_disk::forever);
        heap.format().value();
        return medium.operations();
    }();
    for (std::uint64_t n = 1; n <= operations; ++n) {
        CAPTURE(n);
        flaky_disk medium;
        over<flaky_disk, 64>(medium).format().value();
        {
            over<flaky_disk, 64> heap(medium);
            medium.fail(n, flaky_disk::forever);
            CHECK(error_of(heap.format()) != "none");
            medium.heal();
        }
        // The second operation erases the second of the old superblocks, which say the same; the
        // last three write the new ones.
        const bool whole = n <= 2 || n + 1 >= operations;
        const auto opened = over<flaky_disk, 64>(medium).open();
        CHECK(error_of(opened) == (whole ? "none" : message(errc::not_formatted)));
    }
}

// --- widths of addresses
// ----------------------------------------------------------------------------

TEST_CASE_TEMPLATE("heap: no block ends where a pointer wraps to null", Allocator,
                   vmem::nonresident_linked_list_allocator, vmem::nonresident_buddy_allocator<256>,
                   vmem::nonresident_block_allocator<256>) {
    using full = vmem::heap<vmem::ram_storage<65536>, vmem::paged<256, 4>, Allocator,
                            vmem::address_bits<16>>;
    const auto heap = std::make_unique<full>();
    heap->format().value();
    std::uint32_t highest = 0;
    for (auto block = heap->template allocate<char>(200); block;
         block = heap->template allocate<char>(200)) {
        CHECK(*block + 200 > *block);
        highest = (std::max)(highest, block->to_address() + 200u);
    }
    CHECK(highest > 65'000);
    CHECK(highest < 65'536);
    REQUIRE(heap->flush());
    CHECK(heap->open());
}

TEST_CASE("heap: an address beyond its width is out of range, not another address") {
    using full = over_ram<65536, vmem::address_bits<16>>;
    const auto heap = std::make_unique<full>();
    heap->format().value();
    std::byte byte{};
    CHECK(heap->read(vmem::address{65'536} + 400, {&byte, 1}).error() == errc::out_of_range);
    CHECK(heap->write(vmem::address{65'536} + 400, {&byte, 1}).error() == errc::out_of_range);
}

TEST_CASE("heap: sixteen bits reach every byte of 64 KiB") {
    using full = over_ram<65536, vmem::address_bits<16>>;
    const auto heap = std::make_unique<full>();
    heap->format().value();
    CHECK(heap->size() == 65536);
    const auto largest = heap->largest_free().value();
    CHECK(largest > 65'000);
    const auto all = heap->allocate<std::uint8_t>(largest).value();
    const auto count = static_cast<std::ptrdiff_t>(largest);
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        all[i] = static_cast<std::uint8_t>(i % 251);
    }
    std::ptrdiff_t wrong = 0;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        wrong += all[i] == static_cast<std::uint8_t>(i % 251) ? 0 : 1;
    }
    CHECK(wrong == 0);
    const auto last = vptr<std::uint8_t, full>::from_address(65535);
    *last = 9;
    CHECK(*last == 9);
    const auto word = vptr<std::uint32_t, full>::from_address(65532);
    *word = 0x01020304;
    CHECK(*word == 0x01020304U);
    word.write().value().data()[0] = 5;
    CHECK(*word == 5U);
    CHECK(fault_of([] { *vptr<std::uint32_t, full>::from_address(65533) = 1; }) ==
          message(errc::out_of_range));
    std::array<std::byte, 4> bytes{};
    CHECK(error_of(heap->read(65533, bytes)) == message(errc::out_of_range));
    CHECK(error_of(heap->read(65532, bytes)) == "none");
    // Past the end the address wraps around, as an unsigned number does, to null.
    CHECK(last + 1 == nullptr);
    CHECK(error_of(heap->deallocate(all)) == "none");
}

TEST_CASE("heap: sixty-four bits") {
    using deep = vmem::heap<ram_storage<8192>, paged<64, 2>,
                            vmem::basic_nonresident_linked_list_allocator<std::uint64_t>,
                            vmem::on_fault<vmem::test::escape>, vmem::address_bits<64>>;
    static_assert(sizeof(vptr<int, deep>) == 8);
    deep heap;
    heap.format().value();
    const auto p = heap.allocate<int>(100).value();
    for (int i = 0; i < 100; ++i) {
        p[i] = i;
    }
    CHECK(p[99] == 99);
    for (const std::uint64_t far :
         {std::uint64_t{8192}, std::uint64_t{1} << 32, (std::uint64_t{1} << 32) + p.to_address(),
          std::uint64_t{1} << 63, ~std::uint64_t{0} - 3, ~std::uint64_t{0}}) {
        CAPTURE(far);
        const auto q = vptr<int, deep>::from_address(far);
        CHECK(fault_of([&] { *q = 1; }) == message(errc::out_of_range));
        CHECK(error_of(heap.deallocate(q)) == message(errc::foreign_pointer));
    }
    heap.deallocate(p).value();
    CHECK(heap.invariants_hold().value());
}

TEST_CASE("heap: the storage and the residency can be looked at") {
    ready<wide> heap;
    CHECK(heap.storage().size() == 16384);
    CHECK(&heap.residency().storage() == &heap.storage());
    const auto p = heap.make<int>(77).value();
    heap.flush().value();
    int raw = 0;
    std::memcpy(&raw, heap.storage().data() + p.to_address(), sizeof(raw));
    CHECK(raw == 77);
}

} // namespace
