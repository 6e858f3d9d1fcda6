// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/faulty.hpp"
#include "contract/storage_contract.hpp"
#include "support/raw_flash.hpp"

#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <span>
#include <type_traits>
#include <utility>

namespace {

using vmem::counted;
using vmem::ram_storage;
using vmem::storage_counts;
using vmem::contract::outcome;
using flash = vmem::test::raw_flash<256>;

template <class S>
concept has_capacity = requires { S::capacity; };
template <class S>
concept has_erase = requires(S& s) { s.erase(0, 0); };

struct move_only : ram_storage<32> {
    move_only() = default;
    move_only(move_only&&) = default;
    move_only& operator=(move_only&&) = default;
};

static_assert(vmem::memory_mapped_storage<counted<ram_storage<8>>>);
static_assert(!vmem::memory_mapped_storage<counted<flash>>);
static_assert(counted<ram_storage<8>>::capacity == 8);
static_assert(!has_capacity<counted<vmem::storage_archetype>>);
static_assert(has_erase<counted<flash>> && !has_erase<counted<ram_storage<8>>>);
static_assert(vmem::storage_traits<counted<flash>>::write_size == 4);
static_assert(vmem::storage<counted<counted<ram_storage<8>>>>);
static_assert(vmem::storage<counted<move_only>> &&
              !std::is_copy_constructible_v<counted<move_only>>);
static_assert(!std::is_default_constructible_v<counted<vmem::storage_ref<flash>>>);

TEST_CASE("counted: contract") {
    vmem::contract::check_storage_contract([] { return counted<ram_storage<500>>{}; });
    vmem::contract::check_storage_contract([] { return counted<flash>{}; });
    vmem::contract::check_storage_contract([] { return counted{move_only{}}; });
}

TEST_CASE("counted: counts operations and bytes") {
    counted<ram_storage<64>> storage;
    CHECK(storage.counts() == storage_counts{});
    std::array<std::byte, 10> bytes{};
    CHECK(outcome(storage.write(0, bytes)) == "ok");
    CHECK(outcome(storage.write(50, bytes)) == "ok");
    CHECK(outcome(storage.read(1, std::span(bytes).first(3))) == "ok");
    CHECK(outcome(storage.read(1, {})) == "ok");
    CHECK(outcome(storage.sync()) == "ok");
    CHECK(
        storage.counts() ==
        storage_counts{.reads = 2, .bytes_read = 3, .writes = 2, .bytes_written = 20, .syncs = 1});

    storage.reset_counts();
    CHECK(storage.counts() == storage_counts{});
    CHECK(outcome(storage.inner().write(0, bytes)) == "ok");
    CHECK(std::as_const(storage).inner().size() == 64);
    CHECK(storage.counts() == storage_counts{});
}

TEST_CASE("counted: an operation that fails counts, its bytes do not") {
    counted storage{vmem::contract::faulty{
        ram_storage<64>{},
        {.fail_reads = {.first = 1}, .fail_writes = {.first = 1}, .fail_syncs = {.first = 1}}}};
    std::array<std::byte, 10> bytes{};
    CHECK(storage.read(0, bytes).error() == vmem::errc::read_failed);
    CHECK(storage.read(60, bytes).error() == vmem::errc::out_of_range);
    CHECK(storage.write(0, bytes).error() == vmem::errc::write_failed);
    CHECK(storage.sync().error() == vmem::errc::sync_failed);
    CHECK(storage.counts() == storage_counts{.reads = 2, .writes = 1, .syncs = 1});
}

TEST_CASE("counted: counts erases") {
    counted<flash> storage;
    CHECK(outcome(storage.erase(64, 128)) == "ok");
    CHECK(storage.erase(1, 64).error() == vmem::errc::misaligned);
    CHECK(storage.counts() == storage_counts{.erases = 2, .bytes_erased = 128});
}

} // namespace
