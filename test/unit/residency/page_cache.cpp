// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/page_cache.hpp>

#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/fifo.hpp>
#include <vmem/eviction/lru.hpp>
#include <vmem/eviction/random.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/residency/translation.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/partition.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/faulty.hpp"
#include "contract/flaky.hpp"
#include "contract/storage_contract.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using vmem::access;
using vmem::address;
using vmem::errc;
using vmem::storage_geometry;
using vmem::contract::failed_write;
using vmem::contract::flaky;
using vmem::contract::outcome;

template <address Size, storage_geometry Geometry = storage_geometry{}>
using device = vmem::counted<flaky<vmem::ram_storage<Size>, Geometry>>;

template <class Device, std::size_t PageSize, std::size_t Frames,
          template <std::size_t> class Eviction = vmem::fifo, class Translation = vmem::page_map,
          class Address = std::uint32_t>
using cache_over = vmem::page_cache<vmem::storage_ref<Device>, Address, PageSize, Frames, Eviction,
                                    Translation, true>;

/// 16 pages of 64 bytes, of which the first is reserved.
using disk = device<1024>;
using cache = cache_over<disk, 64, 4>;

template <class Cache>
std::string put(Cache& memory, address at, std::string_view text) {
    return outcome(memory.write(at, std::as_bytes(std::span(text))));
}
/// What is there; '.' for zero.
template <class Storage>
std::string text(Storage& memory, address at, std::size_t length) {
    std::vector<char> found(length);
    const auto done = memory.read(at, std::as_writable_bytes(std::span(found)));
    std::ranges::replace(found, '\0', '.');
    return done ? std::string(found.begin(), found.end()) : outcome(done);
}
/// What is on the medium, seen by nobody.
std::string stored(disk& medium, address at, std::size_t length) {
    return text(medium.inner().inner(), at, length);
}
/// Brings a page in without changing it.
template <class Cache>
std::string touch(Cache& memory, std::size_t page) {
    std::array<std::byte, 1> one{};
    return outcome(memory.read(page * Cache::page_size, one));
}
template <class Cache>
std::string state(const Cache& memory, std::size_t page) {
    const vmem::page_state known = memory.state_of(page);
    return std::string(known.resident ? "resident" : "absent") + (known.dirty ? " dirty" : "") +
           (known.pinned ? " pinned" : "");
}

constexpr std::string_view sixteen = "0123456789abcdef";

template <class Device, class Cache>
struct on {
    Device medium;
    Cache memory{medium};

    on() { CHECK(outcome(memory.start(medium.size())) == "ok"); }
};
using fixture = on<disk, cache>;

template <template <std::size_t> class Eviction, class Translation, std::size_t Frames,
          storage_geometry Geometry = storage_geometry{}>
void check_is_storage() {
    static device<1024, Geometry> medium;
    static cache_over<device<1024, Geometry>, 64, Frames, Eviction, Translation> memory{medium};
    vmem::contract::check_storage_contract([] {
        // The reserved page is not part of what it serves.
        CHECK(outcome(memory.start(1024)) == "ok");
        auto served = vmem::partition<vmem::storage_ref<decltype(memory)>>::make(
            memory, {.offset = 64, .size = 960});
        CHECK(outcome(served) == "ok");
        return *served;
    });
}

TEST_CASE("page_cache: is a storage, by the contract of storages") {
    check_is_storage<vmem::fifo, vmem::page_map, 1>();
    check_is_storage<vmem::lru, vmem::page_table<16>, 2>();
    check_is_storage<vmem::sieve, vmem::page_map, 3>();
    check_is_storage<vmem::clock, vmem::page_table<16>, 15>();
    check_is_storage<vmem::random_eviction, vmem::page_map, 40>();
    check_is_storage<vmem::clock, vmem::page_map, 4,
                     storage_geometry{.read_size = 4, .write_size = 16}>();
}

TEST_CASE("page_cache: nothing is accessible before start, and nothing after stop") {
    disk medium;
    cache memory{medium};
    const auto check_closed = [&] {
        CHECK(memory.size() == 0);
        std::array<std::byte, 4> some{};
        CHECK(outcome(memory.read(64, some)) == message(errc::not_open));
        CHECK(outcome(memory.write(64, some)) == message(errc::not_open));
        CHECK(outcome(memory.read(64, {})) == message(errc::not_open));
        CHECK(outcome(memory.pin(64, 1, 1, access::read)) == message(errc::not_open));
        CHECK(outcome(memory.copy_out(64, 4)) == message(errc::not_open));
    };
    check_closed();
    CHECK(medium.counts() == vmem::storage_counts{});
    CHECK(outcome(memory.start(1024)) == "ok");
    CHECK(memory.size() == 1024);
    CHECK(put(memory, 64, "unsaved") == "ok");
    memory.stop();
    check_closed();
    CHECK(outcome(memory.start(1024)) == "ok");
    CHECK(text(memory, 64, 7) == ".......");
}

TEST_CASE("page_cache: start rounds down to whole pages, and refuses what it cannot serve") {
    disk medium;
    cache memory{medium};
    CHECK(outcome(memory.start(0)) == message(errc::wrong_size));
    CHECK(outcome(memory.start(127)) == message(errc::wrong_size));
    CHECK(memory.size() == 0);
    CHECK(outcome(memory.start(128)) == "ok");
    CHECK(memory.size() == 128);
    CHECK(outcome(memory.start(1023)) == "ok");
    CHECK(memory.size() == 960);
    CHECK(put(memory, 959, "x") == "ok");
    CHECK(put(memory, 960, "x") == message(errc::out_of_range));

    cache_over<disk, 64, 4, vmem::fifo, vmem::page_table<8>> by_table{medium};
    CHECK(outcome(by_table.start(576)) == message(errc::too_large));
    CHECK(by_table.size() == 0);
    CHECK(outcome(by_table.start(575)) == "ok");
    CHECK(outcome(by_table.start(512)) == "ok");

    cache_over<disk, 64, 4, vmem::fifo, vmem::page_map, std::uint16_t> narrow{medium};
    CHECK(outcome(narrow.start(65536 + 64)) == message(errc::too_large));
    CHECK(outcome(narrow.start(65536 + 63)) == "ok");
    CHECK(narrow.size() == 65536);
    CHECK(outcome(narrow.start((std::numeric_limits<address>::max)())) == message(errc::too_large));
}

