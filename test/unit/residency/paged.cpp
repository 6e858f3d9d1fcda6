// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/paged.hpp>

#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/fifo.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/storage_contract.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>

namespace {

using vmem::clock;
using vmem::page_cache;
using vmem::page_map;
using vmem::page_table;
using vmem::paged;
using vmem::ram_storage;

using kibibytes_64 = ram_storage<65536>;

/// What `paged<...>` binds to, with 32-bit addresses.
template <class Residency, class Storage>
using bound = typename Residency::template bind<Storage, std::uint32_t, false>;

// Everything that is named is taken.
static_assert(
    std::same_as<paged<512, 8, vmem::fifo, page_map>::bind<kibibytes_64, std::uint16_t, true>,
                 page_cache<kibibytes_64, std::uint16_t, 512, 8, vmem::fifo, page_map, true>>);
static_assert(std::same_as<
              bound<paged<512, 8, vmem::sieve, page_table<9>>, kibibytes_64>,
              page_cache<kibibytes_64, std::uint32_t, 512, 8, vmem::sieve, page_table<9>, false>>);

// A table where it takes no more than an eighth of the frames: 64 pages beside 512 bytes.
template <class Storage, std::size_t PageSize, std::size_t Frames, class Translation>
inline constexpr bool chosen =
    std::same_as<bound<paged<PageSize, Frames>, Storage>,
                 page_cache<Storage, std::uint32_t, PageSize, Frames, clock, Translation, false>>;
static_assert(chosen<ram_storage<64 * 64>, 64, 8, page_table<64>>);
static_assert(chosen<ram_storage<64 * 65>, 64, 8, page_map>);
static_assert(chosen<ram_storage<64 * 64 + 63>, 64, 8, page_table<64>>);
static_assert(chosen<kibibytes_64, 512, 8, page_table<128>>);
// From 257 frames on an index takes two bytes.
static_assert(chosen<ram_storage<64 * 256 * 8>, 64, 256, page_table<2048>>);
static_assert(chosen<ram_storage<64 * 2056>, 64, 257, page_map>);
static_assert(chosen<ram_storage<64 * 1028>, 64, 257, page_table<1028>>);
// The sizes of references and counters are those of what is behind them.
static_assert(chosen<vmem::storage_ref<vmem::counted<kibibytes_64>>, 512, 8, page_table<128>>);
// A map where the size is known only at run time.
static_assert(chosen<vmem::storage_archetype, 512, 8, page_map>);
static_assert(chosen<vmem::storage_archetype, 4096, 1024, page_map>);

static_assert(vmem::residency<bound<paged<512, 8>, kibibytes_64>>);

TEST_CASE("paged: a table and a map serve the whole storage, to its last page") {
    const auto check = [](auto& memory) {
        CHECK(vmem::contract::outcome(memory.start(memory.storage().size())) == "ok");
        CHECK(memory.size() == 65536);
        std::byte value{9};
        CHECK(vmem::contract::outcome(memory.write(65535, {&value, 1})) == "ok");
        for (vmem::address at = 512; at < 65536; at += 512) {
            CHECK(vmem::contract::outcome(memory.read(at, {&value, 1})) == "ok");
        }
        CHECK(vmem::contract::outcome(memory.read(65535, {&value, 1})) == "ok");
        CHECK(value == std::byte{9});
    };
    static kibibytes_64 first;
    static kibibytes_64 second;
    bound<paged<512, 8>, vmem::storage_ref<kibibytes_64>> by_table{first};
    bound<paged<512, 8, clock, page_map>, vmem::storage_ref<kibibytes_64>> by_map{second};
    check(by_table);
    check(by_map);
}

} // namespace
