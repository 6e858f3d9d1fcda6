// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/superblock_copies.hpp>

#include <vmem/storage/ram_storage.hpp>

#include "contract/flaky.hpp"
#include "support/test_heap.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <span>

namespace {

using vmem::errc;
using vmem::root_entry;
using vmem::superblock;
using vmem::detail::superblock_copies;
using vmem::detail::wipe_copies;
using vmem::test::error_of;

using disk = vmem::ram_storage<1024>;
using roots = std::array<root_entry, 1>;

/// Reads both copies.
template <class Storage>
[[nodiscard]] vmem::result<superblock_copies> copies_of(Storage& storage, std::size_t second,
                                                        roots& entries) {
    superblock_copies found;
    const auto read = vmem::detail::read_copies(storage, second, entries, found);
    return read ? vmem::result<superblock_copies>(found) : vmem::failure(read.error());
}

void put(disk& medium, std::size_t at, std::uint64_t sequence, const roots& entries) {
    superblock block;
    block.sequence = sequence;
    block = block.sealed(entries);
    std::memcpy(medium.data() + at, &block, sizeof(block));
    std::memcpy(medium.data() + at + sizeof(block), entries.data(), sizeof(entries));
}

TEST_CASE("superblock_copies: the newest whole one counts") {
    disk medium;
    roots entries{};
    put(medium, 0, 4, entries);
    put(medium, 512, 5, entries);
    auto found = copies_of(medium, 512, entries);
    REQUIRE(found);
    CHECK((found->valid[0] && found->valid[1] && &found->newest() == &found->copies[1]));
    put(medium, 0, 6, entries);
    found = copies_of(medium, 512, entries);
    CHECK(&found->newest() == found->copies.data());
    medium.data()[100] ^= std::byte{1};
    found = copies_of(medium, 512, entries);
    CHECK((!found->valid[0] && &found->newest() == &found->copies[1]));
    // The roots are a part of it.
    put(medium, 0, 6, entries);
    medium.data()[130] ^= std::byte{1};
    found = copies_of(medium, 512, entries);
    CHECK(
        (!found->valid[0] && &found->newest() == &found->copies[1] && found->why == errc::corrupt));
}

TEST_CASE("superblock_copies: a copy in the place of the other is damage") {
    disk medium;
    roots entries{};
    put(medium, 0, 5, entries);
    const auto found = copies_of(medium, 512, entries);
    REQUIRE(found);
    CHECK((!found->valid[0] && !found->valid[1] && found->why == errc::corrupt));
}

TEST_CASE("superblock_copies: says why there is none") {
    disk medium;
    roots entries{};
    CHECK(copies_of(medium, 512, entries)->why == errc::not_formatted);
    // The second copy may be beyond the end of what there is.
    CHECK(copies_of(medium, 2048, entries)->why == errc::not_formatted);
    put(medium, 512, 5, entries);
    medium.data()[600] ^= std::byte{1};
    CHECK(copies_of(medium, 512, entries)->why == errc::corrupt);
}

TEST_CASE("superblock_copies: the older one is wiped first, whichever it is") {
    using flaky = vmem::contract::flaky<disk>;
    roots entries{};
    for (const std::uint64_t newest : {4U, 5U, 6U}) {
        CAPTURE(newest);
        disk medium;
        put(medium, (newest - 1) % 2 * 512, newest - 1, entries);
        put(medium, newest % 2 * 512, newest, entries);
        flaky storage{medium};
        // Two reads and a write, then the sync fails.
        storage.fail(4);
        CHECK(error_of(wipe_copies(storage, 512)) == message(errc::sync_failed));
        const auto found = copies_of(storage, 512, entries);
        CHECK(found->valid[newest % 2]);
        CHECK_FALSE(found->valid[(newest + 1) % 2]);
        CHECK(wipe_copies(storage, 512));
        CHECK(copies_of(storage, 512, entries)->why == errc::not_formatted);
    }
    // What is not valid is the older one, whatever its number says.
    disk medium;
    put(medium, 0, 4, entries);
    put(medium, 512, 5, entries);
    medium.data()[600] ^= std::byte{1};
    flaky storage{medium};
    storage.fail(4);
    CHECK(error_of(wipe_copies(storage, 512)) == message(errc::sync_failed));
    CHECK(copies_of(storage, 512, entries)->valid[0]);
}

TEST_CASE("superblock_copies: a storage that fails is not one that is damaged") {
    using flaky = vmem::contract::flaky<disk>;
    disk medium;
    roots entries{};
    put(medium, 0, 4, entries);
    put(medium, 512, 5, entries);
    for (std::uint64_t n = 1; n <= 4; ++n) {
        flaky storage{medium};
        storage.fail(n);
        CHECK(error_of(copies_of(storage, 512, entries)) == message(errc::read_failed));
    }
}

} // namespace