TEST_CASE("page_cache: start drops what was not saved, and refuses while anything is pinned") {
    fixture f;
    CHECK(put(f.memory, 64, "saved") == "ok");
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(put(f.memory, 64, "other") == "ok");
    const auto held = f.memory.pin(64, 1, 1, access::read);
    CHECK(outcome(held) == "ok");
    CHECK(outcome(f.memory.start(1024)) == message(errc::no_free_frame));
    CHECK(text(f.memory, 64, 5) == "other");
    f.memory.unpin(held->slot);
    CHECK(outcome(f.memory.start(1024)) == "ok");
    CHECK(text(f.memory, 64, 5) == "saved");
}

TEST_CASE("page_cache: null, the reserved page and what is out of range are named") {
    fixture f;
    const address highest = (std::numeric_limits<address>::max)();
    struct {
        address at;
        std::size_t count;
        errc code;
    } const refused[] = {
        {0, 1, errc::null_pointer},
        {0, 0, errc::null_pointer},
        {63, 1, errc::null_pointer},
        {63, 100, errc::null_pointer},
        {1024, 1, errc::out_of_range},
        {1025, 0, errc::out_of_range},
        {1020, 5, errc::out_of_range},
        {64, 961, errc::out_of_range},
        {highest, 1, errc::out_of_range},
        {highest - 63, 64, errc::out_of_range},
        {1ULL << 32, 1, errc::out_of_range},
        // Seen through 32 bits, this is a page that is there.
        {(1ULL << 32) + 64, 1, errc::out_of_range},
    };
    CHECK(touch(f.memory, 1) == "ok");
    for (const auto& one : refused) {
        CAPTURE(one.at);
        CAPTURE(one.count);
        std::vector<std::byte> some(one.count, std::byte{7});
        CHECK(outcome(f.memory.read(one.at, some)) == message(one.code));
        CHECK(std::ranges::count(some, std::byte{7}) == std::ssize(some));
        CHECK(outcome(f.memory.write(one.at, some)) == message(one.code));
        if (one.count <= 64) {
            CHECK(outcome(f.memory.copy_out(one.at, one.count)) == message(one.code));
        }
        if (one.count != 0) {
            CHECK(outcome(f.memory.pin(one.at, 1, one.count, access::write)) == message(one.code));
        }
    }
    CHECK(f.medium.counts().reads == 1);
    CHECK(outcome(f.memory.read(1024, {})) == "ok");
    CHECK(outcome(f.memory.write(1024, {})) == "ok");
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(f.medium.counts().writes == 0);
}

TEST_CASE("page_cache: find says yes only to what lies whole and aligned in a resident page") {
    const auto check = [](auto& memory) {
        using cache_type = std::remove_reference_t<decltype(memory)>;
        using address_type = typename cache_type::address_type;
        CHECK(outcome(memory.start(1024)) == "ok");
        CHECK(touch(memory, 3) == "ok");
        CHECK(touch(memory, 15) == "ok");
        const auto check_size =
            [&]<std::size_t Size, std::size_t Align>(std::integral_constant<std::size_t, Size>,
                                                     std::integral_constant<std::size_t, Align>) {
                CAPTURE(Size);
                CAPTURE(Align);
                std::size_t wrong = 0;
                for (std::uint32_t at = 0; at < 2048; ++at) {
                    vmem::frame_place where{};
                    const bool found =
                        memory.template find<Size, Align>(static_cast<address_type>(at), where);
                    const std::size_t page = at / 64;
                    const bool expected =
                        (page == 3 || page == 15) && at % Align == 0 && at % 64 + Size <= 64;
                    wrong += found != expected ? 1U : 0U;
                    if (found && expected) {
                        wrong += where.offset != at % 64 || where.frame >= 4 ? 1U : 0U;
                    }
                }
                CHECK(wrong == 0);
            };
        using std::integral_constant;
        const auto size = []<std::size_t N>(integral_constant<std::size_t, N> n) { return n; };
        const auto one = size(integral_constant<std::size_t, 1>{});
        const auto two = size(integral_constant<std::size_t, 2>{});
        const auto four = size(integral_constant<std::size_t, 4>{});
        const auto eight = size(integral_constant<std::size_t, 8>{});
        const auto sixteen_bytes = size(integral_constant<std::size_t, 16>{});
        check_size(one, one);
        check_size(two, two);
        check_size(four, four);
        check_size(eight, eight);
        check_size(sixteen_bytes, sixteen_bytes);
        check_size(two, one);
        check_size(size(integral_constant<std::size_t, 3>{}), one);
        check_size(size(integral_constant<std::size_t, 12>{}), four);
        check_size(size(integral_constant<std::size_t, 24>{}), eight);
        check_size(size(integral_constant<std::size_t, 64>{}), eight);
        check_size(size(integral_constant<std::size_t, 64>{}), one);
        check_size(size(integral_constant<std::size_t, 65>{}), one);
        check_size(size(integral_constant<std::size_t, 128>{}), sixteen_bytes);
    };
    disk medium;
    cache_over<disk, 64, 4, vmem::fifo, vmem::page_map, std::uint16_t> narrow{medium};
    check(narrow);
    cache_over<disk, 64, 4, vmem::fifo, vmem::page_table<16>, std::uint32_t> usual{medium};
    check(usual);
    cache_over<disk, 64, 4, vmem::fifo, vmem::page_table<13 + 3>, std::uint64_t> wide{medium};
    check(wide);
    cache_over<disk, 64, 4, vmem::fifo, vmem::page_map, std::uint64_t> wide_by_map{medium};
    check(wide_by_map);
}

