// SPDX-License-Identifier: BSL-1.0
// Exact counts of what access patterns cost in storage operations, through the pointers and the
// heap that programs use.
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/fifo.hpp>
#include <vmem/eviction/lru.hpp>
#include <vmem/eviction/random.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/page_cache.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/residency/translation.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>
#include <vmem/vptr.hpp>

#include "contract/flaky.hpp"
#include "contract/storage_contract.hpp"
#include "support/cache_simulation.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using vmem::address;
using vmem::clock;
using vmem::storage_geometry;
using vmem::vptr;
using vmem::contract::outcome;

/// A heap over a storage that counts; everything is flushed and out of RAM, and nothing counted.
template <std::size_t PageSize, std::size_t Frames, template <std::size_t> class Eviction = clock,
          storage_geometry Geometry = storage_geometry{}>
struct fixture {
    using disk = vmem::counted<vmem::contract::flaky<vmem::ram_storage<1 << 18>, Geometry>>;
    using memory = vmem::heap<vmem::storage_ref<disk>, vmem::paged<PageSize, Frames, Eviction>,
                              vmem::nonresident_linked_list_allocator, vmem::statistics<true>>;
    template <class T>
    using pointer = vptr<T, memory>;

    static constexpr std::size_t page_size = PageSize;

    disk storage;
    memory heap{storage};

    fixture() { CHECK(outcome(heap.format()) == "ok"); }

    /// `count` pages' worth of `T`, from the start of a page on, each of a value of its own.
    template <class T>
    pointer<T> pages(std::size_t count) {
        constexpr std::size_t in_page = PageSize / sizeof(T);
        const auto made = heap.template allocate<T>((count + 1) * in_page);
        CHECK(outcome(made) == "ok");
        const auto first =
            static_cast<std::uint32_t>((made->to_address() + PageSize - 1) / PageSize * PageSize);
        const auto p = pointer<T>::from_address(first);
        for (std::size_t i = 0; i < count * in_page; ++i) {
            p[static_cast<std::ptrdiff_t>(i)] = static_cast<T>(i);
        }
        forget();
        return p;
    }
    /// Out of RAM.
    void forget() {
        CHECK(outcome(heap.flush()) == "ok");
        CHECK(outcome(heap.open()) == "ok");
        storage.reset_counts();
        heap.residency().reset_statistics();
    }
    [[nodiscard]] std::uint64_t page_ins() const { return storage.counts().reads; }
    [[nodiscard]] std::uint64_t write_backs() const { return storage.counts().writes; }
};

template <class Fixture>
void check_sweep(Fixture& f, std::ptrdiff_t stride, std::uint64_t expected) {
    CAPTURE(stride);
    constexpr std::size_t pages = 40;
    constexpr auto count = static_cast<std::ptrdiff_t>(pages * Fixture::page_size / sizeof(int));
    const auto p = f.template pages<int>(pages);
    std::size_t wrong = 0;
    const std::ptrdiff_t step = stride < 0 ? -stride : stride;
    for (std::ptrdiff_t i = 0; i < count; i += step) {
        const std::ptrdiff_t at = stride < 0 ? count - 1 - i : i;
        wrong += p[at] != static_cast<int>(at) ? 1U : 0U;
    }
    CHECK(wrong == 0);
    CHECK(f.page_ins() == expected);
    CHECK(f.write_backs() == 0);
    CHECK(f.heap.residency().statistics().page_ins == expected);
    CHECK(f.storage.counts().bytes_read == expected * Fixture::page_size);
}

TEST_CASE_TEMPLATE("paging: a sweep is one page-in per page, forwards, backwards and strided", F,
                   fixture<64, 1>, fixture<256, 2>, fixture<512, 4>, fixture<512, 8, vmem::sieve>,
                   fixture<512, 8, vmem::lru>, fixture<512, 8, vmem::fifo>,
                   fixture<512, 8, vmem::random_eviction>) {
    for (const std::ptrdiff_t stride : {1, -1, 3, -5}) {
        F f;
        check_sweep(f, stride, 40);
    }
    // One element of every other page.
    F f;
    check_sweep(f, 2 * static_cast<std::ptrdiff_t>(F::page_size / sizeof(int)), 20);
}

