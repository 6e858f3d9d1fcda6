// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/free_lists.hpp>

#include <vmem/detail/word_io.hpp>
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

template <class Word>
using lists_of = vmem::detail::free_lists<Word>;
using narrow = lists_of<std::uint32_t>;
using wide = lists_of<std::uint64_t>;
using medium = vmem::ram_storage<16384>;
template <class Word>
using io_of = vmem::detail::word_io<medium, Word>;

static_assert(narrow::smallest_block == 16 && wide::smallest_block == 32);
static_assert(narrow::header == 8 && wide::header == 16);
static_assert(narrow::classes == 28 && wide::classes == 59);
static_assert(narrow::bytes == 29 * 4 && wide::bytes == 60 * 8);
static_assert(narrow::header % narrow::granule == 0 && wide::header % wide::granule == 0);
static_assert(narrow::flags < narrow::granule && wide::flags < wide::granule);

// A class is a power of two: of the smallest block 0, of the largest size the last.
static_assert(narrow::class_of(16) == 0 && narrow::class_of(24) == 0 && narrow::class_of(31) == 0);
static_assert(narrow::class_of(32) == 1 && narrow::class_of(4096) == 8);
static_assert(narrow::class_of(0xFFFFFFF8) == narrow::classes - 1);
static_assert(wide::class_of(32) == 0 &&
              wide::class_of((std::numeric_limits<std::uint64_t>::max)()) == wide::classes - 1);
static_assert(narrow::size_in(0x123 | narrow::in_use) == 0x120);

/// The blocks of a class from the first to the last; empty if the links back do not agree.
template <class Word>
std::vector<Word> listed(const lists_of<Word>& lists, io_of<Word>& io, unsigned cls) {
    std::vector<Word> blocks;
    Word before = 0;
    for (Word b = lists.first(io, cls); b != 0 && blocks.size() < 1000; b = lists.next(io, b)) {
        if (io.get(b + 2 * lists.word) != before) {
            return {};
        }
        blocks.push_back(b);
        before = b;
    }
    return blocks;
}

TEST_CASE_TEMPLATE("free_lists: the last block that was added is the first", Word, std::uint32_t,
                   std::uint64_t) {
    medium bytes;
    io_of<Word> io(bytes);
    const lists_of<Word> lists{.at = 64};
    const auto size = static_cast<Word>(2 * lists.smallest_block);
    for (Word at = 64; at < 64 + lists.bytes; at += lists.word) {
        io.put(at, 99);
    }
    lists.clear(io);
    CHECK(lists.non_empty(io) == 0);
    CHECK(lists.first(io, 1) == 0);
    for (const Word block : {Word{1024}, Word{2048}, Word{4096}}) {
        io.put(block, size);
        lists.link(io, block, size);
        CHECK(io.get(block + size - lists.word) == size);
    }
    CHECK(lists.non_empty(io) == 2);
    CHECK(listed(lists, io, 1) == std::vector<Word>{4096, 2048, 1024});
    lists.unlink(io, 2048, size);
    CHECK(listed(lists, io, 1) == std::vector<Word>{4096, 1024});
    lists.unlink(io, 4096, size);
    CHECK(listed(lists, io, 1) == std::vector<Word>{1024});
    CHECK(lists.non_empty(io) == 2);
    lists.unlink(io, 1024, size);
    CHECK(lists.non_empty(io) == 0);
    CHECK(lists.first(io, 1) == 0);
    CHECK(io.ok());
}

TEST_CASE("free_lists: they write the lists, and the links and tags of free blocks, nothing else") {
    medium bytes;
    std::fill_n(bytes.data(), bytes.size(), std::byte{0xA5});
    io_of<std::uint32_t> io(bytes);
    const narrow lists{.at = 64};
    lists.clear(io);
    io.put(1024, 64);
    lists.link(io, 1024, 64);
    io.put(2048, 80);
    lists.link(io, 2048, 80);
    lists.unlink(io, 1024, 64);
    const auto is_theirs = [](std::size_t at) {
        const auto is_free_block = [at](std::size_t block, std::size_t size) {
            return (at >= block && at < block + 12) ||
                   (at >= block + size - 4 && at < block + size);
        };
        return (at >= 64 && at < 64 + narrow::bytes) || is_free_block(1024, 64) ||
               is_free_block(2048, 80);
    };
    bool kept = true;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        kept = kept && (is_theirs(at) || bytes.data()[at] == std::byte{0xA5});
    }
    CHECK(kept);
}

