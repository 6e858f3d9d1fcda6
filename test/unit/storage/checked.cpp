// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/checked.hpp>
#include <vmem/storage/counted.hpp>
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
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using vmem::address;
using vmem::checked;
using vmem::counted;
using vmem::errc;
using vmem::ram_storage;
using vmem::storage_ref;
using vmem::contract::faulty;
using vmem::contract::flaky;
using vmem::contract::outcome;

/// Does not gather, and transfers 16 bytes at the least.
using coarse =
    faulty<ram_storage<20UL * 80>,
           vmem::storage_geometry{.read_size = 8, .write_size = 16, .atomic_write_size = 16}>;

static_assert(checked<ram_storage<5160>, 512>::capacity == 5120);
static_assert(checked<ram_storage<5160>, 512>::stride == 516);
static_assert(checked<coarse, 64>::stride == 80, "in units of the storage");
static_assert(checked<ram_storage<5160>>::geometry.write_size == 512);
static_assert(!vmem::memory_mapped_storage<checked<ram_storage<5160>>>,
              "what is read past it would not be checked");

template <class Checked, class... Arguments>
[[nodiscard]] Checked formatted(Arguments... arguments) {
    Checked made(arguments...);
    CHECK(outcome(made.format()) == "ok");
    return made;
}

template <std::size_t Count>
[[nodiscard]] std::array<std::byte, Count> filled(unsigned value) {
    std::array<std::byte, Count> bytes;
    bytes.fill(static_cast<std::byte>(value));
    return bytes;
}

TEST_CASE("checked: contract") {
    vmem::contract::check_storage_contract(
        [] { return formatted<checked<ram_storage<5160>, 512>>(); });
    vmem::contract::check_storage_contract(
        [] { return formatted<checked<ram_storage<500>, 16>>(); });
    vmem::contract::check_storage_contract(
        [] { return formatted<checked<coarse, 64>>(coarse({})); });
    using twice = checked<checked<ram_storage<3000>, 16>, 64>;
    vmem::contract::check_storage_contract([] {
        checked<ram_storage<3000>, 16> inner;
        CHECK(outcome(inner.format()) == "ok");
        return formatted<twice>(inner);
    });
}

TEST_CASE("checked: a medium that is not formatted is corrupt") {
    checked<ram_storage<1020>, 64> storage;
    std::array<std::byte, 1> byte{};
    CHECK(storage.size() == 15UL * 64);
    CHECK(storage.last_corrupt() == storage.size());
    CHECK(storage.corruptions() == 0);
    CHECK(storage.read(130, byte).error() == errc::corrupt);
    CHECK(storage.last_corrupt() == 128);
    CHECK(storage.corruptions() == 1);
    CHECK(outcome(storage.format()) == "ok");
    CHECK(outcome(storage.verify()) == "ok");
    CHECK(outcome(storage.read(130, byte)) == "ok");
    CHECK(byte[0] == std::byte{0});
}