TEST_CASE("page_cache: a page that was only read is never written") {
    fixture f;
    for (int round = 0; round < 3; ++round) {
        for (std::size_t page = 1; page < 16; ++page) {
            CHECK(touch(f.memory, page) == "ok");
            const auto held = f.memory.pin(64 * page + 8, 2, 4, access::read);
            CHECK(outcome(held) == "ok");
            f.memory.unpin(held->slot);
            CHECK(state(f.memory, page) == "resident");
            const auto copy = f.memory.copy_out(64 * page + 3, 4);
            CHECK(outcome(copy) == "ok");
            f.memory.discard(*copy);
        }
    }
    CHECK(outcome(f.memory.sync()) == "ok");
    CHECK(f.medium.counts().writes == 0);
    CHECK(f.medium.counts().syncs == 1);
    CHECK(f.memory.statistics().write_backs == 0);
}

TEST_CASE("page_cache: only the changed bytes of a page are written back") {
    fixture f;
    CHECK(put(f.memory, 70, "abc") == "ok");
    CHECK(put(f.memory, 80, "d") == "ok");
    CHECK(put(f.memory, 72, "C") == "ok");
    CHECK(state(f.memory, 1) == "resident dirty");
    CHECK(f.medium.counts().writes == 0);
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(state(f.memory, 1) == "resident");
    CHECK(f.medium.counts().writes == 1);
    CHECK(f.medium.counts().bytes_written == 11);
    CHECK(stored(f.medium, 64, 20) == "......abC.......d...");
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(f.medium.counts().writes == 1);

    // What was clean starts a range of its own.
    CHECK(put(f.memory, 127, "z") == "ok");
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(f.medium.counts().bytes_written == 12);
    CHECK(f.memory.statistics().write_backs == 2);
    CHECK(f.memory.statistics().bytes_written == 12);
    // And so does the next page in the same frame.
    for (std::size_t page = 2; page < 9; ++page) {
        CHECK(touch(f.memory, page) == "ok");
    }
    CHECK(f.medium.counts().writes == 2);
    CHECK(put(f.memory, 8 * 64 + 5, "y") == "ok");
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(f.medium.counts().bytes_written == 13);
}

TEST_CASE("page_cache: what is written back is rounded out to the storage's write_size") {
    using medium_type = device<1024, storage_geometry{.read_size = 8, .write_size = 16}>;
    on<medium_type, cache_over<medium_type, 64, 2>> f;
    CHECK(put(f.memory, 64 + 15, "ab") == "ok");
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(f.medium.counts().writes == 1);
    CHECK(f.medium.counts().bytes_written == 32);
    CHECK(put(f.memory, 64 + 32, "c") == "ok");
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(f.medium.counts().bytes_written == 48);
    CHECK(put(f.memory, 64 + 63, "defg") == "ok");
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(f.medium.counts().bytes_written == 80);
    CHECK(text(f.medium.inner().inner(), 64, 70) ==
          "...............ab...............c..............................defg...");
}

TEST_CASE("page_cache: a page that is overwritten whole is not read") {
    fixture f;
    CHECK(put(f.memory, 64, "old") == "ok");
    CHECK(outcome(f.memory.flush()) == "ok");
    f.memory.stop();
    CHECK(outcome(f.memory.start(1024)) == "ok");
    f.medium.reset_counts();
    const std::vector<std::byte> page(64, std::byte{'n'});
    CHECK(outcome(f.memory.write(64, page)) == "ok");
    CHECK(f.medium.counts() == vmem::storage_counts{});
    CHECK(state(f.memory, 1) == "resident dirty");
    CHECK(text(f.memory, 64, 4) == "nnnn");
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(f.medium.counts() == vmem::storage_counts{.writes = 1, .bytes_written = 64});

    // Of a run from the middle of one page to the middle of another, only these two are read.
    f.medium.reset_counts();
    const std::vector<std::byte> run(32 + 3 * 64 + 1, std::byte{'m'});
    CHECK(outcome(f.memory.write(5 * 64 + 32, run)) == "ok");
    CHECK(f.medium.counts().reads == 2);
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(f.medium.counts().bytes_written == run.size());
    CHECK(stored(f.medium, 5 * 64 + 31, 2) == ".m");
    CHECK(stored(f.medium, 9 * 64 - 1, 3) == "mm.");
    CHECK(f.memory.statistics().page_ins == 3);
}

TEST_CASE("page_cache: a miss is at most one write and one read") {
    fixture f;
    for (std::size_t i = 0; i < 200; ++i) {
        f.medium.reset_counts();
        const address at = 64 + i * 97 % 960;
        CHECK((i % 3 == 0 ? put(f.memory, at, "x") : touch(f.memory, at / 64)) == "ok");
        CHECK(f.medium.counts().reads <= 1);
        CHECK(f.medium.counts().writes <= 1);
    }
}

TEST_CASE("page_cache: statistics are what the storage saw") {
    fixture f;
    CHECK(put(f.memory, 64, "a") == "ok");
    CHECK(put(f.memory, 65, "b") == "ok");
    CHECK(put(f.memory, 127, "cd") == "ok");
    CHECK(touch(f.memory, 7) == "ok");
    CHECK(f.memory.statistics().accesses == 5);
    CHECK(f.memory.statistics().page_ins == 3);
    for (std::size_t page = 1; page < 16; ++page) {
        CHECK(put(f.memory, 64 * page + page, "xyz") == "ok");
    }
    CHECK(outcome(f.memory.flush()) == "ok");
    const auto seen = f.memory.statistics();
    CHECK(seen.page_ins == f.medium.counts().reads);
    CHECK(seen.bytes_read == f.medium.counts().bytes_read);
    CHECK(seen.write_backs == f.medium.counts().writes);
    CHECK(seen.bytes_written == f.medium.counts().bytes_written);
    f.memory.reset_statistics();
    CHECK(f.memory.statistics().accesses == 0);
    CHECK(f.memory.statistics().bytes_written == 0);
    vmem::frame_place where{};
    CHECK(f.memory.find<1, 1>(15 * 64, where));
    CHECK(f.memory.statistics().accesses == 0);
    CHECK(f.memory.use(where) != nullptr);
    CHECK(f.memory.statistics().accesses == 1);
}

