// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/concatenated.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/faulty.hpp"
#include "contract/storage_contract.hpp"
#include "support/raw_flash.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

namespace {

using vmem::address;
using vmem::concatenated;
using vmem::counted;
using vmem::errc;
using vmem::ram_storage;
using vmem::storage_counts;
using vmem::storage_geometry;
using vmem::storage_ref;
using vmem::contract::faulty;
using vmem::contract::outcome;
using flash = vmem::test::raw_flash<256>;
using other_flash = vmem::test::raw_flash<256, 8, 128>;

template <class S>
concept has_capacity = requires { S::capacity; };
template <class S>
concept has_erase = requires(S& s) { s.erase(0, 0); };

/// Says that it has so many bytes, and has none.
struct pretender {
    address bytes;
    [[nodiscard]] address size() const noexcept { return bytes; }
    [[nodiscard]] vmem::result<void> read(address, std::span<std::byte>) { return {}; }
    [[nodiscard]] vmem::result<void> write(address, std::span<const std::byte>) { return {}; }
    [[nodiscard]] vmem::result<void> sync() { return {}; }
};

using coarse = faulty<ram_storage<64>,
                      storage_geometry{.read_size = 8, .write_size = 16, .atomic_write_size = 16}>;
using finer = faulty<ram_storage<64>,
                     storage_geometry{.read_size = 32, .write_size = 4, .atomic_write_size = 2}>;
using mixed = concatenated<coarse, finer>;

static_assert(mixed::geometry.read_size == 32 && mixed::geometry.write_size == 16 &&
              mixed::geometry.erase_size == 0 && mixed::geometry.atomic_write_size == 2);
static_assert(concatenated<finer, coarse>::geometry.atomic_write_size == 2 &&
              concatenated<finer, coarse>::geometry.write_size == 16);
static_assert(concatenated<flash, other_flash>::geometry.erase_size == 128);
static_assert(concatenated<ram_storage<3>, ram_storage<4>, ram_storage<5>>::capacity == 12);
static_assert(!has_capacity<concatenated<ram_storage<3>, pretender>>);
static_assert(has_erase<concatenated<flash, other_flash>> &&
              !has_erase<concatenated<ram_storage<3>, ram_storage<3>>>);
static_assert(!vmem::memory_mapped_storage<concatenated<ram_storage<3>, ram_storage<3>>>);

static_assert(std::is_default_constructible_v<concatenated<ram_storage<3>, ram_storage<4>>>);
static_assert(!std::is_default_constructible_v<concatenated<ram_storage<3>, pretender>>);

TEST_CASE("concatenated: contract") {
    vmem::contract::check_storage_contract([] { return concatenated<ram_storage<100>>{}; });
    vmem::contract::check_storage_contract(
        [] { return concatenated<ram_storage<1>, ram_storage<99>, ram_storage<3>>{}; });
    vmem::contract::check_storage_contract(
        [] { return mixed::make(coarse{{}}, finer{{}}).value(); });
    vmem::contract::check_storage_contract([] { return concatenated<flash, other_flash>{}; });
    vmem::contract::check_storage_contract([] {
        using inner = concatenated<ram_storage<7>, ram_storage<9>>;
        return concatenated<ram_storage<16>, inner, ram_storage<33>>{};
    });
}

TEST_CASE("concatenated: an access goes to the storages that it touches, in one piece each") {
    counted<ram_storage<10>> a;
    counted<ram_storage<20>> b;
    counted<ram_storage<30>> c;
    auto all =
        concatenated<storage_ref<counted<ram_storage<10>>>, storage_ref<counted<ram_storage<20>>>,
                     storage_ref<counted<ram_storage<30>>>>::make(a, b, c)
            .value();
    CHECK(all.size() == 60);
    std::array<std::byte, 60> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(i + 1);
    }

    SUBCASE("all of them") {
        CHECK(outcome(all.write(0, bytes)) == "ok");
        CHECK(a.counts() == storage_counts{.writes = 1, .bytes_written = 10});
        CHECK(b.counts() == storage_counts{.writes = 1, .bytes_written = 20});
        CHECK(c.counts() == storage_counts{.writes = 1, .bytes_written = 30});
        CHECK(a.inner().data()[9] == std::byte{10});
        CHECK(b.inner().data()[0] == std::byte{11});
        CHECK(b.inner().data()[19] == std::byte{30});
        CHECK(c.inner().data()[0] == std::byte{31});
    }
    SUBCASE("up to a border") {
        CHECK(outcome(all.write(0, std::span(bytes).first(10))) == "ok");
        CHECK(outcome(all.read(10, std::span(bytes).first(20))) == "ok");
        CHECK(a.counts() == storage_counts{.writes = 1, .bytes_written = 10});
        CHECK(b.counts() == storage_counts{.reads = 1, .bytes_read = 20});
        CHECK(c.counts() == storage_counts{});
    }
    SUBCASE("across the last border") {
        CHECK(outcome(all.read(29, std::span(bytes).first(2))) == "ok");
        CHECK(a.counts() == storage_counts{});
        CHECK(b.counts() == storage_counts{.reads = 1, .bytes_read = 1});
        CHECK(c.counts() == storage_counts{.reads = 1, .bytes_read = 1});
    }
    SUBCASE("nothing, and out of range") {
        CHECK(outcome(all.read(60, {})) == "ok");
        CHECK(all.write(59, std::span(bytes).first(2)).error() == errc::out_of_range);
        for (const auto& counts : {a.counts(), b.counts(), c.counts()}) {
            CHECK(counts == storage_counts{});
        }
    }
    SUBCASE("sync: all") {
        CHECK(outcome(all.sync()) == "ok");
        for (const auto& counts : {a.counts(), b.counts(), c.counts()}) {
            CHECK(counts == storage_counts{.syncs = 1});
        }
    }
}

