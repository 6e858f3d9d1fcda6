// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TOOLS_INSPECT_ALLOCATION_HPP
#define VMEM_TOOLS_INSPECT_ALLOCATION_HPP

#include "image.hpp"

#include <vmem/allocator/nonresident_block_allocator.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/config.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// \file
/// What an allocator has granted. Which one it is, and with which granularity, the image says; all
/// that this program knows are compiled in, and its `media_id` chooses one of them.
namespace vmem::inspect {

struct granted {
    /// In virtual memory.
    address at = 0;
    /// Bytes, metadata included.
    address size = 0;
};

/// All that can be learnt of an allocator.
struct allocation {
    std::string name;
    /// All blocks are of the same size.
    bool one_size = false;
    /// What it manages.
    address begin = 0;
    address end = 0;
    /// Why it cannot be opened, or read; no errc if it can.
    errc error{};
    bool consistent = false;
    nonresident_stats stats;
    address largest_free = 0;
    /// In the order of their addresses.
    std::vector<granted> blocks;
    /// Whether giving back all of these leaves nothing in use.
    bool complete = false;
};

/// Opens the allocator on a copy of the memory, and learns what it has granted by taking each block
/// back: no allocator can be asked for a list, and every one knows a block from any other address.
template <class Allocator>
[[nodiscard]] allocation examine(bytes_storage medium, address begin, address end, address step,
                                 std::string name) {
    allocation found;
    found.name = std::move(name);
    found.begin = begin;
    found.end = end;
    Allocator allocator;
    if (const auto opened = allocator.open(medium, begin, end); !opened) {
        found.error = opened.error();
        return found;
    }
    const auto stats = allocator.stats(medium);
    const auto largest = allocator.largest_free(medium);
    const auto consistent = allocator.invariants_hold(medium);
    if (!stats || !largest || !consistent) {
        found.error = !stats ? stats.error() : !largest ? largest.error() : consistent.error();
        return found;
    }
    found.stats = *stats;
    found.largest_free = *largest;
    found.consistent = *consistent;
    if (!found.consistent) {
        return found;
    }
    address in_use = stats->in_use;
    for (address at = detail::align_up(begin, step); at < end && in_use != 0;) {
        address size = 0;
        if (allocator.deallocate(medium, at)) {
            const auto left = allocator.stats(medium);
            if (!left || left->in_use >= in_use) {
                return found;
            }
            size = in_use - left->in_use;
            in_use = left->in_use;
            found.blocks.push_back({.at = at, .size = size});
        }
        at += size > step ? detail::align_down(size, step) : step;
    }
    const auto left = allocator.stats(medium);
    found.complete =
        left && left->in_use == 0 && left->blocks == 0 && found.blocks.size() == found.stats.blocks;
    return found;
}

/// Granularities of the allocators that have one: 8 bytes to 4 KiB.
using granularities = std::make_index_sequence<10>;

template <class Allocator, class Found>
void examine_if(std::uint32_t id, Found& found, bytes_storage medium, address begin, address end,
                address step, const char* name) {
    if (id == Allocator::media_id) {
        found = examine<Allocator>(medium, begin, end, step,
                                   std::string(name) + "<" + std::to_string(step) + ">");
    }
}

/// Nothing if this program does not know the allocator.
[[nodiscard]] inline std::optional<allocation> examine(std::uint32_t id, bytes_storage medium,
                                                       address begin, address end) {
    using narrow = nonresident_linked_list_allocator;
    using wide = basic_nonresident_linked_list_allocator<std::uint64_t>;
    if (id == narrow::media_id) {
        return examine<narrow>(medium, begin, end, 8, "nonresident_linked_list_allocator");
    }
    if (id == wide::media_id) {
        return examine<wide>(medium, begin, end, 8,
                             "basic_nonresident_linked_list_allocator<std::uint64_t>");
    }
    std::optional<allocation> found;
    [&]<std::size_t... N>(std::index_sequence<N...>) {
        (examine_if<nonresident_buddy_allocator<(std::size_t{8} << N), 0>>(
             id, found, medium, begin, end, address{8} << N, "nonresident_buddy_allocator"),
         ...);
        (examine_if<nonresident_block_allocator<(std::size_t{8} << N), 0>>(
             id, found, medium, begin, end, address{8} << N, "nonresident_block_allocator"),
         ...);
    }(granularities{});
    if (found) {
        found->one_size = id >> 16 == nonresident_block_allocator<1>::media_id >> 16;
    }
    return found;
}

} // namespace vmem::inspect

#endif