TEST_CASE_TEMPLATE("paging: as many hot pages as frames, and after warm-up no page-in", F,
                   fixture<512, 4>, fixture<512, 4, vmem::sieve>, fixture<512, 4, vmem::lru>,
                   fixture<512, 4, vmem::fifo>, fixture<512, 4, vmem::random_eviction>) {
    F f;
    const auto p = f.template pages<int>(4);
    constexpr std::ptrdiff_t in_page = 512 / sizeof(int);
    // A frame holds the allocator's page at first. Not every policy lets that go at once, and sieve
    // only if pages are used more than once after they come in.
    for (std::ptrdiff_t i = 0; i < 100; ++i) {
        CHECK(p[i / 2 % 4 * in_page] == i / 2 % 4 * in_page);
    }
    CHECK(f.page_ins() >= 4);
    f.storage.reset_counts();
    for (int i = 0; i < 1000; ++i) {
        const std::ptrdiff_t page = i * 7 % 4;
        CHECK(p[page * in_page + i % in_page] == page * in_page + i % in_page);
    }
    CHECK(f.page_ins() == 0);
    CHECK(f.write_backs() == 0);
    // Nor when they are written to.
    for (int i = 0; i < 1000; ++i) {
        p[i % 4 * in_page + i % in_page] += 1;
    }
    CHECK(f.storage.counts() == vmem::storage_counts{});
}

TEST_CASE_TEMPLATE("paging: a loop over three arrays brings each page in once", F, fixture<512, 8>,
                   fixture<512, 8, vmem::sieve>, fixture<512, 8, vmem::lru>,
                   fixture<512, 8, vmem::fifo>) {
    F f;
    const auto p = f.template pages<int>(30);
    constexpr std::ptrdiff_t length = 10 * 512 / sizeof(int);
    const auto a = p;
    const auto b = p + length;
    const auto c = p + 2 * length;
    for (std::ptrdiff_t i = 0; i < length; ++i) {
        c[i] = a[i] + b[i];
    }
    CHECK(f.page_ins() == 30);
    CHECK(outcome(f.heap.residency().flush()) == "ok");
    CHECK(f.write_backs() == 10);
    CHECK(f.storage.counts().bytes_written == 10 * 512);
}

struct record {
    std::int32_t id;
    std::int32_t value;
    std::int32_t rest[14];
};

TEST_CASE("paging: what was only read, in whichever way, is never written") {
    fixture<256, 4> f;
    using memory = decltype(f)::memory;
    const auto p = f.pages<int>(16);
    const vptr<const record, memory> records =
        vmem::reinterpret_pointer_cast<const record>(vptr<const int, memory>(p));
    std::array<int, 100> copy{};
    std::int64_t sum = 0;
    for (std::ptrdiff_t i = 0; i < 16 * 4; ++i) {
        sum += records[i].get().value + records[i].get().rest[3];
        sum += (records + i)->id + (records + i)->rest[13];
        if (const auto pin = (records + i).read()) {
            sum += (*pin)->id;
        }
        sum += p[16 * i];
        sum += *(vptr<const int, memory>(p) + 16 * i);
    }
    CHECK(outcome(f.heap.read(p.to_address(), std::as_writable_bytes(std::span(copy)))) == "ok");
    CHECK(sum != 0);
    CHECK(outcome(f.heap.residency().sync()) == "ok");
    CHECK(f.write_backs() == 0);
    CHECK(outcome(f.heap.flush()) == "ok");
    CHECK(f.write_backs() == 0);
}

TEST_CASE("paging: only the changed bytes are written back") {
    fixture<512, 4> f;
    const auto p = f.pages<int>(8);
    const auto flushed = [&] {
        f.storage.reset_counts();
        CHECK(outcome(f.heap.residency().flush()) == "ok");
        return std::pair{f.storage.counts().writes, f.storage.counts().bytes_written};
    };
    using counts = std::pair<std::uint64_t, std::uint64_t>;
    p[5] = 1;
    CHECK(flushed() == counts{1, 4});
    p[5] = 1;
    p[9] += 2;
    CHECK(flushed() == counts{1, 20});
    ++p[100];
    CHECK(flushed() == counts{1, 4});
    // Straddling, they are two ranges of two pages.
    const auto between = decltype(f)::pointer<std::uint64_t>::from_address(p.to_address() + 508);
    *between = 7;
    CHECK(flushed() == counts{2, 8});
    {
        const auto pin = (p + 20).write(3);
        CHECK(pin->size() == 3);
    }
    CHECK(flushed() == counts{1, 12});
    const auto r = vmem::reinterpret_pointer_cast<record>(p + 16);
    r->value = 3;
    CHECK(flushed() == counts{1, sizeof(record)});
    *r.member(&record::value) = 4;
    CHECK(flushed() == counts{1, 4});
    CHECK(flushed() == counts{0, 0});
    // The same when the page leaves on its own account.
    f.storage.reset_counts();
    p[130] = 1;
    p[131] = 1;
    for (std::ptrdiff_t i = 0; i < 18; ++i) {
        CHECK(p[(2 + i % 6) * 128] == (2 + i % 6) * 128);
    }
    CHECK(f.storage.counts().writes == 1);
    CHECK(f.storage.counts().bytes_written == 8);
}