TEST_CASE("checked: every flipped bit is corrupt, with its address; the rest is right") {
    ram_storage<6UL * 36> medium;
    auto storage = formatted<checked<storage_ref<ram_storage<6UL * 36>>, 32>>(storage_ref(medium));
    std::array<std::byte, 192> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(i * 7);
    }
    CHECK(outcome(storage.write(0, bytes)) == "ok");
    bool shown = true;
    for (std::size_t bit = 0; bit < 8 * medium.size(); ++bit) {
        medium.data()[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        const address damaged = bit / 8 / 36 * 32;
        std::array<std::byte, 192> out{};
        const auto all = storage.read(0, out);
        shown = shown && !all && all.error() == errc::corrupt && storage.last_corrupt() == damaged;
        shown = shown && !storage.verify() && storage.last_corrupt() == damaged;
        for (address at = 0; at < 192; at += 32) {
            const auto one = storage.read(at + 3, std::span(out).first(5));
            shown = shown && one.has_value() == (at != damaged) &&
                    (!one || std::equal(out.begin(), out.begin() + 5, &bytes[at + 3]));
        }
        medium.data()[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    }
    CHECK(shown);
}

TEST_CASE("checked: a block in the wrong place is corrupt, and so is one of an older medium") {
    ram_storage<4UL * 36> medium;
    auto storage = formatted<checked<storage_ref<ram_storage<4UL * 36>>, 32>>(storage_ref(medium));
    std::copy_n(medium.data(), 36, medium.data() + 72);
    std::array<std::byte, 32> bytes{};
    CHECK(outcome(storage.read(0, bytes)) == "ok");
    CHECK(storage.read(64, bytes).error() == errc::corrupt);
    CHECK(storage.last_corrupt() == 64);
}

TEST_CASE("checked: a part of a corrupt block cannot be written, the whole can") {
    ram_storage<4UL * 36> medium;
    auto storage = formatted<checked<storage_ref<ram_storage<4UL * 36>>, 32>>(storage_ref(medium));
    medium.data()[40] ^= std::byte{1};
    CHECK(storage.write(33, filled<1>(1)).error() == errc::corrupt);
    CHECK(storage.write(0, filled<48>(2)).error() == errc::corrupt);
    std::array<std::byte, 32> out{};
    CHECK(outcome(storage.read(0, out)) == "ok");
    CHECK(out == filled<32>(2));
    CHECK(outcome(storage.write(32, filled<32>(3))) == "ok");
    CHECK(outcome(storage.verify()) == "ok");
    CHECK(storage.verify(100, 29).error() == errc::out_of_range);
    CHECK(outcome(storage.verify(127, 1)) == "ok");
}

TEST_CASE("checked: what is known to be lost can be made corrupt") {
    auto storage = formatted<checked<ram_storage<8UL * 36>, 32>>();
    CHECK(outcome(storage.spoil(33, 32)) == "ok");
    CHECK(outcome(storage.verify(0, 32)) == "ok");
    CHECK(storage.verify(32, 32).error() == errc::corrupt);
    CHECK(storage.verify(64, 32).error() == errc::corrupt);
    CHECK(outcome(storage.verify(96, 160)) == "ok");
    CHECK(outcome(storage.write(32, filled<64>(1))) == "ok");
    CHECK(outcome(storage.verify()) == "ok");
    CHECK(outcome(storage.spoil(10, 0)) == "ok");
    CHECK(outcome(storage.verify()) == "ok");
    CHECK(storage.spoil(250, 7).error() == errc::out_of_range);
}

TEST_CASE("checked: what an access costs") {
    using medium = counted<ram_storage<40UL * 516>>;
    auto storage = formatted<checked<medium>>();
    const auto& counts = storage.inner().counts();
    std::vector<std::byte> bytes(20UL * 512, std::byte{1});
    const auto all = std::span(bytes);
    storage.inner().reset_counts();
    CHECK(outcome(storage.write(512, all)) == "ok");
    CHECK(counts.reads == 0);
    CHECK(counts.writes == 2);
    CHECK(counts.bytes_written == 20UL * 516);
    storage.inner().reset_counts();
    CHECK(outcome(storage.read(512, all)) == "ok");
    CHECK(counts.reads == 2);
    storage.inner().reset_counts();
    CHECK(outcome(storage.read(512, all.first(512))) == "ok");
    CHECK(outcome(storage.read(700, all.first(4))) == "ok");
    CHECK(counts.reads == 2);
    storage.inner().reset_counts();
    CHECK(outcome(storage.write(700, all.first(4))) == "ok");
    CHECK(counts.reads == 1);
    CHECK(counts.writes == 1);
    CHECK(counts.bytes_written == 516);
}

/// Whether each block is all old or all new, or corrupt.
template <class Storage>
[[nodiscard]] bool old_new_or_corrupt(Storage& storage, address blocks, bool may_be_corrupt) {
    constexpr std::size_t size = Storage::block_size;
    bool fine = true;
    for (address block = 0; block < blocks; ++block) {
        std::array<std::byte, size> out{};
        const auto found = storage.read(block * size, out);
        fine = fine && (found ? out == filled<size>(1) || out == filled<size>(2)
                              : may_be_corrupt && found.error() == errc::corrupt);
    }
    return fine;
}

TEST_CASE("checked: a torn write leaves whole blocks, old or new, or corrupt ones") {
    using disk = faulty<ram_storage<4UL * 20>>;
    auto before = formatted<checked<disk, 16>>(disk({}));
    CHECK(outcome(before.write(0, filled<64>(1))) == "ok");
    CHECK(outcome(before.sync()) == "ok");
    std::mt19937_64 random;
    int corrupt = 0;
    for (int trial = 0; trial < 2000; ++trial) {
        auto storage = before;
        storage.inner().set_plan({.tear = {.write = 1, .units = {}}});
        vmem::contract::landed_units units(60);
        // Most often a prefix, as drives tear.
        const std::size_t prefix = random() % 61;
        for (std::size_t unit = 0; unit < units.size(); ++unit) {
            units[unit] = trial % 4 == 0 ? random() % 2 == 0 : unit < prefix;
        }
        storage.inner().set_plan({.tear = {.write = 1, .units = units}});
        CHECK(storage.write(16, filled<48>(2)).error() == errc::power_lost);
        storage.inner().cut_power(vmem::contract::all_survive(storage.inner().pending().size()));
        storage.inner().power_on();
        CHECK(old_new_or_corrupt(storage, 4, true));
        corrupt += storage.verify() ? 0 : 1;
        std::array<std::byte, 16> out{};
        CHECK(outcome(storage.read(0, out)) == "ok");
        // Whoever recovers writes whole blocks.
        CHECK(outcome(storage.write(0, filled<64>(1))) == "ok");
        CHECK(outcome(storage.verify()) == "ok");
    }
    CHECK(corrupt > 500);
}

TEST_CASE("checked: a failing operation is reported, and nothing else is harmed") {
    for (const auto how :
         {vmem::contract::failed_write::stores_nothing, vmem::contract::failed_write::stores_some,
          vmem::contract::failed_write::stores_all}) {
        using disk = flaky<ram_storage<8UL * 20>>;
        auto storage = formatted<checked<disk, 16>>();
        CHECK(outcome(storage.write(0, filled<128>(1))) == "ok");
        std::uint64_t failed = 1;
        for (std::uint64_t n = 1; failed != 0; ++n) {
            storage.inner().fail(n, 1, how);
            std::array<std::byte, 50> out{};
            const auto wrote = storage.write(16, filled<48>(2));
            const auto part = wrote ? storage.write(70, filled<3>(1)) : wrote;
            const auto read = storage.read(3, out);
            const auto synced = storage.sync();
            failed = storage.inner().failed();
            storage.inner().heal();
            CHECK((failed == 0) == (wrote && part && read && synced));
            if (!wrote) {
                CHECK(wrote.error() == errc::write_failed);
                CHECK(old_new_or_corrupt(storage, 8,
                                         how == vmem::contract::failed_write::stores_some));
            }
            CHECK(outcome(storage.write(0, filled<128>(1))) == "ok");
        }
    }
}

} // namespace
