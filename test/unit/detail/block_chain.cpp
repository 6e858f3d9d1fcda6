// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/block_chain.hpp>

#include <vmem/storage/ram_storage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>

namespace {

using vmem::address;
using vmem::errc;

using layout = vmem::detail::block_layout<std::uint32_t>;
using medium = vmem::ram_storage<1024>;
using chain = vmem::detail::block_chain<medium, std::uint32_t>;

/// The region [16, 1008) of a medium, cut into blocks by hand or by the chain.
struct region {
    medium bytes;
    vmem::detail::block_region<std::uint32_t> at;

    region() {
        at.place(16, 1008).value();
        chain blocks = access();
        blocks.format();
        blocks.outcome().value();
    }
    [[nodiscard]] chain access() { return {bytes, at}; }

    /// A block in use at `block`, or a free one; returns where the next one starts.
    std::uint32_t put(std::uint32_t block, std::uint32_t size, bool in_use) {
        chain blocks = access();
        blocks.put(block, size | (in_use ? layout::in_use : 0u));
        blocks.put(block + layout::word, layout::check_word(block, size));
        blocks.outcome().value();
        return block + size;
    }
    /// Whether everything derived agrees.
    [[nodiscard]] bool agrees() {
        chain blocks = access();
        return blocks.agrees() && blocks.ok();
    }
    /// Whether it does after it was derived anew.
    [[nodiscard]] bool derived() {
        at.stale = true;
        chain blocks = access();
        blocks.refresh();
        return blocks.ok() && !at.stale && agrees();
    }
    [[nodiscard]] std::uint32_t word(address where) { return access().get(where); }
    [[nodiscard]] std::uint32_t bytes_in_use() { return word(at.counts_at()); }
    [[nodiscard]] std::uint32_t blocks_in_use() { return word(at.counts_at() + layout::word); }
};

TEST_CASE("block_chain: a fresh region is one free block") {
    region r;
    CHECK(r.agrees());
    CHECK(r.derived());
    CHECK(r.bytes_in_use() == 0);
    CHECK(r.blocks_in_use() == 0);
    CHECK(r.word(r.at.first) == (r.at.capacity() | layout::before_in_use));
    CHECK(r.word(r.at.last) == layout::in_use);
}

TEST_CASE("block_chain: refresh counts what is in use, and merges free neighbours") {
    region r;
    std::uint32_t block = r.put(r.at.first, 32, true);
    const std::uint32_t gap = block;
    block = r.put(block, 16, false);
    block = r.put(block, 48, false);
    block = r.put(block, 24, true);
    r.put(block, r.at.last - block, false);
    REQUIRE(r.derived());
    CHECK(r.bytes_in_use() == 56);
    CHECK(r.blocks_in_use() == 2);
    CHECK(layout::size_in(r.word(gap)) == 64);
    CHECK(r.word(gap + 64 - layout::word) == 64);
}

TEST_CASE("block_chain: refresh changes nothing where nothing is stale") {
    region r;
    r.put(r.at.first, 32, true);
    r.put(r.at.first + 32, r.at.capacity() - 32, false);
    const medium before = r.bytes;
    r.access().refresh();
    CHECK(std::equal(before.data(), before.data() + before.size(), r.bytes.data()));
    CHECK_FALSE(r.agrees());
    CHECK(r.derived());
}

TEST_CASE("block_chain: what is left on either side of a block that is taken stays free") {
    region r;
    const std::uint32_t first = r.at.first;
    CHECK(r.access().take({.size = 20}) == first);
    CHECK(r.word(first) == (32 | layout::in_use | layout::before_in_use));
    CHECK(r.word(first + layout::word) == layout::check_word(first, 32));
    CHECK(r.agrees());
    // The payload is aligned, not the header.
    const std::uint32_t aligned = r.access().take({.size = 8, .align = 256});
    CHECK((aligned + layout::header) % 256 == 0);
    CHECK(r.word(aligned) == (16 | layout::in_use));
    CHECK(r.agrees());
    CHECK(r.bytes_in_use() == 48);
    CHECK(r.blocks_in_use() == 2);
    // The gap between them, and no more than its bytes.
    const std::uint32_t gap = aligned - first - 32;
    CHECK(r.access().take({.size = gap - layout::header}) == first + 32);
    CHECK(r.word(aligned) == (16 | layout::in_use | layout::before_in_use));
    CHECK(r.agrees());
    // 8 bytes are too few for a block: they are part of the one that is taken.
    const std::uint32_t rest = r.at.last - aligned - 16;
    CHECK(r.access().take({.size = rest - layout::header - 8}) == aligned + 16);
    CHECK(r.word(r.at.last) == (layout::in_use | layout::before_in_use));
    CHECK(r.bytes_in_use() == r.at.capacity());
    CHECK(r.agrees());
    chain full = r.access();
    CHECK(full.take({.size = 1}) == 0);
    CHECK(full.outcome().error() == errc::out_of_memory);
    CHECK_FALSE(r.at.stale);
}

TEST_CASE("block_chain: what is given back is one with its free neighbours") {
    region r;
    const std::uint32_t first = r.at.first;
    const std::uint32_t a = r.access().take({.size = 24});
    const std::uint32_t b = r.access().take({.size = 24});
    const std::uint32_t c = r.access().take({.size = 24});
    CHECK(r.access().give(a).has_value());
    CHECK(r.agrees());
    CHECK(r.access().give(a).error() == errc::double_free);
    CHECK(r.access().give(a + 8).error() == errc::foreign_pointer);
    CHECK(r.access().give(b + 4).error() == errc::foreign_pointer);
    CHECK(r.access().give(r.at.last).error() == errc::foreign_pointer);
    CHECK(r.access().give(0).error() == errc::foreign_pointer);
    CHECK_FALSE(r.at.stale);
    CHECK(r.access().give(c).has_value());
    CHECK(r.word(c) == ((r.at.last - c) | layout::before_in_use));
    CHECK(r.agrees());
    CHECK(r.access().give(b).has_value());
    CHECK(r.word(first) == (r.at.capacity() | layout::before_in_use));
    CHECK(r.bytes_in_use() == 0);
    CHECK(r.blocks_in_use() == 0);
    CHECK(r.agrees());
    // No header leads to them any more, but they say what became of them.
    CHECK(r.access().give(b).error() == errc::double_free);
    CHECK(r.access().give(c).error() == errc::double_free);
}

TEST_CASE("block_chain: a neighbour that is none is corrupt, and the next call derives anew") {
    region r;
    const std::uint32_t a = r.access().take({.size = 24});
    const std::uint32_t b = r.access().take({.size = 24});
    REQUIRE(r.access().give(a).has_value());
    r.access().put(b - layout::word, 24); // the tag of `a`
    CHECK(r.access().give(b).error() == errc::corrupt);
    CHECK(r.at.stale);
    CHECK(r.access().give(b).has_value());
    CHECK(r.agrees());
}

TEST_CASE("block_chain: a derived word that is wrong does not agree") {
    region r;
    const std::uint32_t block = r.put(r.at.first, 32, true);
    r.put(block, r.at.last - block, false);
    REQUIRE(r.derived());
    for (const address word :
         {r.at.counts_at(), r.at.counts_at() + layout::word, r.at.lists_at(), address{r.at.last},
          address{r.at.last} - layout::word, address{block + 2 * layout::word}}) {
        CAPTURE(word);
        region damaged = r;
        damaged.access().put(word, damaged.word(word) ^ 0x40);
        CHECK_FALSE(damaged.agrees());
    }
}

TEST_CASE("block_chain: a header that is none is corrupt, and check changes nothing") {
    region whole;
    const std::uint32_t block = whole.put(whole.at.first, 32, true);
    whole.put(block, whole.at.last - block, false);
    const std::uint32_t first = whole.at.first;
    for (const std::uint32_t head : {0u, 8u | 1u, 36u | 1u, 0xFFFF'FFF9u, 4096u}) {
        CAPTURE(head);
        region r = whole;
        r.access().put(first, head);
        const medium before = r.bytes;
        chain checked = r.access();
        checked.check();
        CHECK(checked.outcome().error() == errc::corrupt);
        CHECK(std::equal(before.data(), before.data() + before.size(), r.bytes.data()));
        CHECK_FALSE(r.derived());
        CHECK(r.at.stale);
        CHECK(r.word(first) == head);
    }
    chain sound = whole.access();
    sound.check();
    CHECK(sound.ok());
    whole.access().put(first + layout::word, 0); // the check word of a block in use
    chain checked = whole.access();
    checked.check();
    CHECK(checked.outcome().error() == errc::corrupt);
}

} // namespace
