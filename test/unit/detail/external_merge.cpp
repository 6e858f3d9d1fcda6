// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/external_merge.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/residency/page_cache.hpp>
#include <vmem/residency/translation.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <functional>
#include <random>
#include <span>
#include <vector>

namespace {

using cache = vmem::page_cache<vmem::counted<vmem::ram_storage<65536>>, std::uint32_t, 64, 34,
                               vmem::clock, vmem::page_map, false>;
using merge = vmem::detail::external_merge<cache, std::uint32_t, std::less<>>;

constexpr std::size_t count = 5000;
constexpr vmem::address here = 64 * 3 + 8;
constexpr vmem::address there = 64 * 500 + 8;

TEST_CASE("external_merge: runs end with pages, and are merged as many at a time as wanted") {
    cache memory;
    REQUIRE(memory.start(65536));
    std::mt19937_64 random(1);
    std::vector<std::uint32_t> values(count);
    std::ranges::generate(values, [&] { return static_cast<std::uint32_t>(random()); });
    REQUIRE(memory.write_around(here, std::as_bytes(std::span(values))));
    const auto loan = memory.lend(32).value();
    std::less<> less;
    merge passes(memory, loan, here, count, less);
    CHECK(passes.room() == 32 * 64 / 2 / 4);
    CHECK(passes.run_stride() == 16 * 64);
    CHECK(passes.runs(passes.run_stride()) == 20); // 20008 bytes with those before the first
    CHECK(passes.most_ways() >= 12);

    memory.storage().reset_counts();
    REQUIRE(passes.make_runs(there));
    CHECK(memory.storage().counts().reads == 20);
    CHECK(memory.storage().counts().writes == 20);
    CHECK(memory.storage().counts().bytes_read == 4 * count);
    REQUIRE(passes.merge(there, here, passes.run_stride(), 5));
    REQUIRE(passes.merge(here, there, 5 * passes.run_stride(), 4));
    CHECK(memory.storage().counts().bytes_read == 12 * count);
    CHECK(memory.storage().counts().bytes_written == 12 * count);
    std::vector<std::uint32_t> found(count);
    REQUIRE(memory.read_around(there, std::as_writable_bytes(std::span(found))));
    std::ranges::sort(values);
    CHECK(found == values);
    memory.take_back(loan);
}

TEST_CASE("external_merge: the last run can stay in RAM, and is rescued from there") {
    cache memory;
    REQUIRE(memory.start(65536));
    std::vector<std::uint32_t> values(1000);
    std::ranges::generate(values, [n = 1000U]() mutable { return --n; });
    REQUIRE(memory.write_around(here, std::as_bytes(std::span(values))));
    const auto loan = memory.lend(32).value();
    std::less<> less;
    merge passes(memory, loan, here, 1000, less);
    REQUIRE(passes.runs(passes.run_stride()) == 4);
    passes.keep_last();
    memory.storage().reset_counts();
    REQUIRE(passes.make_runs(there));
    CHECK(memory.storage().counts().writes == 3);
    std::vector<std::uint32_t> found(1000);
    const auto look = [&] {
        REQUIRE(memory.read_around(here, std::as_writable_bytes(std::span(found))));
    };
    SUBCASE("merged") {
        REQUIRE(passes.merge(there, here, passes.run_stride(), 4));
    }
    SUBCASE("rescued") {
        REQUIRE(memory.write_around(here, std::vector<std::byte>(4000)));
        REQUIRE(passes.rescue(there, here));
    }
    look();
    std::ranges::sort(found);
    std::ranges::sort(values);
    CHECK(found == values);
    memory.take_back(loan);
}

TEST_CASE("external_merge: too little RAM to merge") {
    cache memory;
    REQUIRE(memory.start(65536));
    std::less<> less;
    const auto one = memory.lend(1).value();
    CHECK(merge(memory, one, here, count, less).most_ways() == 0);
    const auto three = memory.lend(3).value();
    CHECK(merge(memory, three, here, count, less).most_ways() == 2);
    memory.take_back(one);
    memory.take_back(three);
}

} // namespace
