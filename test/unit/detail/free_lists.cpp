// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/free_lists.hpp>

#include <vmem/storage/ram_storage.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <random>
#include <vector>

namespace {

using vmem::address;
using vmem::errc;
template <class Word>
using layout_of = vmem::detail::block_layout<Word>;
using narrow = layout_of<std::uint32_t>;
using wide = layout_of<std::uint64_t>;
using medium = vmem::ram_storage<16384>;
template <class Word>
using lists_of = vmem::detail::free_lists<medium, Word>;
template <class Word>
using region_of = vmem::detail::block_region<Word>;

static_assert(narrow::smallest_block == 16 && wide::smallest_block == 32);
static_assert(narrow::header == 8 && wide::header == 16);
static_assert(narrow::classes == 28 && wide::classes == 59);
static_assert(narrow::state == 136 && wide::state == 512);
static_assert(narrow::header % narrow::granule == 0 && wide::header % wide::granule == 0);
static_assert(narrow::flags < narrow::granule && wide::flags < wide::granule);

// A class is a power of two: of the smallest block 0, of the largest size the last.
static_assert(narrow::class_of(16) == 0 && narrow::class_of(24) == 0 && narrow::class_of(31) == 0);
static_assert(narrow::class_of(32) == 1 && narrow::class_of(4096) == 8);
static_assert(narrow::class_of(0xFFFFFFF8) == narrow::classes - 1);
static_assert(wide::class_of(32) == 0 &&
              wide::class_of((std::numeric_limits<std::uint64_t>::max)()) == wide::classes - 1);
static_assert(narrow::size_in(0x123 | narrow::in_use) == 0x120);

/// Empty lists, and room for blocks.
template <class Word>
struct bench {
    medium bytes;
    region_of<Word> region;

    explicit bench(std::byte fill = std::byte{0}) {
        std::fill_n(bytes.data(), bytes.size(), fill);
        region.place(64, bytes.size()).value();
        std::fill_n(bytes.data() + region.magic_at(), layout_of<Word>::state, std::byte{0});
    }
    [[nodiscard]] lists_of<Word> lists() { return {bytes, region}; }
    [[nodiscard]] Word word(address at) { return lists().get(at); }

