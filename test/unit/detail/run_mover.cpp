// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/run_mover.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/lru.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/flaky.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <vector>

namespace {

using vmem::address;
using vmem::result;

constexpr std::size_t pages = 512;
constexpr std::size_t page = 512;

/// Counts, and takes what a device would take. With `Scatters`, one operation transfers to and from
/// many places.
template <bool Scatters>
class card {
public:
    static constexpr vmem::storage_geometry geometry{.read_size = 512, .write_size = 512};
    static constexpr address capacity = pages * page;
    /// Microseconds: an SD card on SPI at 20 MHz.
    static constexpr double per_command = 500;
    static constexpr double per_byte = 0.45;

    [[nodiscard]] address size() const noexcept { return capacity; }
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        count(out.size());
        return bytes_.read(from, out);
    }
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        count(in.size());
        return bytes_.write(to, in);
    }
    [[nodiscard]] result<void> read_scattered(address from, address size, auto& next)
        requires Scatters
    {
        count(size);
        for (auto piece = next(); !piece.empty(); piece = next()) {
            if (const auto done = bytes_.read(from, piece); !done) {
                return done;
            }
            from += piece.size();
        }
        return {};
    }
    [[nodiscard]] result<void> write_gathered(address to, address size, auto& next)
        requires Scatters
    {
        count(size);
        return bytes_.write_gathered(to, size, next);
    }
    [[nodiscard]] result<void> sync() { return {}; }

    double time = 0;
    std::uint64_t operations = 0;
    std::uint64_t transferred = 0;

private:
    void count(address size) {
        time += per_command + per_byte * static_cast<double>(size);
        ++operations;
        transferred += size;
    }

    vmem::ram_storage<capacity> bytes_;
};

template <class Storage, std::size_t Frames, std::size_t Most,
          template <std::size_t> class Eviction = vmem::clock>
using memory =
    typename vmem::paged<page, Frames, Eviction, vmem::page_map,
                         vmem::sequential<Most>>::template bind<Storage, std::uint32_t, true>;

/// Microseconds that transfers of `Most` pages take, and nothing else, for all but the first page.
[[nodiscard]] double transfers_alone(std::size_t most) {
    const double bytes = card<true>::per_byte * page * (pages - 1);
    return bytes + card<true>::per_command *
                       std::ceil(static_cast<double>(pages - 1) / static_cast<double>(most));
}

template <class Memory>
void read_all(Memory& m) {
    for (address at = page; at < pages * page; at += 64) {
        std::byte some[64];
        REQUIRE(m.read(at, some));
    }
}
template <class Memory>
void write_all(Memory& m, std::size_t step) {
    std::vector<std::byte> some(step, std::byte{3});
    for (address at = page; at < pages * page; at += step) {
        REQUIRE(m.write(at, some));
    }
    REQUIRE(m.flush());
}

template <class Memory>
void check_scans(std::size_t most) {
    Memory m;
    REQUIRE(m.start(pages * page));
    read_all(m);
    CHECK(m.storage().transferred == (pages - 1) * page); // nothing twice
    CHECK(m.statistics().page_ins == pages - 1);
    CHECK(m.storage().time <= 1.1 * transfers_alone(most));
    m.storage() = {};
    write_all(m, page); // whole pages, which are not read
    CHECK(m.storage().transferred == (pages - 1) * page);
    CHECK(m.storage().time <= 1.1 * transfers_alone(most));
    REQUIRE(m.start(pages * page));
    m.storage() = {};
    write_all(m, 64); // pages that are read first
    CHECK(m.storage().transferred == 2 * (pages - 1) * page);
    CHECK(m.storage().time <= 1.1 * 2 * transfers_alone(most));
}

TEST_CASE("sequential: a scan costs little more than transfers of so many pages alone") {
    check_scans<memory<card<true>, 16, 8>>(8);
    check_scans<memory<card<true>, 32, 8>>(8);
    check_scans<memory<card<true>, 64, 16, vmem::lru>>(16);
    check_scans<memory<card<true>, 64, 16, vmem::sieve>>(16);
}

TEST_CASE("sequential: a storage that transfers one piece at a time gains from frames in a row") {
    memory<card<false>, 16, 8> m;
    REQUIRE(m.start(pages * page));
    read_all(m);
    CHECK(m.storage().transferred == (pages - 1) * page);
    CHECK(m.storage().operations < pages / 3);
    write_all(m, page);
    CHECK(m.storage().operations < 2 * pages / 3);
}