using disk = faulty<ram_storage<16>>;
using three_disks = concatenated<storage_ref<disk>, storage_ref<disk>, storage_ref<disk>>;

TEST_CASE("concatenated: sync tries all and returns the first error") {
    disk a{{}};
    disk b{{}, {.fail_syncs = {.first = 1}}};
    disk c{{}, {.cut_after_steps = 1}};
    three_disks all = three_disks::make(a, b, c).value();
    CHECK(all.sync().error() == errc::sync_failed);
    CHECK(a.syncs() == 1);
    CHECK(c.syncs() == 1);
    CHECK(all.sync().error() == errc::power_lost);
    CHECK(a.syncs() == 2);
}

TEST_CASE("concatenated: a write stops at the storage that fails") {
    disk a{{}};
    disk b{{}, {.fail_writes = {.first = 1}}};
    disk c{{}};
    three_disks all = three_disks::make(a, b, c).value();
    std::array<std::byte, 48> bytes;
    bytes.fill(std::byte{5});
    CHECK(all.write(0, bytes).error() == errc::write_failed);
    CHECK(a.writes() == 1);
    CHECK(b.writes() == 1);
    CHECK(c.writes() == 0);
    CHECK(outcome(all.read(0, bytes)) == "ok");
    CHECK(std::ranges::count(bytes, std::byte{5}) == 16);

    a.set_plan({.fail_reads = {.first = 1}});
    b.set_plan({});
    CHECK(all.read(0, bytes).error() == errc::read_failed);
    CHECK(b.reads() == 0);
}

TEST_CASE("concatenated: refuses what cannot be joined") {
    using device = concatenated<pretender, finer>;
    CHECK(device::make({32}, finer{{}}).has_value());
    CHECK(device::make({33}, finer{{}}).error() == errc::misaligned);
    CHECK(device::make({16}, finer{{}}).error() == errc::misaligned);

    constexpr address highest = (std::numeric_limits<address>::max)();
    using two = concatenated<pretender, pretender>;
    CHECK(two::make({highest - 1}, {1}).has_value());
    CHECK(two::make({highest}, {1}).error() == errc::too_large);
    CHECK(two::make({1}, {highest}).error() == errc::too_large);
    CHECK(two::make({highest}, {highest}).error() == errc::too_large);
}

TEST_CASE("concatenated: an empty storage takes no room") {
    ram_storage<8> ram;
    using joined = concatenated<pretender, storage_ref<ram_storage<8>>, pretender>;
    joined all = joined::make({0}, ram, {0}).value();
    CHECK(all.size() == 8);
    const std::array<std::byte, 8> bytes{std::byte{3}};
    CHECK(outcome(all.write(0, bytes)) == "ok");
    CHECK(ram.data()[0] == std::byte{3});
}

TEST_CASE("concatenated: erases across a border") {
    concatenated<flash, other_flash> device;
    std::array<std::byte, 512> bytes{};
    CHECK(outcome(device.write(0, bytes)) == "ok");
    CHECK(outcome(device.erase(128, 256)) == "ok");
    CHECK(outcome(device.read(0, bytes)) == "ok");
    CHECK(std::ranges::count(bytes, std::byte{0xFF}) == 256);
    CHECK(std::ranges::count(std::span(bytes).subspan(128, 256), std::byte{0xFF}) == 256);
    CHECK(device.erase(384, 256).error() == errc::out_of_range);
}

TEST_CASE("concatenated: holds what can only be moved") {
    struct move_only : ram_storage<8> {
        move_only() = default;
        move_only(move_only&&) = default;
        move_only& operator=(move_only&&) = default;
    };
    using joined = concatenated<move_only, ram_storage<8>>;
    joined first = joined::make({}, {}).value();
    joined second = std::move(first);
    CHECK(second.size() == 16);
}

} // namespace
