// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/unit_io.hpp>

#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/faulty.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <numeric>
#include <span>
#include <vector>

namespace {

using namespace vmem::detail;
using vmem::storage_geometry;
using bytewise = vmem::contract::faulty<vmem::ram_storage<4096>>;
using sectors = vmem::contract::faulty<
    vmem::ram_storage<4096>,
    storage_geometry{.read_size = 32, .write_size = 64, .erase_size = 0, .atomic_write_size = 64}>;

static_assert(access_unit<bytewise> == 1 && access_unit<sectors> == 64);

/// A storage that holds its own addresses.
template <class Storage>
Storage numbered() {
    vmem::ram_storage<4096> medium;
    for (std::size_t at = 0; at < 4096; ++at) {
        medium.data()[at] = static_cast<std::byte>(at * 7 / 3);
    }
    return Storage(medium);
}
std::byte at(std::size_t n) {
    return static_cast<std::byte>(n * 7 / 3);
}

TEST_CASE_TEMPLATE("unit_io: reads any bytes", Storage, bytewise, sectors) {
    Storage storage = numbered<Storage>();
    for (std::size_t from = 0; from < 200; from += 7) {
        for (std::size_t count = 0; count < 200; count += 11) {
            std::vector<std::byte> out(count);
            REQUIRE(read_any(storage, from, out));
            for (std::size_t n = 0; n < count; ++n) {
                REQUIRE(out[n] == at(from + n));
            }
        }
    }
}

TEST_CASE_TEMPLATE("unit_io: writes zeros, and nothing else", Storage, bytewise, sectors) {
    Storage storage = numbered<Storage>();
    REQUIRE(write_zeros(storage, 128, 640));
    REQUIRE(storage.sync());
    for (std::size_t n = 100; n < 1000; ++n) {
        REQUIRE(storage.medium().data()[n] == (n >= 128 && n < 768 ? std::byte{0} : at(n)));
    }
}

TEST_CASE_TEMPLATE("unit_io: copies, and sums up", Storage, bytewise, sectors) {
    Storage storage = numbered<Storage>();
    REQUIRE(sum_or_copy<128>(storage, 64, 320, 2048, nullptr));
    REQUIRE(storage.sync());
    for (std::size_t n = 0; n < 4096; ++n) {
        const bool copied = n >= 2048 && n < 2368;
        REQUIRE(storage.medium().data()[n] == at(copied ? n - 2048 + 64 : n));
    }
    std::uint32_t crc = 17;
    REQUIRE(sum_or_copy<128>(storage, 64, 960, 0, &crc));
    CHECK(crc ==
          vmem::content_sum(std::span<const std::byte>(storage.medium().data() + 64, 960), 17));
}

/// Pieces of the given sizes, of a run of bytes.
struct pieces {
    std::vector<std::byte> bytes;
    std::vector<std::size_t> sizes;
    std::size_t next = 0;
    std::size_t begin = 0;

    explicit pieces(std::vector<std::size_t> all)
        : bytes(std::accumulate(all.begin(), all.end(), std::size_t{0})), sizes(std::move(all)) {
        for (std::size_t n = 0; n < bytes.size(); ++n) {
            bytes[n] = static_cast<std::byte>(n * 31 / 5);
        }
    }
    std::span<const std::byte> operator()() {
        if (next == sizes.size()) {
            return {};
        }
        const auto piece = std::span(bytes).subspan(begin, sizes[next]);
        begin += sizes[next++];
        return piece;
    }
};

TEST_CASE_TEMPLATE("unit_io: writes pieces one after the other, long ones as they are", Storage,
                   bytewise, sectors) {
    Storage storage = numbered<Storage>();
    pieces all({16, 16, 32, 512, 64, 40, 24, 256, 64});
    REQUIRE(write_pieces(storage, 128, all.bytes.size(), all));
    CHECK(storage.writes() == 5);
    REQUIRE(storage.sync());
    for (std::size_t n = 0; n < 4096; ++n) {
        const bool written = n >= 128 && n < 128 + all.bytes.size();
        REQUIRE(storage.medium().data()[n] == (written ? all.bytes[n - 128] : at(n)));
    }
    // Long ones that begin or end within a unit.
    pieces odd({16, 304, 64, 1000, 24, 256, 8, 500, 12});
    REQUIRE(odd.bytes.size() % 64 == 8);
    odd.sizes.push_back(56);
    odd.bytes.resize(odd.bytes.size() + 56);
    REQUIRE(write_pieces(storage, 1024, odd.bytes.size(), odd));
    REQUIRE(storage.sync());
    CHECK(std::equal(odd.bytes.begin(), odd.bytes.end(), storage.medium().data() + 1024));
    pieces small({100, 100, 100, 20});
    REQUIRE(write_pieces(storage, 0, 320, small));
    REQUIRE(storage.sync());
    CHECK(std::equal(small.bytes.begin(), small.bytes.end(), storage.medium().data()));
}

} // namespace