TEST_CASE("page_cache: a pin is the longest run of whole units in the page") {
    fixture f;
    const auto pinned = [&](address at, std::size_t count, std::size_t unit) {
        const auto held = f.memory.pin(at, count, unit, access::read);
        if (held) {
            CHECK(state(f.memory, at / 64) == "resident pinned");
            f.memory.unpin(held->slot);
        }
        CHECK(f.memory.unpinned_frames() == 4);
        return held ? std::to_string(held->size) : outcome(held);
    };
    CHECK(pinned(64, 1, 4) == "4");
    CHECK(pinned(64, 100, 4) == "64");
    CHECK(pinned(68, 100, 4) == "60");
    CHECK(pinned(64, 100, 12) == "60");
    CHECK(pinned(64, (std::numeric_limits<std::size_t>::max)(), 1) == "64");
    CHECK(pinned(127, 9, 1) == "1");
    CHECK(pinned(960, 9, 64) == "64");
    CHECK(pinned(125, 1, 4) == message(errc::not_contiguous));
    CHECK(pinned(64, 1, 65) == message(errc::not_contiguous));
    CHECK(pinned(64, 0, 4) == message(errc::zero_size));
    CHECK(pinned(64, 1, 0) == message(errc::zero_size));
    CHECK(pinned(1023, 1, 2) == message(errc::out_of_range));
    CHECK(pinned(64, 1, (std::numeric_limits<std::size_t>::max)()) == message(errc::out_of_range));
    CHECK(f.medium.counts().reads == 2);
}

TEST_CASE("page_cache: pinned bytes stay at one address, whatever else goes on") {
    fixture f;
    CHECK(put(f.memory, 64, sixteen) == "ok");
    const auto held = f.memory.pin(64 + 4, 4, 1, access::read);
    CHECK(outcome(held) == "ok");
    for (int round = 0; round < 3; ++round) {
        for (std::size_t page = 15; page > 1; --page) {
            CHECK(put(f.memory, 64 * page, "x") == "ok");
        }
        CHECK(state(f.memory, 1).starts_with("resident"));
        CHECK(std::string(reinterpret_cast<const char*>(held->data), 4) == "4567");
        CHECK(outcome(f.memory.flush()) == "ok");
    }
    // Other accesses and the pin see the same bytes.
    CHECK(put(f.memory, 64 + 5, "!") == "ok");
    CHECK(std::string(reinterpret_cast<const char*>(held->data), 4) == "4!67");
    const auto writing = f.memory.pin(64, 16, 1, access::write);
    CHECK(outcome(writing) == "ok");
    CHECK(writing->slot == held->slot);
    CHECK(writing->data + 4 == held->data);
    writing->data[6] = std::byte{'?'};
    CHECK(text(f.memory, 64, 8) == "01234!?7");
    f.memory.unpin(held->slot);
    // It takes as many unpins as there were pins.
    CHECK(state(f.memory, 1) == "resident dirty pinned");
    CHECK(f.memory.unpinned_frames() == 3);
    f.memory.unpin(writing->slot);
    CHECK(state(f.memory, 1) == "resident dirty");
    CHECK(f.memory.unpinned_frames() == 4);
}

TEST_CASE("page_cache: what is written through a pin after a flush is saved by the next") {
    fixture f;
    const auto held = f.memory.pin(64 + 10, 3, 2, access::write);
    CHECK(outcome(held) == "ok");
    held->data[0] = std::byte{'a'};
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(f.medium.counts().bytes_written == 6);
    CHECK(stored(f.medium, 64 + 9, 3) == ".a.");
    CHECK(state(f.memory, 1) == "resident dirty pinned");
    held->data[5] = std::byte{'b'};
    f.memory.unpin(held->slot);
    CHECK(state(f.memory, 1) == "resident dirty");
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(stored(f.medium, 64 + 9, 8) == ".a....b.");
    CHECK(f.medium.counts().bytes_written == 12);
    CHECK(state(f.memory, 1) == "resident");
}

TEST_CASE("page_cache: with every frame pinned, what is resident works and the rest is refused") {
    fixture f;
    std::vector<vmem::pinned_bytes> held;
    for (std::size_t page = 1; page <= 4; ++page) {
        CHECK(put(f.memory, 64 * page, sixteen) == "ok");
        const auto pin = f.memory.pin(64 * page, 1, 1, page == 2 ? access::write : access::read);
        CHECK(outcome(pin) == "ok");
        held.push_back(*pin);
    }
    CHECK(f.memory.unpinned_frames() == 0);
    f.medium.reset_counts();
    CHECK(touch(f.memory, 5) == message(errc::no_free_frame));
    CHECK(put(f.memory, 64 * 5, "x") == message(errc::no_free_frame));
    CHECK(put(f.memory, 64 * 5, std::string(64, 'x')) == message(errc::no_free_frame));
    CHECK(outcome(f.memory.pin(64 * 5, 1, 1, access::read)) == message(errc::no_free_frame));
    CHECK(outcome(f.memory.copy_out(64 * 2 - 2, 4)) == message(errc::no_free_frame));
    std::array<std::byte, 64> block{};
    CHECK(outcome(f.memory.read_reserved(block)) == message(errc::no_free_frame));
    CHECK(outcome(f.memory.write_reserved(block)) == message(errc::no_free_frame));
    CHECK(f.medium.counts() == vmem::storage_counts{});
    // A run that begins in RAM is written as far as RAM goes.
    CHECK(put(f.memory, 64 * 4 + 60, "ABCDEF") == message(errc::no_free_frame));
    CHECK(text(f.memory, 64 * 4 + 60, 4) == "ABCD");
    CHECK(text(f.memory, 64 * 3, 16) == sixteen);
    CHECK(put(f.memory, 64 * 2, "y") == "ok");
    CHECK(outcome(f.memory.flush()) == "ok");
    f.memory.unpin(held[2].slot);
    CHECK(touch(f.memory, 5) == "ok");
    CHECK(state(f.memory, 3) == "absent");
    CHECK(state(f.memory, 2) == "resident dirty pinned");
    CHECK(text(f.memory, 64 * 2, 2) == "y1");
}

