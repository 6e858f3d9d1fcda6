// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/block_chain.hpp>
#include <vmem/detail/word_io.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>

using vmem::address;
using vmem::errc;

namespace {

using chain = vmem::detail::block_chain<std::uint32_t>;
using lists = chain::lists;
using medium = vmem::ram_storage<1024>;
using io = vmem::detail::word_io<medium, std::uint32_t>;

/// The region [16, 1008) of a medium, cut into blocks by hand.
struct region {
    medium bytes;
    chain blocks;

    region() {
        blocks.place(16, 1008).value();
        io access(bytes);
        blocks.format(access);
        access.outcome().value();
    }
    /// A block in use at `at`, or a free one; returns where the next one starts.
    std::uint32_t put(std::uint32_t at, std::uint32_t size, bool in_use) {
        io access(bytes);
        access.put(at, size | (in_use ? lists::in_use : 0u));
        access.put(at + lists::word, chain::check_word(at, size));
        access.outcome().value();
        return at + size;
    }
    /// Whether the derived words could be built, and agree.
    [[nodiscard]] bool derived() {
        io access(bytes);
        blocks.derive(access);
        return access.ok() && blocks.agrees(access) && access.ok();
    }
    [[nodiscard]] std::uint32_t word(address at) { return io(bytes).get(at); }
};

TEST_CASE("block_chain: a region too small, or beyond the words, is refused") {
    chain blocks;
    CHECK(blocks.place(0, 64).error() == errc::wrong_size);
    CHECK(blocks.place(64, 0).error() == errc::wrong_size);
    CHECK(blocks.place(0, 0x1'0000'0000).error() == errc::too_large);
    CHECK(blocks.place(0, 0xFFFF'FFFF).has_value());
    CHECK(blocks.last() < 0xFFFF'FFFF);
    CHECK(blocks.first() > 0);
}

TEST_CASE("block_chain: a fresh region is one free block") {
    region r;
    CHECK(r.derived());
    CHECK(r.word(r.blocks.bytes_at()) == 0);
    CHECK(r.word(r.blocks.blocks_at()) == 0);
    CHECK(lists::size_in(r.word(r.blocks.first())) == r.blocks.capacity());
    CHECK(chain::is_free(r.word(r.blocks.first())));
}

TEST_CASE("block_chain: derive counts what is in use, and merges free neighbours") {
    region r;
    const std::uint32_t first = r.blocks.first();
    std::uint32_t at = r.put(first, 32, true);
    const std::uint32_t gap = at;
    at = r.put(at, 16, false);
    at = r.put(at, 48, false);
    at = r.put(at, 24, true);
    r.put(at, r.blocks.last() - at, false);
    REQUIRE(r.derived());
    CHECK(r.word(r.blocks.bytes_at()) == 56);
    CHECK(r.word(r.blocks.blocks_at()) == 2);
    CHECK(lists::size_in(r.word(gap)) == 64);
    CHECK(r.word(gap + 64 - lists::word) == 64);
}

TEST_CASE("block_chain: a derived word that is wrong does not agree") {
    region r;
    std::uint32_t at = r.put(r.blocks.first(), 32, true);
    r.put(at, r.blocks.last() - at, false);
    REQUIRE(r.derived());
    for (const address word : {r.blocks.bytes_at(), r.blocks.blocks_at(), r.blocks.free().at,
                               address{r.blocks.last()}, address{r.blocks.last()} - lists::word}) {
        CAPTURE(word);
        region damaged = r;
        io access(damaged.bytes);
        access.put(word, access.get(word) ^ 0x40);
        CHECK_FALSE((damaged.blocks.agrees(access) && access.ok()));
    }
}

TEST_CASE("block_chain: a header that is none is corrupt, and check changes nothing") {
    region whole;
    std::uint32_t at = whole.put(whole.blocks.first(), 32, true);
    whole.put(at, whole.blocks.last() - at, false);
    const std::uint32_t first = whole.blocks.first();
    for (const std::uint32_t head : {0u, 8u | 1u, 36u | 1u, 0xFFFF'FFF9u, 4096u}) {
        CAPTURE(head);
        region r = whole;
        io(r.bytes).put(first, head);
        const medium before = r.bytes;
        io checked(r.bytes);
        r.blocks.check(checked);
        CHECK(checked.outcome().error() == errc::corrupt);
        for (std::uint32_t word = 16; word < 1008; word += 4) {
            medium old = before;
            CHECK(r.word(word) == io(old).get(word));
        }
        io deriving(r.bytes);
        r.blocks.derive(deriving);
        CHECK(deriving.outcome().error() == errc::corrupt);
    }
    io(whole.bytes).put(first + lists::word, 0); // the check word of a block in use
    io checked(whole.bytes);
    whole.blocks.check(checked);
    CHECK(checked.outcome().error() == errc::corrupt);
}

} // namespace
