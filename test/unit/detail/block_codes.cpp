// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/block_codes.hpp>

#include <vmem/config.hpp>
#include <vmem/detail/free_survey.hpp>

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace {

using vmem::address;
using vmem::detail::bit_codes;
using vmem::detail::buddy_codes;
using vmem::detail::group_image;

/// Number of bytes that differ.
int changes(const group_image& a, const group_image& b) {
    int count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        count += a[i] != b[i] ? 1 : 0;
    }
    return count;
}

TEST_CASE("block_codes: every buddy block of a group comes and goes with one byte") {
    // The group of leaves 512 to 767, full of something else first.
    for (unsigned order = 0; order <= 8; ++order) {
        const address length = address{1} << order;
        group_image image{};
        for (address leaf = 512; leaf < 768; leaf += length) {
            const group_image before = image;
            buddy_codes::put(image, leaf, order);
            CAPTURE(order);
            CAPTURE(leaf);
            CHECK(changes(before, image) == 1);
            for (address other = 512; other < 768; ++other) {
                const bool starts = other <= leaf && other % length == 0;
                CHECK(buddy_codes::span_at(image, other) == (starts ? order + 1 : 0));
            }
            group_image again = image;
            buddy_codes::clear(again, leaf, order);
            CHECK(again == before);
        }
    }
    group_image image{};
    buddy_codes::put(image, 0, 40);
    CHECK(buddy_codes::span_at(image, 0) == 41);
    buddy_codes::clear(image, 0, 40);
    CHECK(image == group_image{});
}

TEST_CASE("block_codes: every bit is a block of one leaf") {
    group_image image{};
    for (address leaf = 1024; leaf < 1536; leaf += 3) {
        const group_image before = image;
        bit_codes::put(image, leaf, 0);
        CHECK(changes(before, image) == 1);
    }
    for (address leaf = 1024; leaf < 1536; ++leaf) {
        CHECK(bit_codes::span_at(image, leaf) == ((leaf - 1024) % 3 == 0 ? 1 : 0));
    }
    for (address leaf = 1024; leaf < 1536; leaf += 3) {
        bit_codes::clear(image, leaf, 0);
    }
    CHECK(image == group_image{});
}

TEST_CASE("block_codes: a walk meets all blocks and all that is free between them") {
    constexpr std::uint64_t seed = std::mt19937_64::default_seed;
    std::mt19937_64 random(seed);
    for (int round = 0; round < 500; ++round) {
        group_image image{};
        std::vector<bool> taken(256);
        std::vector<std::pair<address, unsigned>> blocks;
        for (address leaf = 0; leaf < 256;) {
            const auto order = static_cast<unsigned>(random() % 6);
            const address length = address{1} << order;
            if (random() % 3 == 0 && leaf % length == 0) {
                buddy_codes::put(image, leaf, order);
                blocks.emplace_back(leaf, order);
                for (address i = leaf; i < leaf + length; ++i) {
                    taken[i] = true;
                }
                leaf += length;
            } else {
                ++leaf;
            }
        }
        const address from = random() % 8 == 0 && !blocks.empty() ? blocks.front().first : 0;
        std::vector<bool> seen(256, true);
        std::vector<std::pair<address, unsigned>> met;
        address last = from;
        vmem::detail::walk<buddy_codes>(
            image, from, 256,
            [&](address leaf, unsigned order) {
                CHECK(leaf >= last);
                last = leaf + (address{1} << order);
                met.emplace_back(leaf, order);
            },
            [&](address begin, address end) {
                CHECK(begin >= last);
                CHECK(begin < end);
                // Longest: what is beside it is not free.
                CHECK((begin == from || taken[begin - 1]));
                CHECK((end == 256 || taken[end]));
                last = end;
                for (address i = begin; i < end; ++i) {
                    seen[i] = false;
                }
            });
        CAPTURE(seed);
        CAPTURE(round);
        CHECK(met == blocks);
        for (address i = from; i < 256; ++i) {
            CHECK(seen[i] == taken[i]);
        }
    }
}

TEST_CASE("block_codes: damaged bytes keep a walk within its bounds") {
    std::mt19937_64 random;
    for (int round = 0; round < 2000; ++round) {
        group_image image{};
        for (std::byte& byte : image) {
            byte = static_cast<std::byte>(random());
        }
        const address from = 1280 + random() % 256;
        const address to = from + random() % (1537 - from);
        address last = from;
        const auto advance = [&](address begin, address end) {
            CHECK(begin >= last);
            CHECK(begin <= to);
            last = end;
        };
        vmem::detail::walk<buddy_codes>(
            image, from, to, [&](address leaf, unsigned) { advance(leaf, leaf + 1); },
            [&](address begin, address end) {
                advance(begin, end);
                CHECK(end <= to);
            });
    }
    CHECK(vmem::detail::block_length(0) == 1);
    CHECK(vmem::detail::block_length(20) == 1 << 20);
    CHECK(vmem::detail::block_length(200) == (std::numeric_limits<address>::max)());
}

TEST_CASE("block_codes: the free blocks of a part of a group") {
    group_image image{};
    buddy_codes::put(image, 0, 3);
    buddy_codes::put(image, 32, 0);
    vmem::detail::free_survey found(0, 3, 60);
    vmem::detail::survey<buddy_codes>(image, 0, 256, found);
    CHECK(found.largest() == 8);
    // 8-15, before 16-31.
    CHECK(found.pick().leaf == 8);
    CHECK(found.pick().span == 4);
    vmem::detail::free_survey part(0, 0, 60);
    vmem::detail::survey<buddy_codes>(image, 33, 47, part);
    CHECK(part.largest() == 3);
    CHECK(part.pick().leaf == 33);
}

TEST_CASE("block_codes: a survey of blocks that are alike finds the first that is free") {
    group_image image{};
    const auto first = [&image](address from, address to) {
        vmem::detail::free_survey found(0, 0, 0);
        vmem::detail::survey<vmem::detail::bit_codes>(image, from, to, found);
        CHECK(found.largest() == found.pick().span);
        return found.pick();
    };
    for (address leaf = 0; leaf < 512; ++leaf) {
        CHECK(first(512, 1024).leaf == 512 + leaf);
        CHECK(first(512, 1024).span == 1);
        CHECK(first(512, 512 + leaf).span == 0);
        vmem::detail::bit_codes::put(image, leaf, 0);
    }
    CHECK(first(512, 1024).span == 0);
    vmem::detail::bit_codes::clear(image, 77, 0);
    CHECK(first(3, 300).leaf == 77);
    CHECK(first(78, 300).span == 0);
}

} // namespace