TEST_CASE("page_cache: a page takes tens of thousands of pins, and refuses before they wrap") {
    fixture f;
    std::size_t pins = 0;
    std::size_t slot = 0;
    for (auto held = f.memory.pin(64, 1, 1, access::read); held && pins < 100000;
         held = f.memory.pin(64, 1, 1, access::read)) {
        slot = held->slot;
        ++pins;
    }
    CHECK(pins == 65280);
    CHECK(outcome(f.memory.pin(64, 1, 1, access::read)) == message(errc::no_free_frame));
    for (std::size_t page = 2; page < 12; ++page) {
        CHECK(touch(f.memory, page) == "ok");
    }
    CHECK(state(f.memory, 1) == "resident pinned");
    for (; pins != 1; --pins) {
        f.memory.unpin(slot);
    }
    CHECK(state(f.memory, 1) == "resident pinned");
    f.memory.unpin(slot);
    CHECK(state(f.memory, 1) == "resident");
}

TEST_CASE("page_cache: a copy of what straddles two pages is put back where it came from") {
    fixture f;
    CHECK(put(f.memory, 128 - 8, sixteen) == "ok");
    const auto copy = f.memory.copy_out(128 - 4, 8);
    CHECK(outcome(copy) == "ok");
    CHECK(copy->size == 8);
    CHECK(std::string(reinterpret_cast<const char*>(copy->data), 8) == "456789ab");
    CHECK(f.memory.unpinned_frames() == 3);
    // It stays where it is, and is not the original.
    for (std::size_t page = 3; page < 15; ++page) {
        CHECK(put(f.memory, 64 * page, "x") == "ok");
    }
    copy->data[3] = std::byte{'!'};
    copy->data[4] = std::byte{'?'};
    CHECK(text(f.memory, 128 - 8, 16) == sixteen);
    CHECK(outcome(f.memory.put_back(*copy, 128 - 4)) == "ok");
    CHECK(f.memory.unpinned_frames() == 4);
    CHECK(text(f.memory, 128 - 8, 16) == "0123456!?9abcdef");

    const auto discarded = f.memory.copy_out(128 - 4, 8);
    CHECK(outcome(discarded) == "ok");
    discarded->data[0] = std::byte{'-'};
    f.memory.discard(*discarded);
    CHECK(f.memory.unpinned_frames() == 4);
    CHECK(text(f.memory, 128 - 8, 16) == "0123456!?9abcdef");
    CHECK(outcome(f.memory.copy_out(64, 65)) == message(errc::too_large));
    CHECK(outcome(f.memory.copy_out(65, 64)) == "ok");
}

TEST_CASE("page_cache: bytes that the holder of a copy leaves alone may change meanwhile") {
    fixture f;
    CHECK(put(f.memory, 128 - 8, sixteen) == "ok");
    const auto copy = f.memory.copy_out(128 - 8, 16);
    CHECK(outcome(copy) == "ok");
    copy->data[0] = std::byte{'A'};
    copy->data[7] = std::byte{'B'};
    copy->data[8] = std::byte{'C'};
    copy->data[15] = std::byte{'D'};
    CHECK(put(f.memory, 128 - 7, "x") == "ok");
    CHECK(put(f.memory, 128 + 6, "y") == "ok");
    CHECK(outcome(f.memory.put_back(*copy, 128 - 8)) == "ok");
    CHECK(text(f.memory, 128 - 8, 16) == "Ax23456BC9abcdyD");

    // With no change there is nothing to write, and nothing becomes dirty.
    CHECK(outcome(f.memory.flush()) == "ok");
    const auto unchanged = f.memory.copy_out(128 - 8, 16);
    CHECK(outcome(unchanged) == "ok");
    CHECK(outcome(f.memory.put_back(*unchanged, 128 - 8)) == "ok");
    CHECK(state(f.memory, 1) == "resident");
    CHECK(state(f.memory, 2) == "resident");

    // More than half a page is put back whole.
    const auto large = f.memory.copy_out(128 - 8, 64);
    CHECK(outcome(large) == "ok");
    large->data[63] = std::byte{'E'};
    CHECK(outcome(f.memory.put_back(*large, 128 - 8)) == "ok");
    CHECK(text(f.memory, 128 - 8, 65) == "Ax23456BC9abcdyD" + std::string(47, '.') + "E.");
}

