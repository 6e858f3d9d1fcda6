// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/gathering.hpp>

#include <vmem/storage/concatenated.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/file_storage.hpp>
#include <vmem/storage/partition.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/flaky.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <doctest/doctest.h>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

using namespace vmem;

using ram = ram_storage<32768>;
/// Cannot gather.
using plain = contract::flaky<ram>;

static_assert(gathering_storage<ram> && gathering_storage<counted<ram>> &&
              gathering_storage<storage_ref<ram>> && gathering_storage<partition<ram>> &&
              gathering_storage<file_storage>);
static_assert(!gathering_storage<plain> && !gathering_storage<counted<plain>> &&
              !gathering_storage<storage_ref<plain>> && !gathering_storage<partition<plain>>);
static_assert(gathered_writes<ram>(10'000) == 1);
static_assert(gathered_writes<plain>(256) == 1 && gathered_writes<plain>(257) == 2);

using bytes = std::vector<std::byte>;

/// Pieces of all sizes, and what they are together.
struct pieces {
    explicit pieces(unsigned seed) {
        std::mt19937 random(seed);
        for (auto n = random() % 60; n != 0; --n) {
            bytes piece(1 + random() % (n % 5 == 0 ? 700 : 20));
            std::ranges::generate(piece, [&] { return std::byte(random() & 0xFF); });
            all.insert(all.end(), piece.begin(), piece.end());
            each.push_back(std::move(piece));
        }
    }
    std::span<const std::byte> operator()() {
        return next < each.size() ? std::span<const std::byte>(each[next++])
                                  : std::span<const std::byte>();
    }
    std::vector<bytes> each;
    bytes all;
    std::size_t next = 0;
};

template <class Storage>
void check(Storage& storage) {
    for (unsigned seed = 0; seed < 40; ++seed) {
        CAPTURE(seed);
        pieces next(seed);
        const address at = 100 + seed;
        REQUIRE(write_gathered(storage, at, next.all.size(), next));
        bytes found(next.all.size());
        REQUIRE(storage.read(at, found));
        REQUIRE(found == next.all);
    }
    pieces next(3);
    const auto refused = write_gathered(storage, storage.size() - 10, next.all.size(), next);
    CHECK(refused.error() == errc::out_of_range);
}

TEST_CASE("write_gathered: all storages") {
    const auto memory = std::make_unique<ram>();
    check(*memory);
    counted<storage_ref<ram>> counts{storage_ref<ram>(*memory)};
    check(counts);
    CHECK(counts.counts().writes == 41);
    auto window = partition<storage_ref<ram>>::make(*memory, {.offset = 64, .size = 32000}).value();
    check(window);
    const auto other = std::make_unique<plain>();
    check(*other);
}

TEST_CASE("write_gathered: a storage that cannot gather takes a known number of writes") {
    counted<plain> storage;
    for (unsigned seed = 1; seed < 20; ++seed) {
        pieces next(seed);
        storage.reset_counts();
        REQUIRE(write_gathered(storage, 0, next.all.size(), next));
        CHECK(storage.counts().writes == gathered_writes<counted<plain>>(next.all.size()));
        CHECK(storage.counts().bytes_written == next.all.size());
    }
    storage.inner().fail(2);
    pieces next(5);
    CHECK(next.all.size() > 256);
    CHECK(write_gathered(storage, 0, next.all.size(), next).error() == errc::write_failed);
}

TEST_CASE("write_gathered: a file") {
    const std::string path = "/tmp/vmem_gathering_" + std::to_string(::getpid());
    {
        auto file = file_storage::open(path.c_str(), 32768).value();
        check(file);
    }
    auto reader = file_storage::open(path.c_str(), 0, {.read_only = true}).value();
    pieces next(5);
    CHECK(reader.write_gathered(0, next.all.size(), next).error() == errc::read_only);
    std::remove(path.c_str());
}

} // namespace