TEST_CASE("paging: the changed bytes are rounded out to what the storage can write") {
    fixture<512, 4, clock, storage_geometry{.read_size = 4, .write_size = 32}> f;
    const auto p = f.pages<int>(4);
    p[5] = 1;
    f.storage.reset_counts();
    CHECK(outcome(f.heap.residency().flush()) == "ok");
    CHECK(f.storage.counts().bytes_written == 32);
    p[7] = 1;
    p[8] = 1;
    CHECK(outcome(f.heap.residency().flush()) == "ok");
    CHECK(f.storage.counts().bytes_written == 32 + 64);
    p[127] = 1;
    CHECK(outcome(f.heap.residency().flush()) == "ok");
    CHECK(f.storage.counts().bytes_written == 32 + 64 + 32);
}

TEST_CASE("paging: a page that is overwritten whole is not read") {
    fixture<512, 4> f;
    const auto p = f.pages<int>(8);
    const std::vector<int> values(8 * 128, 77);
    const auto bytes = std::as_bytes(std::span(values));
    CHECK(outcome(f.heap.write(p.to_address(), bytes)) == "ok");
    CHECK(f.page_ins() == 0);
    CHECK(f.write_backs() == 4);
    CHECK(outcome(f.heap.residency().flush()) == "ok");
    CHECK(f.write_backs() == 8);
    CHECK(f.storage.counts().bytes_written == 8 * 512);
    f.forget();
    // But for the ends of a run that does not start and stop with a page.
    CHECK(outcome(f.heap.write(p.to_address() + 1, bytes.first(3 * 512))) == "ok");
    CHECK(f.page_ins() == 2);
    std::vector<std::byte> found(3 * 512);
    CHECK(outcome(f.heap.read(p.to_address() + 1, found)) == "ok");
    CHECK(std::ranges::equal(found, bytes.first(3 * 512)));
}

TEST_CASE("paging: a struct's members, and pins, bring its page in once") {
    fixture<512, 4> f;
    const auto p = f.pages<int>(16);
    const auto r = vmem::reinterpret_pointer_cast<record>(p);
    for (std::ptrdiff_t i = 0; i < 16 * 8; ++i) {
        r[i] = record{};
        (r + i)->id = static_cast<int>(i);
        (r + i)->value += (r + i)->id;
        (r + i)->rest[13] = (r + i)->value;
    }
    CHECK(f.page_ins() == 16);
    f.forget();
    for (std::ptrdiff_t at = 0; at < 16 * 128;) {
        const auto pin = (p + at).read(16 * 128);
        CHECK(pin->size() == 128);
        at += static_cast<std::ptrdiff_t>(pin->size());
    }
    CHECK(f.page_ins() == 16);
}

template <template <std::size_t> class Eviction>
double misses_per_access() {
    using disk = vmem::ram_storage<1025 * 64>;
    static disk storage;
    vmem::page_cache<vmem::storage_ref<disk>, std::uint32_t, 64, 256, Eviction, vmem::page_map,
                     true>
        cache{storage};
    CHECK(outcome(cache.start(storage.size())) == "ok");
    const auto trace = vmem::test::zipf_1024();
    std::array<std::byte, 1> one{};
    std::size_t failed = 0;
    for (const std::uint32_t page : trace) {
        failed += cache.read((page + 1) * address{64}, one) ? 0U : 1U;
    }
    CHECK(failed == 0);
    CHECK(cache.statistics().accesses == trace.size());
    CHECK(cache.statistics().write_backs == 0);
    return static_cast<double>(cache.statistics().page_ins) / static_cast<double>(trace.size());
}

TEST_CASE("paging: misses per access, zipf 1.0 over 1024 pages with 256 frames") {
    const double sieve = misses_per_access<vmem::sieve>();
    const double by_clock = misses_per_access<clock>();
    const double lru = misses_per_access<vmem::lru>();
    MESSAGE("sieve ", sieve, ", clock ", by_clock, ", lru ", lru);
    CHECK(sieve <= 0.205);
    CHECK(by_clock <= 0.256);
    CHECK(lru <= 0.265);
    // Better than what is possible would be a mistake in the counting.
    CHECK(sieve > 0.128);
    CHECK(by_clock > 0.128);
    CHECK(lru > 0.128);
}

TEST_CASE("paging: what an allocation costs in pages") {
    // All of the allocator's state is in virtual memory; with enough frames it stays in RAM.
    fixture<512, 16> f;
    std::vector<fixture<512, 16>::pointer<char>> live;
    for (int i = 0; i < 100; ++i) {
        live.push_back(f.heap.allocate<char>(32).value());
    }
    f.forget();
    for (int i = 0; i < 50; ++i) {
        CHECK(outcome(f.heap.deallocate(live[static_cast<std::size_t>(2 * i)])) == "ok");
    }
    // 100 blocks of 40 bytes, and the lists.
    CHECK(f.page_ins() <= 10);
    f.storage.reset_counts();
    for (int i = 0; i < 50; ++i) {
        CHECK(outcome(f.heap.allocate<char>(32)) == "ok");
    }
    CHECK(f.page_ins() == 0);
    CHECK(f.write_backs() == 0);
}

} // namespace