TEST_CASE("page_cache: those who hold copies of the same bytes share one") {
    fixture f;
    CHECK(put(f.memory, 128 - 8, sixteen) == "ok");
    const auto first = f.memory.copy_out(128 - 8, 16);
    const auto second = f.memory.copy_out(128 - 8, 12);
    CHECK(outcome(first) == "ok");
    CHECK(outcome(second) == "ok");
    CHECK(first->data == second->data);
    CHECK(f.memory.unpinned_frames() == 3);
    // Other bytes are another copy.
    const auto other = f.memory.copy_out(128 - 7, 12);
    CHECK(outcome(other) == "ok");
    CHECK(other->data != first->data);
    const auto longer = f.memory.copy_out(128 - 8, 17);
    CHECK(outcome(longer) == "ok");
    CHECK(longer->data != first->data);
    CHECK(f.memory.unpinned_frames() == 1);
    f.memory.discard(*other);
    f.memory.discard(*longer);

    first->data[1] = std::byte{'x'};
    CHECK(outcome(f.memory.put_back(*first, 128 - 8)) == "ok");
    CHECK(f.memory.unpinned_frames() == 3);
    second->data[2] = std::byte{'y'};
    CHECK(outcome(f.memory.put_back(*second, 128 - 8)) == "ok");
    CHECK(f.memory.unpinned_frames() == 4);
    CHECK(text(f.memory, 128 - 8, 16) == "0xy3456789abcdef");
    // The next one is made anew.
    CHECK(put(f.memory, 128 - 8, "!") == "ok");
    const auto fresh = f.memory.copy_out(128 - 8, 4);
    CHECK(outcome(fresh) == "ok");
    CHECK(std::string(reinterpret_cast<const char*>(fresh->data), 4) == "!xy3");
    f.memory.discard(*fresh);
    for (std::size_t page = 1; page < 16; ++page) {
        CHECK(touch(f.memory, page) == "ok");
    }
    CHECK(outcome(f.memory.flush()) == "ok");
    CHECK(stored(f.medium, 128 - 8, 16) == "!xy3456789abcdef");
}

TEST_CASE("page_cache: a copy is no page: flush passes over it, and no address finds it") {
    disk medium;
    const auto check = [](auto& memory) {
        CHECK(outcome(memory.start(1024)) == "ok");
        CHECK(put(memory, 128 - 2, "abcd") == "ok");
        const auto copy = memory.copy_out(128 - 2, 4);
        CHECK(outcome(copy) == "ok");
        const auto writes = memory.storage().inner().counts().writes;
        CHECK(outcome(memory.flush()) == "ok");
        CHECK(memory.storage().inner().counts().writes == writes + 2);
        for (address page = 3; page < 10; ++page) {
            CHECK(touch(memory, static_cast<std::size_t>(page)) == "ok");
        }
        CHECK(state(memory, 1) == "absent");
        vmem::frame_place where{};
        std::size_t found = 0;
        for (std::uint32_t at = 64; at < 192; ++at) {
            using address_type = typename std::remove_reference_t<decltype(memory)>::address_type;
            const auto here = static_cast<address_type>(at);
            found += memory.template find<1, 1>(here, where) ? 1U : 0U;
            found += memory.template find<12, 4>(here, where) ? 1U : 0U;
            found += memory.template find<16, 16>(here, where) ? 1U : 0U;
        }
        CHECK(found == 0);
        memory.discard(*copy);
        CHECK(text(memory, 128 - 2, 4) == "abcd");
    };
    cache_over<disk, 64, 4> usual{medium};
    check(usual);
    cache_over<disk, 64, 4, vmem::fifo, vmem::page_table<16>, std::uint64_t> wide{medium};
    check(wide);
}

TEST_CASE("page_cache: a copy needs a frame beside one for the pages it comes from") {
    disk medium;
    cache_over<disk, 64, 1> one{medium};
    CHECK(outcome(one.start(1024)) == "ok");
    CHECK(put(one, 100, "kept") == "ok");
    CHECK(outcome(one.copy_out(64, 8)) == message(errc::no_free_frame));
    CHECK(one.unpinned_frames() == 1);
    CHECK(text(one, 100, 4) == "kept");

    cache_over<disk, 64, 2> two{medium};
    CHECK(outcome(two.start(1024)) == "ok");
    CHECK(put(two, 128 - 2, "abcd") == "ok");
    const auto copy = two.copy_out(128 - 2, 4);
    CHECK(outcome(copy) == "ok");
    CHECK(outcome(two.copy_out(192, 4)) == message(errc::no_free_frame));
    CHECK(two.unpinned_frames() == 1);
    copy->data[0] = std::byte{'A'};
    copy->data[3] = std::byte{'D'};
    CHECK(outcome(two.put_back(*copy, 128 - 2)) == "ok");
    CHECK(text(two, 128 - 2, 4) == "AbcD");
    CHECK(two.unpinned_frames() == 2);
}

TEST_CASE("page_cache: a copy that cannot be made or put back leaves no frame behind") {
    for (std::uint64_t n = 1; n <= 6; ++n) {
        CAPTURE(n);
        fixture f;
        for (std::size_t page = 10; page < 14; ++page) {
            CHECK(put(f.memory, 64 * page, "dirty") == "ok");
        }
        f.medium.inner().fail(n, flaky<vmem::ram_storage<1024>>::forever);
        const auto copy = f.memory.copy_out(128 - 2, 4);
        const bool failed = f.medium.inner().failed() != 0;
        CHECK(copy.has_value() == !failed);
        CHECK(f.memory.unpinned_frames() == (copy ? 3 : 4));
        if (copy) {
            std::ranges::fill_n(copy->data, 4, std::byte{'x'});
            CHECK(outcome(f.memory.put_back(*copy, 64 * 7 - 2)) != "ok");
        }
        CHECK(f.memory.unpinned_frames() == 4);
        f.medium.inner().heal();
        for (std::size_t page = 10; page < 14; ++page) {
            CHECK(text(f.memory, 64 * page, 5) == "dirty");
        }
    }
}