    /// The blocks of a class from the first to the last; empty if the links back do not agree.
    [[nodiscard]] std::vector<Word> listed(unsigned cls) {
        auto io = lists();
        std::vector<Word> blocks;
        Word before = 0;
        for (Word b = io.get(region.list_at(cls)); b != 0 && blocks.size() < 1000;
             b = io.get(b + sizeof(Word))) {
            if (io.get(b + 2 * sizeof(Word)) != before) {
                return {};
            }
            blocks.push_back(b);
            before = b;
        }
        return blocks;
    }
};

TEST_CASE("free_lists: a region too small, or beyond the words, is refused") {
    region_of<std::uint32_t> region;
    CHECK(region.place(0, 64).error() == errc::wrong_size);
    CHECK(region.place(64, 0).error() == errc::wrong_size);
    CHECK(region.place(0, 0x1'0000'0000).error() == errc::too_large);
    CHECK(region.place(0, 0xFFFF'FFFF).has_value());
    CHECK(region.last < 0xFFFF'FFFF);
    CHECK(region.first > 0);
    CHECK(region.place(1, narrow::state + 8 + 16 + 8).has_value());
    CHECK(region.first == 8 + narrow::state);
    CHECK(region.capacity() == 16);
    CHECK(region.place(1, narrow::state + 8 + 16 + 8 - 1).error() == errc::wrong_size);
}

TEST_CASE_TEMPLATE("free_lists: every class has a list of its own", Word, std::uint32_t,
                   std::uint64_t) {
    region_of<Word> region;
    region.place(64, 16384).value();
    for (unsigned cls = 0; cls < layout_of<Word>::classes; ++cls) {
        const Word least = layout_of<Word>::smallest_block << cls;
        CHECK(region.list_of(least) == region.list_at(cls));
        CHECK(region.list_of(2 * least - 1) == region.list_at(cls));
        CHECK(region.list_at(cls) == region.lists_at() + (1 + cls) * sizeof(Word));
    }
    CHECK(region.list_at(layout_of<Word>::classes) <= region.first);
}

TEST_CASE("free_lists: a header is one that can be there, or none") {
    bench<std::uint32_t> b;
    const std::uint32_t block = b.region.first + 64;
    const std::uint32_t room = b.region.last - block;
    auto io = b.lists();
    io.put(block + 4, 99);
    for (const std::uint32_t head : {16U, 16U | 1, 24U | 2, 24U | 3, room, room | 1}) {
        CAPTURE(head);
        io.put(block, head);
        CHECK(io.look(block) == head);
        CHECK(io.looked_at() == block);
        CHECK(io.words[1] == 99);
    }
    for (const std::uint32_t head : {0U, 1U, 8U, 8U | 1, 16U | 4, room + 8, 0xFFFF'FFF8U}) {
        CAPTURE(head);
        io.put(block, head);
        CHECK(io.look(block) == narrow::in_use);
    }
    io.put(block, 16);
    for (const std::uint32_t none :
         {0U, 8U, block + 4, b.region.first - 8, b.region.last, b.region.last + 8, 0xFFFF'FFF8U}) {
        CAPTURE(none);
        CHECK(io.look(none) == narrow::in_use);
    }
    CHECK(io.ok());
}

TEST_CASE_TEMPLATE("free_lists: the last block that was added is the first", Word, std::uint32_t,
                   std::uint64_t) {
    using layout = layout_of<Word>;
    bench<Word> b;
    auto lists = b.lists();
    const auto size = static_cast<Word>(2 * layout::smallest_block);
    for (const Word block : {Word{1024}, Word{2048}, Word{4096}}) {
        lists.insert(block, size);
        CHECK(lists.get(block) == (size | layout::before_in_use));
        CHECK(lists.get(block + size - layout::word) == size);
    }
    CHECK(b.word(b.region.lists_at()) == 2);
    CHECK(b.listed(1) == std::vector<Word>{4096, 2048, 1024});
    lists.remove(2048, size);
    CHECK(b.listed(1) == std::vector<Word>{4096, 1024});
    lists.remove(4096, size);
    CHECK(b.listed(1) == std::vector<Word>{1024});
    CHECK(b.word(b.region.lists_at()) == 2);
    lists.remove(1024, size);
    CHECK(b.word(b.region.lists_at()) == 0);
    CHECK(b.listed(1).empty());
    CHECK(lists.ok());
}

TEST_CASE("free_lists: they write the lists, and what is free, nothing else") {
    bench<std::uint32_t> b(std::byte{0xA5});
    auto lists = b.lists();
    lists.insert(1024, 64);
    lists.insert(2048, 80);
    lists.remove(1024, 64);
    CHECK(lists.ok());
    const auto is_theirs = [&b](std::size_t at) {
        const auto is_free_block = [at](std::size_t block, std::size_t size) {
            return (at >= block && at < block + 12) ||
                   (at >= block + size - 4 && at < block + size);
        };
        return (at >= b.region.magic_at() && at < b.region.first) || is_free_block(1024, 64) ||
               is_free_block(2048, 80);
    };
    bool kept = true;
    for (std::size_t at = 0; at < b.bytes.size(); ++at) {
        kept = kept && (is_theirs(at) || b.bytes.data()[at] == std::byte{0xA5});
    }
    CHECK(kept);
}

TEST_CASE("free_lists: a damaged link leads to corrupt, and to no write where it leads") {
    bench<std::uint32_t> healthy;
    for (const std::uint32_t block : {1024U, 2048U, 4096U}) {
        healthy.lists().insert(block, 64);
    }
    const auto head_of_class = static_cast<std::uint32_t>(healthy.region.list_of(64));
    // Both links of the middle block, those that lead to it, and the head of the list.
    for (const std::uint32_t at : {2048U + 4, 2048U + 8, 4096U + 4, 1024U + 8, head_of_class}) {
        for (const std::uint32_t wrong : {0U, 8U, 1000U, 3000U, 16380U, 16384U, 0xFFFFFFF8U}) {
            if (at == 2048 + 4 && wrong == 0) {
                continue; // Nothing tells it from the end of the list.
            }
            CAPTURE(at);
            CAPTURE(wrong);
            bench<std::uint32_t> b = healthy;
            b.lists().put(at, wrong);
            const medium before = b.bytes;
            auto lists = b.lists();
            if (at != head_of_class) {
                lists.remove(2048, 64);
            } else if (wrong != 0) {
                lists.insert(8192, 64);
            } else {
                lists.remove(4096, 64);
            }
            CHECK_FALSE(lists.ok());
            CHECK(lists.outcome().error() == errc::corrupt);
            for (std::size_t i = 0; i < b.bytes.size(); ++i) {
                const bool is_link_to_it = i / 4 == (4096 + 4) / 4;
                CHECK((is_link_to_it || b.bytes.data()[i] == before.data()[i]));
            }
        }
    }
}

TEST_CASE("free_lists: what is no free block of that size is not taken out") {
    for (const std::uint32_t head : {64U | 3, 64U | 1, 72U | 2, 0U, 64U | 4}) {
        CAPTURE(head);
        bench<std::uint32_t> b;
        b.lists().insert(1024, 64);
        b.lists().put(1024, head);
        auto lists = b.lists();
        lists.remove(1024, 64);
        CHECK_FALSE(lists.ok());
        CHECK(b.listed(2) == std::vector<std::uint32_t>{1024});
    }
}

TEST_CASE("free_lists: a search looks at few blocks of a class, and then at all") {
    bench<std::uint32_t> b;
    for (std::uint32_t i = 0; i < 20; ++i) {
        b.lists().insert(1024 + 128 * i, i == 1 ? 120 : 64);
    }
    auto lists = b.lists();
    // The newest of its class; any one of the next; the one that is large enough.
    CHECK(lists.search({.size = 56}, 64) == 1024 + 128 * 19);
    CHECK(lists.search({.size = 24}, 32) == 1024 + 128 * 19);
    CHECK(lists.search({.size = 100}, 112) == 1024 + 128);
    CHECK(lists.looked_at() == 1024 + 128);
    CHECK(lists.words[0] == (120 | narrow::before_in_use));
    CHECK(lists.search({.size = 200}, 208) == 0);
    CHECK(lists.ok());
    // With a larger block at hand the ninth of a class is not looked at.
    b.lists().insert(8192, 1024);
    CHECK(lists.search({.size = 100}, 112) == 8192);
}

TEST_CASE("free_lists: a search finds where a block may start, and leaves room for a gap") {
    bench<std::uint32_t> b;
    b.lists().insert(4096, 512);
    auto lists = b.lists();
    CHECK(lists.search({.size = 8, .align = 1}, 16) == 4096);
    CHECK(lists.search({.size = 8, .align = 8}, 16) == 4096);
    // 8 bytes before it would be no block.
    CHECK(lists.search({.size = 8, .align = 16}, 16) == 4096 + 24);
    CHECK(lists.search({.size = 8, .align = 256}, 16) == 4096 + 248);
    CHECK(lists.search({.size = 8, .align = 4096}, 16) == 0);
    CHECK(lists.search({.size = 8, .align = 0x8000'0000}, 16) == 0);
    CHECK(lists.search({.size = 48, .align = 8, .within = 64}, 56) == 4096);
    CHECK(lists.search({.size = 60, .align = 4, .within = 64}, 72) == 4096 + 56);
    CHECK(lists.search({.size = 500, .align = 4}, 512) == 4096);
    CHECK(lists.search({.size = 256, .align = 4, .within = 256}, 264) == 4096 + 248);
    CHECK(lists.search({.size = 257, .align = 4, .within = 512}, 272) == 4096);
    CHECK(lists.search({.size = 8, .align = 512}, 16) == 0);
    CHECK(lists.ok());
    lists.put(4096, 512 | 3);
    CHECK(lists.search({.size = 8}, 16) == 0);
    CHECK(lists.outcome().error() == errc::corrupt);
}

TEST_CASE_TEMPLATE("free_lists: agree with a model, at random", Word, std::uint32_t,
                   std::uint64_t) {
    using layout = layout_of<Word>;
    constexpr std::uint64_t seed = std::mt19937_64::default_seed;
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    bench<Word> b;
    auto lists = b.lists();
    struct free_block {
        Word at;
        Word size;
    };
    // Blocks of up to 256 bytes, each in a place of its own; the newest is last.
    std::array<std::vector<free_block>, 8> model;
    std::vector<Word> places;
    for (Word at = 1024; at + 256 < b.bytes.size(); at += 256) {
        places.push_back(at);
    }
    for (int step = 0; step < 4000; ++step) {
        if (random() % 2 == 0 && !places.empty()) {
            const Word size = static_cast<Word>(layout::smallest_block +
                                                random() % (257 - layout::smallest_block) / 8 * 8);
            const free_block made{places.back(), size};
            places.pop_back();
            lists.insert(made.at, made.size);
            model.at(layout::class_of(size)).push_back(made);
        } else if (auto& blocks = model[random() % model.size()]; !blocks.empty()) {
            const std::size_t which = random() % blocks.size();
            const free_block gone = blocks[which];
            lists.remove(gone.at, gone.size);
            blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(which));
            places.push_back(gone.at);
        }
        Word classes = 0;
        bool agree = true;
        for (unsigned cls = 0; cls < model.size(); ++cls) {
            classes |= Word{!model[cls].empty()} << cls;
            const std::vector<Word> found = b.listed(cls);
            agree = agree &&
                    std::equal(found.begin(), found.end(), model[cls].rbegin(), model[cls].rend(),
                               [](Word at, const free_block& block) { return at == block.at; });
        }
        agree = agree && b.word(b.region.lists_at()) == classes;
        if (!agree) {
            CAPTURE(step);
            CHECK(agree);
            break;
        }
    }
    CHECK(lists.ok());
}

} // namespace
