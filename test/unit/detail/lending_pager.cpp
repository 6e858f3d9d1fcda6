// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/lending_pager.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/residency/page_cache.hpp>
#include <vmem/residency/translation.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/flaky.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <vector>

namespace {

using vmem::errc;

constexpr vmem::address memory_end = 2560; // 40 pages

template <vmem::storage_geometry Geometry = vmem::storage_geometry{}>
using cache =
    vmem::page_cache<vmem::counted<vmem::contract::flaky<vmem::ram_storage<memory_end>, Geometry>>,
                     std::uint32_t, 64, 6, vmem::clock, vmem::page_map, true>;

[[nodiscard]] std::span<std::byte> bytes_of(std::vector<std::byte>& bytes) {
    return bytes;
}

TEST_CASE("lend: frames that follow each other, and none that is pinned") {
    cache<> memory;
    REQUIRE(memory.start(memory_end));
    REQUIRE(memory.pin(320, 1, 1, vmem::access::read));
    const auto held = memory.pin(384, 1, 1, vmem::access::read).value();
    memory.unpin(0);
    const auto loan = memory.lend(9).value();
    CHECK(loan.size == 64 * 4);
    CHECK(memory.unpinned_frames() == 1);
    std::memset(loan.data, 0x55, loan.size);
    // The one that is left serves, and what is lent is left alone.
    std::vector<std::byte> some(200, std::byte{7});
    REQUIRE(memory.write(100, some));
    CHECK(loan.data[0] == std::byte{0x55});
    CHECK(loan.data[loan.size - 1] == std::byte{0x55});
    const auto one = memory.lend(1).value();
    CHECK(one.size == 64);
    CHECK(memory.lend(1).error() == errc::no_free_frame);
    CHECK(memory.start(memory_end).error() == errc::no_free_frame);
    memory.take_back(one);
    memory.take_back(loan);
    memory.unpin(held.slot);
    CHECK(memory.unpinned_frames() == 6);
    CHECK(memory.lend(0).error() == errc::no_free_frame);
}

TEST_CASE("lend: what the frames held is saved first, or nothing is lent") {
    cache<> memory;
    REQUIRE(memory.start(memory_end));
    std::vector<std::byte> some(300, std::byte{7});
    REQUIRE(memory.write(100, some));
    memory.storage().inner().fail(1);
    CHECK(memory.lend(6).error() == errc::write_failed);
    memory.storage().inner().heal();
    CHECK(memory.unpinned_frames() == 6);
    const auto loan = memory.lend(6).value();
    CHECK(memory.read(100, bytes_of(some)).error() == errc::no_free_frame);
    memory.take_back(loan);
    std::vector<std::byte> found(300);
    REQUIRE(memory.read(100, found));
    CHECK(found == some);
}

/// Random reads and writes of all kinds against a plain array.
template <vmem::storage_geometry Geometry>
void check_random(std::uint64_t seed, std::uint64_t fail_every) {
    CAPTURE(seed);
    cache<Geometry> memory;
    REQUIRE(memory.start(memory_end));
    std::vector<std::byte> model(memory_end, std::byte{0});
    std::mt19937_64 random(seed);
    for (int step = 0; step < 3000; ++step) {
        const std::size_t at = 64 + random() % (memory_end - 64);
        const std::size_t count = random() % (step % 3 == 0 ? 800 : 70) % (memory_end - at + 1);
        std::vector<std::byte> bytes(count, static_cast<std::byte>(random()));
        const bool failing = fail_every != 0 && random() % fail_every == 0;
        const auto kind = random() % 5;
        if (failing) {
            memory.storage().inner().fail(1 + random() % 3, 1,
                                          vmem::contract::failed_write::stores_some);
        }
        if (kind < 2) {
            const auto done = kind == 0 ? memory.read(at, bytes) : memory.read_around(at, bytes);
            REQUIRE((done || failing));
            if (done) {
                REQUIRE(std::equal(bytes.begin(), bytes.end(), &model[at - 1] + 1));
            }
        } else if (kind < 4) {
            const auto done = kind == 2 ? memory.write(at, bytes) : memory.write_around(at, bytes);
            REQUIRE((done || failing));
            memory.storage().inner().heal();
            if (!done) {
                // Each byte is old or new.
                std::vector<std::byte> found(count);
                REQUIRE(memory.read_around(at, found));
                for (std::size_t i = 0; i < count; ++i) {
                    REQUIRE((found[i] == bytes[i] || found[i] == model[at + i]));
                }
                bytes = found;
            }
            std::copy(bytes.begin(), bytes.end(), model.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
            REQUIRE((memory.flush() || failing));
        }
        memory.storage().inner().heal();
    }
    REQUIRE(memory.flush());
    std::vector<std::byte> found(memory_end - 64);
    REQUIRE(memory.read(64, found));
    CHECK(std::memcmp(found.data(), model.data() + 64, found.size()) == 0);
}

TEST_CASE("read_around, write_around: the same bytes as through the frames") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        check_random<vmem::storage_geometry{}>(seed, 0);
        check_random<vmem::storage_geometry{.read_size = 16, .write_size = 32}>(seed, 0);
        check_random<vmem::storage_geometry{}>(seed, 20);
        check_random<vmem::storage_geometry{.read_size = 64, .write_size = 64}>(seed, 20);
    }
}

TEST_CASE("read_around, write_around: one operation, and pages stay out of RAM") {
    cache<> memory;
    REQUIRE(memory.start(memory_end));
    std::vector<std::byte> some(1000, std::byte{7});
    REQUIRE(memory.write_around(100, some));
    REQUIRE(memory.read_around(100, some));
    CHECK(memory.storage().counts().writes == 1);
    CHECK(memory.storage().counts().reads == 1);
    CHECK(memory.statistics().bytes_read == 1000);
    CHECK(memory.statistics().bytes_written == 1000);
    CHECK_FALSE(memory.state_of(3).resident);
    CHECK(memory.read_around(0, some).error() == errc::null_pointer);
    CHECK(memory.write_around(memory_end - 64, some).error() == errc::out_of_range);
}

} // namespace