TEST_CASE("page_cache: a failed write-back keeps the page and its data") {
    fixture f;
    for (std::size_t page = 1; page <= 4; ++page) {
        CHECK(put(f.memory, 64 * page, sixteen) == "ok");
    }
    for (const failed_write how :
         {failed_write::stores_nothing, failed_write::stores_some, failed_write::stores_all}) {
        f.medium.inner().fail(1, 1000, how);
        CHECK(touch(f.memory, 5) == message(errc::write_failed));
        CHECK(put(f.memory, 64 * 6, "x") == message(errc::write_failed));
        CHECK(put(f.memory, 64 * 6, std::string(64, 'x')) == message(errc::write_failed));
        CHECK(outcome(f.memory.pin(64 * 6, 1, 1, access::write)) == message(errc::write_failed));
        CHECK(outcome(f.memory.flush()) == message(errc::write_failed));
        for (std::size_t page = 1; page <= 4; ++page) {
            CHECK(state(f.memory, page) == "resident dirty");
            CHECK(text(f.memory, 64 * page, 16) == sixteen);
        }
        CHECK(state(f.memory, 5) == "absent");
        CHECK(state(f.memory, 6) == "absent");
        f.medium.inner().heal();
    }
    CHECK(touch(f.memory, 5) == "ok");
    CHECK(outcome(f.memory.flush()) == "ok");
    for (std::size_t page = 1; page <= 4; ++page) {
        CHECK(stored(f.medium, 64 * page, 17) == std::string(sixteen) + ".");
    }
    CHECK(text(f.memory, 64 * 6, 1) == ".");
}

TEST_CASE("page_cache: a storage that takes no more writes can still be read") {
    using medium_type = vmem::contract::faulty<vmem::ram_storage<1024>>;
    medium_type medium{{}};
    cache_over<medium_type, 64, 4, vmem::clock> memory{medium};
    CHECK(outcome(memory.start(1024)) == "ok");
    for (std::size_t page = 1; page < 16; ++page) {
        CHECK(put(memory, 64 * page, sixteen.substr(page, 1)) == "ok");
    }
    CHECK(outcome(memory.flush()) == "ok");
    for (std::size_t page = 1; page <= 3; ++page) {
        CHECK(put(memory, 64 * page, "new") == "ok");
    }
    CHECK(touch(memory, 4) == "ok");
    medium.set_plan({.fail_writes = {.first = 1, .count = vmem::contract::fault_window::forever}});
    for (int round = 0; round < 3; ++round) {
        for (std::size_t page = 4; page < 16; ++page) {
            CHECK(text(memory, 64 * page, 1) == sixteen.substr(page, 1));
        }
        for (std::size_t page = 1; page <= 3; ++page) {
            CHECK(state(memory, page) == "resident dirty");
            CHECK(text(memory, 64 * page, 3) == "new");
        }
    }
    // The last clean frame may be written to; then there is no way out.
    CHECK(put(memory, 64 * 4, "last") == "ok");
    CHECK(touch(memory, 5) == message(errc::write_failed));
    CHECK(text(memory, 64 * 4, 4) == "last");
    medium.set_plan({});
    CHECK(text(memory, 64 * 5, 1) == "5");
    CHECK(outcome(memory.sync()) == "ok");
    CHECK(text(medium.medium(), 64 * 4, 4) == "last");
    CHECK(text(medium.medium(), 64 * 2, 3) == "new");
}

TEST_CASE("page_cache: a failed read leaves no page behind, and loses none") {
    fixture f;
    for (std::size_t page = 1; page <= 4; ++page) {
        CHECK(put(f.memory, 64 * page, sixteen) == "ok");
    }
    f.medium.inner().fail(2);
    CHECK(touch(f.memory, 5) == message(errc::read_failed));
    CHECK(state(f.memory, 5) == "absent");
    CHECK(stored(f.medium, 64, 16) == sixteen);
    for (std::size_t page = 1; page <= 4; ++page) {
        CHECK(text(f.memory, 64 * page, 16) == sixteen);
    }
    f.medium.inner().heal();
    CHECK(text(f.memory, 64 * 5, 1) == ".");
    f.medium.inner().fail(2);
    CHECK(put(f.memory, 64 * 6 + 1, "x") == message(errc::read_failed));
    CHECK(state(f.memory, 6) == "absent");
    CHECK(put(f.memory, 64 * 6 + 1, "x") == "ok");
    CHECK(text(f.memory, 64 * 6, 3) == ".x.");
}

TEST_CASE("page_cache: flush tries every page, says what failed first, and can be repeated") {
    fixture f;
    for (std::size_t page = 1; page <= 4; ++page) {
        CHECK(put(f.memory, 64 * page, sixteen) == "ok");
    }
    f.medium.inner().fail(2);
    CHECK(outcome(f.memory.sync()) == message(errc::write_failed));
    CHECK(f.medium.counts().writes == 4);
    CHECK(f.medium.counts().syncs == 0);
    std::size_t dirty = 0;
    for (std::size_t page = 1; page <= 4; ++page) {
        dirty += f.memory.state_of(page).dirty ? 1U : 0U;
    }
    CHECK(dirty == 1);
    f.medium.inner().fail(2);
    CHECK(outcome(f.memory.sync()) == message(errc::sync_failed));
    CHECK(f.medium.counts().writes == 5);
    CHECK(outcome(f.memory.sync()) == "ok");
    CHECK(f.medium.counts().writes == 5);
    CHECK(f.medium.counts().syncs == 2);
    for (std::size_t page = 1; page <= 4; ++page) {
        CHECK(stored(f.medium, 64 * page, 16) == sixteen);
    }
}