TEST_CASE("sequential: several runs at the same time") {
    memory<card<true>, 64, 8, vmem::lru> m; // clock evicts some that were not yet used
    REQUIRE(m.start(pages * page));
    for (address at = 0; at < 150 * page; at += 64) {
        std::byte some[64];
        REQUIRE(m.read(page + at, some));
        REQUIRE(m.read(200 * page + at, some));
        REQUIRE(m.write(360 * page + at, some));
    }
    REQUIRE(m.flush());
    // Three runs are read, and one is written.
    CHECK(m.storage().transferred <= 640 * page);
    CHECK(m.storage().operations <= 104);
}

TEST_CASE("sequential: what follows no run comes alone") {
    memory<card<true>, 16, 8> m;
    REQUIRE(m.start(pages * page));
    std::byte one[1];
    for (address at = 1; at < 400; at += 3) {
        REQUIRE(m.read(at * page, one));
    }
    CHECK(m.storage().operations == 133);
    CHECK(m.statistics().page_ins == 133);
    // One more than a neighbour is no run yet.
    m.storage() = {};
    REQUIRE(m.read(450 * page, one));
    REQUIRE(m.read(451 * page, one));
    CHECK(m.statistics().page_ins == 135);
    REQUIRE(m.read(452 * page, one));
    CHECK(m.statistics().page_ins == 137);
    CHECK(m.storage().operations == 3);
}

TEST_CASE("sequential: a run ends with the memory, and before a page that is there") {
    memory<card<true>, 16, 8> m;
    REQUIRE(m.start(pages * page));
    std::byte one[1];
    REQUIRE(m.read(105 * page, one));
    for (address at = 100; at < 104; ++at) {
        REQUIRE(m.read(at * page, one));
    }
    CHECK(m.statistics().page_ins == 5); // 105, 100, 101, then 102 and 103
    REQUIRE(m.read(104 * page, one));
    CHECK(m.statistics().page_ins == 6); // and not 105 again
    for (address at = pages - 5; at < pages; ++at) {
        REQUIRE(m.read(at * page, one));
    }
    CHECK(m.storage().transferred == 11 * page);
}

TEST_CASE("sequential: pinned pages are written, and stay dirty") {
    memory<card<true>, 16, 8> m;
    REQUIRE(m.start(pages * page));
    std::vector<std::byte> some(8 * page, std::byte{9});
    REQUIRE(m.write(10 * page, some));
    const auto held = m.pin(12 * page, 1, page, vmem::access::write).value();
    m.storage() = {};
    REQUIRE(m.flush());
    CHECK(m.storage().transferred == 8 * page);
    CHECK(m.state_of(12).dirty);
    CHECK_FALSE(m.state_of(11).dirty);
    CHECK_FALSE(m.state_of(13).dirty);
    m.unpin(held.slot);
}

/// Runs and jumps, against a plain array, while operations fail.
template <std::size_t Frames, std::size_t Most, template <std::size_t> class Eviction>
void check_random(std::uint64_t seed) {
    CAPTURE(seed);
    using disk = vmem::contract::flaky<card<false>>;
    memory<disk, Frames, Most, Eviction> m;
    REQUIRE(m.start(pages * page));
    std::vector<std::byte> model(pages * page, std::byte{0});
    std::mt19937_64 random(seed);
    address at = page;
    for (int step = 0; step < 4000; ++step) {
        at = random() % 20 == 0 ? page + random() % ((pages - 3) * page) : at + random() % 700;
        at = at + 2 * page > pages * page ? page : at;
        std::vector<std::byte> bytes(random() % page + 1, static_cast<std::byte>(random()));
        m.storage().fail(random() % 8, random() % 2, vmem::contract::failed_write::stores_some);
        if (random() % 2 == 0) {
            if (m.read(at, bytes)) {
                REQUIRE(std::memcmp(bytes.data(), model.data() + at, bytes.size()) == 0);
            }
        } else {
            const auto done = m.write(at, bytes);
            m.storage().heal();
            std::vector<std::byte> found(bytes.size());
            REQUIRE(m.read(at, found));
            REQUIRE((!done || found == bytes));
            std::copy(found.begin(), found.end(), model.begin() + static_cast<std::ptrdiff_t>(at));
        }
        m.storage().heal();
        REQUIRE(m.unpinned_frames() == Frames);
    }
    REQUIRE(m.flush());
    REQUIRE(m.start(pages * page));
    std::vector<std::byte> found(model.size() - page);
    REQUIRE(m.read(page, found));
    CHECK(std::memcmp(found.data(), model.data() + page, found.size()) == 0);
}

TEST_CASE("sequential: the same bytes, whatever fails") {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        check_random<4, 2, vmem::clock>(seed);
        check_random<16, 8, vmem::clock>(seed);
        check_random<9, 3, vmem::lru>(seed);
        check_random<32, 16, vmem::sieve>(seed);
    }
}

} // namespace
