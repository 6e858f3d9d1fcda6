// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/partition.hpp>
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
#include <utility>

namespace {

using vmem::errc;
using vmem::partition;
using vmem::ram_storage;
using vmem::storage_ref;
using vmem::contract::outcome;
using flash = vmem::test::raw_flash<512>;

template <class S>
concept has_capacity = requires { S::capacity; };
template <class S>
concept has_erase = requires(S& s) { s.erase(0, 0); };

static_assert(vmem::memory_mapped_storage<partition<ram_storage<8>>>);
static_assert(!vmem::memory_mapped_storage<partition<flash>>);
static_assert(!has_capacity<partition<ram_storage<8>>>, "the window is chosen at run time");
static_assert(has_erase<partition<flash>> && !has_erase<partition<ram_storage<8>>>);
static_assert(vmem::storage_traits<partition<flash>>::erase_size == 64);

constexpr vmem::address highest = (std::numeric_limits<vmem::address>::max)();

TEST_CASE("partition: contract") {
    vmem::contract::check_storage_contract(
        [] { return partition<ram_storage<500>>::make({}, {.offset = 17, .size = 200}).value(); });
    vmem::contract::check_storage_contract(
        [] { return partition<ram_storage<500>>::make({}, {.offset = 0, .size = 500}).value(); });
    vmem::contract::check_storage_contract(
        [] { return partition<flash>::make({}, {.offset = 128, .size = 256}).value(); });
    vmem::contract::check_storage_contract([] {
        using outer = partition<ram_storage<500>>;
        return partition<outer>::make(outer::make({}, {.offset = 100, .size = 200}).value(),
                                      {.offset = 50, .size = 100})
            .value();
    });
}

TEST_CASE("partition: touches its window and nothing else") {
    ram_storage<64> ram;
    using window = partition<storage_ref<ram_storage<64>>>;
    window low = window::make(ram, {.offset = 0, .size = 16}).value();
    window high = window::make(ram, {.offset = 16, .size = 48}).value();
    CHECK(low.size() == 16);
    CHECK(high.window().offset == 16);
    CHECK(high.data() == ram.data() + 16);
    CHECK(&high.inner().inner() == &ram);
    CHECK(std::as_const(high).inner().size() == 64);

    std::array<std::byte, 48> ones;
    ones.fill(std::byte{1});
    CHECK(outcome(high.write(0, ones)) == "ok");
    std::array<std::byte, 16> zeros;
    zeros.fill(std::byte{7});
    CHECK(outcome(low.read(0, zeros)) == "ok");
    CHECK(zeros == std::array<std::byte, 16>{});
    CHECK(low.write(1, zeros).error() == errc::out_of_range);
    CHECK(high.read(40, zeros).error() == errc::out_of_range);
    CHECK(std::count(ram.data(), ram.data() + 64, std::byte{1}) == 48);
}

TEST_CASE("partition: refuses a window that is not within the storage") {
    using window = partition<ram_storage<64>>;
    CHECK(window::make({}, {.offset = 0, .size = 64}).has_value());
    CHECK(window::make({}, {.offset = 63, .size = 1}).has_value());
    CHECK(window::make({}, {.offset = 0, .size = 0}).error() == errc::zero_size);
    CHECK(window::make({}, {.offset = 0, .size = 65}).error() == errc::out_of_range);
    CHECK(window::make({}, {.offset = 64, .size = 1}).error() == errc::out_of_range);
    CHECK(window::make({}, {.offset = 1, .size = highest}).error() == errc::out_of_range);
    CHECK(window::make({}, {.offset = highest, .size = 1}).error() == errc::out_of_range);
    CHECK(window::make({}, {.offset = highest, .size = 2}).error() == errc::out_of_range);
}

TEST_CASE("partition: refuses a window that cuts through a granule") {
    using device = partition<flash>;
    CHECK(device::make({}, {.offset = 64, .size = 64}).has_value());
    CHECK(device::make({}, {.offset = 60, .size = 64}).error() == errc::misaligned);
    CHECK(device::make({}, {.offset = 64, .size = 68}).error() == errc::misaligned);

    using disk = vmem::contract::faulty<ram_storage<64>, vmem::storage_geometry{
                                                             .write_size = 4,
                                                             .atomic_write_size = 16,
                                                         }>;
    using sectors = partition<disk>;
    CHECK(sectors::make(disk{{}}, {.offset = 16, .size = 32}).has_value());
    CHECK(sectors::make(disk{{}}, {.offset = 4, .size = 16}).error() == errc::misaligned);
}

TEST_CASE("partition: erases within its window") {
    flash device;
    using window = partition<storage_ref<flash>>;
    window part = window::make(device, {.offset = 64, .size = 128}).value();
    const std::array<std::byte, 512> zeros{};
    CHECK(outcome(device.write(0, zeros)) == "ok");
    CHECK(outcome(part.erase(0, 128)) == "ok");
    std::array<std::byte, 512> bytes{};
    CHECK(outcome(device.read(0, bytes)) == "ok");
    CHECK(std::ranges::count(std::span(bytes).subspan(64, 128), std::byte{0xFF}) == 128);
    CHECK(std::ranges::count(bytes, std::byte{0xFF}) == 128);
    CHECK(part.erase(64, 128).error() == errc::out_of_range);
    CHECK(part.erase(highest - 63, 128).error() == errc::out_of_range);
}

TEST_CASE("partition: passes errors on") {
    using disk = vmem::contract::faulty<ram_storage<64>>;
    partition<disk> part = partition<disk>::make(disk{{},
                                                      {.fail_reads = {.first = 1},
                                                       .fail_writes = {.first = 1},
                                                       .fail_syncs = {.first = 1}}},
                                                 {.offset = 8, .size = 8})
                               .value();
    std::array<std::byte, 8> bytes{};
    CHECK(part.read(0, bytes).error() == errc::read_failed);
    CHECK(part.write(0, bytes).error() == errc::write_failed);
    CHECK(part.sync().error() == errc::sync_failed);
}

} // namespace
