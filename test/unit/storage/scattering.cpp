// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/scattering.hpp>

#include "contract/flaky.hpp"

#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <span>

namespace {

/// A storage that reads bytes 0, 1, 2, ... wherever it is asked, in one operation.
struct scattering : vmem::storage_archetype {
    int operations = 0;

    [[nodiscard]] vmem::result<void> read_scattered(vmem::address from, vmem::address, auto& next) {
        ++operations;
        for (auto piece = next(); !piece.empty(); piece = next()) {
            for (std::byte& each : piece) {
                each = static_cast<std::byte>(from++);
            }
        }
        return {};
    }
};
static_assert(vmem::scattering_storage<scattering>);
static_assert(!vmem::scattering_storage<vmem::storage_archetype>);

/// Three places in an array, in another order.
struct three_places {
    std::array<std::byte, 60> bytes{};
    std::size_t at = 0;

    std::span<std::byte> operator()() {
        const std::array<std::span<std::byte>, 4> pieces{
            std::span(bytes).subspan(40, 10), std::span(bytes).subspan(0, 20),
            std::span(bytes).subspan(30, 5), std::span<std::byte>()};
        return pieces[at++];
    }
};

} // namespace

TEST_CASE("read_scattered: one operation where the storage can") {
    scattering disk;
    three_places places;
    REQUIRE(vmem::read_scattered(disk, 100, 35, places));
    CHECK(disk.operations == 1);
    CHECK(places.bytes[40] == std::byte{100});
    CHECK(places.bytes[0] == std::byte{110});
    CHECK(places.bytes[34] == std::byte{134});
    CHECK(places.bytes[20] == std::byte{0});
}

TEST_CASE("read_scattered: one per piece elsewhere, and none beyond the end") {
    vmem::contract::flaky<vmem::ram_storage<256>> disk; // counts, and cannot scatter
    static_assert(!vmem::scattering_storage<decltype(disk)>);
    for (std::size_t i = 0; i < 256; ++i) {
        disk.inner().data()[i] = static_cast<std::byte>(i);
    }
    three_places places;
    REQUIRE(vmem::read_scattered(disk, 100, 35, places));
    CHECK(disk.operations() == 3);
    CHECK(places.bytes[40] == std::byte{100});
    CHECK(places.bytes[19] == std::byte{129});
    CHECK(places.bytes[30] == std::byte{130});
    three_places beyond;
    CHECK(vmem::read_scattered(disk, 222, 35, beyond).error() == vmem::errc::out_of_range);
    CHECK(disk.operations() == 3);
}
