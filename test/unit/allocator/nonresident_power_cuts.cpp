// SPDX-License-Identifier: BSL-1.0

// The power goes after every single write of every call of the non-resident allocators, and, for
// those whose state allows it, in the middle of one.

#include <vmem/allocator/nonresident_block_allocator.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>

#include "support/nonresident_trial.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>

namespace {

using vmem::test::check_power_cuts;

template <std::size_t MinBlock, std::size_t CacheBytes>
using buddy = vmem::nonresident_buddy_allocator<MinBlock, CacheBytes>;
template <std::size_t BlockSize, std::size_t CacheBytes>
using block = vmem::nonresident_block_allocator<BlockSize, CacheBytes>;

TEST_CASE("nonresident_buddy_allocator: power cuts lose a block at most and grant none twice") {
    check_power_cuts<buddy<16, 0>>({.operations = 600});
    check_power_cuts<buddy<16, 64>>({.seed = 1, .operations = 600, .begin = 0});
    check_power_cuts<buddy<16, 0>>({.seed = 2, .begin = 520, .largest_request = 5000});
    check_power_cuts<buddy<1, 64>>(
        {.seed = 3, .end = 5000, .largest_request = 40, .largest_align = 8});
}

TEST_CASE("nonresident_buddy_allocator: power cuts with two levels of summaries") {
    check_power_cuts<buddy<1, 0>>({.seed = 4,
                                   .operations = 150,
                                   .end = 70'000,
                                   .largest_request = 20'000,
                                   .largest_align = 1});
}

TEST_CASE("nonresident_block_allocator: power cuts lose a block at most and grant none twice") {
    check_power_cuts<block<32, 0>>(
        {.operations = 150, .largest_request = 32, .largest_align = 32, .most_lost_torn = 1});
    check_power_cuts<block<8, 64>>(
        {.seed = 1, .end = 3000, .largest_request = 8, .largest_align = 8, .most_lost_torn = 1});
    // Several groups that fill and empty.
    check_power_cuts<block<1, 0>>({.seed = 2,
                                   .operations = 400,
                                   .end = 1200,
                                   .largest_request = 1,
                                   .largest_align = 1,
                                   .most_lost_torn = 1});
}

// Its truth is in words of four bytes, which must not be torn.
TEST_CASE(
    "nonresident_linked_list_allocator: power cuts lose a block at most and grant none twice") {
    check_power_cuts<vmem::nonresident_linked_list_allocator>({.operations = 150, .tears = false});
    check_power_cuts<vmem::nonresident_linked_list_allocator>(
        {.seed = 1, .end = 3000, .largest_request = 700, .tears = false});
    check_power_cuts<vmem::basic_nonresident_linked_list_allocator<std::uint64_t>>(
        {.seed = 2, .tears = false});
}

} // namespace