TEST_CASE("free_lists: a damaged link leads to corrupt, and to no write") {
    medium healthy;
    {
        io_of<std::uint32_t> io(healthy);
        const narrow lists{.at = 64};
        lists.clear(io);
        for (const std::uint32_t block : {1024U, 2048U, 4096U}) {
            io.put(block, 64);
            lists.link(io, block, 64);
        }
    }
    const narrow lists{.at = 64};
    constexpr std::uint32_t head_of_class = 64 + 4 * (1 + narrow::class_of(64));
    // Both links of the middle block, those that lead to it, and the head of the list.
    for (const std::uint32_t at : {2048U + 4, 2048U + 8, 4096U + 4, 1024U + 8, head_of_class}) {
        for (const std::uint32_t wrong : {0U, 8U, 1000U, 3000U, 16380U, 16384U, 0xFFFFFFF8U}) {
            if (at == 2048 + 4 && wrong == 0) {
                continue; // Nothing tells it from the end of the list.
            }
            CAPTURE(at);
            CAPTURE(wrong);
            medium bytes = healthy;
            {
                io_of<std::uint32_t> io(bytes);
                io.put(at, wrong);
            }
            const medium before = bytes;
            io_of<std::uint32_t> io(bytes);
            if (at != head_of_class) {
                lists.unlink(io, 2048, 64);
            } else if (wrong != 0) {
                lists.link(io, 8192, 64);
            } else {
                lists.unlink(io, 4096, 64);
            }
            CHECK_FALSE(io.ok());
            CHECK(io.outcome().error() == vmem::errc::corrupt);
            CHECK(std::equal(bytes.data(), bytes.data() + bytes.size(), before.data()));
        }
    }
}

TEST_CASE_TEMPLATE("free_lists: agree with a model, at random", Word, std::uint32_t,
                   std::uint64_t) {
    constexpr std::uint64_t seed = std::mt19937_64::default_seed;
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    medium bytes;
    io_of<Word> io(bytes);
    const lists_of<Word> lists{.at = 8};
    lists.clear(io);
    struct free_block {
        Word at;
        Word size;
    };
    // Blocks of up to 256 bytes, each in a place of its own; the newest is last.
    std::array<std::vector<free_block>, 8> model;
    std::vector<Word> places;
    for (Word at = 1024; at < bytes.size(); at += 256) {
        places.push_back(at);
    }
    for (int step = 0; step < 4000; ++step) {
        if (random() % 2 == 0 && !places.empty()) {
            const Word size = static_cast<Word>(lists.smallest_block +
                                                random() % (257 - lists.smallest_block) / 8 * 8);
            const free_block made{places.back(), size};
            places.pop_back();
            io.put(made.at, made.size);
            lists.link(io, made.at, made.size);
            model.at(lists.class_of(size)).push_back(made);
        } else if (auto& blocks = model[random() % model.size()]; !blocks.empty()) {
            const std::size_t which = random() % blocks.size();
            const free_block gone = blocks[which];
            lists.unlink(io, gone.at, gone.size);
            blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(which));
            places.push_back(gone.at);
        }
        Word classes = 0;
        bool agree = true;
        for (unsigned cls = 0; cls < model.size(); ++cls) {
            classes |= Word{!model[cls].empty()} << cls;
            const std::vector<Word> found = listed(lists, io, cls);
            agree = agree &&
                    std::equal(found.begin(), found.end(), model[cls].rbegin(), model[cls].rend(),
                               [](Word at, const free_block& block) { return at == block.at; });
        }
        agree = agree && lists.non_empty(io) == classes;
        if (!agree) {
            CAPTURE(step);
            CHECK(agree);
            break;
        }
    }
    CHECK(io.ok());
}

} // namespace