TEST_CASE("page_cache: the reserved page is transferred at once and never resident") {
    fixture f;
    CHECK(put(f.memory, 64, "kept") == "ok");
    CHECK(outcome(f.memory.write_reserved(std::as_bytes(std::span(sixteen)))) == "ok");
    CHECK(f.medium.counts().writes == 1);
    CHECK(f.medium.counts().bytes_written == 16);
    CHECK(stored(f.medium, 0, 18) == std::string(sixteen) + "..");
    CHECK(state(f.memory, 0) == "absent");
    std::array<char, 5> start{};
    CHECK(outcome(f.memory.read_reserved(std::as_writable_bytes(std::span(start)))) == "ok");
    CHECK(std::string(start.data(), 5) == "01234");
    CHECK(state(f.memory, 0) == "absent");
    CHECK(touch(f.memory, 0) == message(errc::null_pointer));
    vmem::frame_place where{};
    CHECK_FALSE(f.memory.find<1, 1>(0, where));
    CHECK_FALSE(f.memory.find<1, 1>(40, where));
    CHECK(text(f.memory, 64, 4) == "kept");

    f.medium.inner().fail(1);
    CHECK(outcome(f.memory.read_reserved(std::as_writable_bytes(std::span(start)))) ==
          message(errc::read_failed));
    f.medium.inner().fail(2);
    CHECK(outcome(f.memory.write_reserved(std::as_bytes(std::span(sixteen.substr(4))))) ==
          message(errc::write_failed));
    CHECK(state(f.memory, 0) == "absent");
    CHECK(f.memory.unpinned_frames() == 4);
    CHECK(stored(f.medium, 0, 18) == std::string(sixteen) + "..");
    CHECK(text(f.memory, 64, 4) == "kept");
}

/// Drives a cache, and knows what it was told to hold.
template <class Cache>
class script {
public:
    explicit script(Cache& memory) : memory_(memory) {}

    /// Dirties, evicts, pins, copies and flushes.
    void run() {
        write(100, "one");
        write(126, "two and three");
        static_cast<void>(memory_.flush());
        for (std::size_t page = 2; page < 9; ++page) {
            write(64 * page + 8 * page - 10, sixteen);
        }
        const auto held = memory_.pin(64 * 9, 4, 1, access::write);
        if (held) {
            write(64 * 12, std::string(64, 'w'));
            std::ranges::fill_n(held->data, 4, std::byte{'p'});
            static_cast<void>(memory_.flush());
            std::ranges::fill_n(held->data, 2, std::byte{'q'});
            expected_.replace(64 * 9, 4, "qqpp");
            memory_.unpin(held->slot);
        }
        if (const auto copy = memory_.copy_out(64 * 5 - 4, 8); copy) {
            memory_.discard(*copy);
        }
        static_cast<void>(memory_.sync());
    }

    /// What must be there, but for the reserved page. Precondition: the storage is healthy.
    [[nodiscard]] std::string expected() {
        // Of a write that failed, what lies in its first page was written, or not.
        for (const auto& [at, prefix] : open_) {
            if (text(memory_, at, prefix.size()) == prefix) {
                expected_.replace(at, prefix.size(), prefix);
            }
        }
        return expected_.substr(64);
    }

private:
    void write(std::size_t at, std::string_view bytes) {
        if (put(memory_, at, bytes) == "ok") {
            expected_.replace(at, bytes.size(), bytes);
        } else if (const std::size_t in_first = 64 - at % 64; in_first < bytes.size()) {
            open_.emplace_back(at, bytes.substr(0, in_first));
        }
    }

    Cache& memory_;
    std::string expected_ = std::string(1024, '.');
    std::vector<std::pair<std::size_t, std::string>> open_;
};

template <std::size_t Frames>
void check_every_fault() {
    using medium_type = flaky<vmem::ram_storage<1024>>;
    CAPTURE(Frames);
    std::size_t points = 0;
    for (const std::uint64_t count : {std::uint64_t{1}, medium_type::forever}) {
        for (const failed_write how :
             {failed_write::stores_nothing, failed_write::stores_some, failed_write::stores_all}) {
            for (std::uint64_t n = 1;; ++n) {
                CAPTURE(n);
                CAPTURE(count);
                on<disk, cache_over<disk, 64, Frames>> f;
                script steps(f.memory);
                f.medium.inner().fail(n, count, how);
                steps.run();
                if (f.medium.inner().failed() == 0) {
                    break;
                }
                ++points;
                f.medium.inner().heal();
                const std::string expected = steps.expected();
                CHECK(text(f.memory, 64, 960) == expected);
                CHECK(f.memory.unpinned_frames() == Frames);
                CHECK(outcome(f.memory.sync()) == "ok");
                CHECK(stored(f.medium, 64, 960) == expected);
                for (std::size_t page = 0; page < 16; ++page) {
                    CHECK_FALSE(f.memory.state_of(page).dirty);
                }
            }
        }
    }
    CHECK(points > 100);
}

TEST_CASE("page_cache: whichever operation fails, once or from then on, nothing accepted is lost") {
    check_every_fault<1>();
    check_every_fault<2>();
    check_every_fault<4>();
    check_every_fault<15>();
}

TEST_CASE("page_cache: pages at the end of a 64-bit address space of a sparse storage") {
    // Only the addresses matter, so the storage remembers the last page that was written.
    struct sparse {
        [[nodiscard]] address size() const noexcept { return ~address{0}; }
        [[nodiscard]] vmem::result<void> read(address from, std::span<std::byte> out) {
            std::ranges::fill(out, static_cast<std::byte>(from >> 56));
            return {};
        }
        [[nodiscard]] vmem::result<void> write(address to, std::span<const std::byte>) {
            last = to;
            return {};
        }
        [[nodiscard]] vmem::result<void> sync() { return {}; }
        address last = 0;
    };
    vmem::page_cache<sparse, std::uint64_t, 64, 3, vmem::lru, vmem::page_map, true> memory{
        sparse{}};
    CHECK(outcome(memory.start(memory.storage().size())) == "ok");
    CHECK(memory.size() == ~address{63});
    const address top = ~address{127};
    std::array<std::byte, 1> one{};
    CHECK(outcome(memory.read(top, one)) == "ok");
    CHECK(one[0] == std::byte{0xFF});
    CHECK(outcome(memory.read(address{1} << 56, one)) == "ok");
    CHECK(one[0] == std::byte{1});
    CHECK(put(memory, top + 63, "x") == "ok");
    CHECK(put(memory, top + 64, "x") == message(errc::out_of_range));
    CHECK(outcome(memory.flush()) == "ok");
    CHECK(memory.storage().last == top + 63);
    CHECK(memory.statistics().page_ins == 2);
}

} // namespace
