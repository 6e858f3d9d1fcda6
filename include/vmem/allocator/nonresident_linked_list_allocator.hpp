// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_NONRESIDENT_LINKED_LIST_ALLOCATOR_HPP
#define VMEM_ALLOCATOR_NONRESIDENT_LINKED_LIST_ALLOCATOR_HPP

#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/block_chain.hpp>
#include <vmem/detail/check_request.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace vmem {

/// First fit over free lists kept in virtual memory, one list per power of two, so that a search
/// looks at few blocks; freed blocks merge with both neighbours at once through boundary tags
/// (Knuth, TAOCP 1, 2.5, algorithm C). 8 bytes per live block with 32-bit words, sizes in steps of
/// 8 bytes, blocks of at least 16; any power-of-two alignment.
///
/// The chain of block headers is the truth and changes by one word at a time; lists, tags, counts
/// and "before in use" bits are derived from it. When the medium fails half-way, the chain is
/// intact, the call's result says whether it took effect, and the next call derives the rest anew.
///
/// `allocate` looks at no more than 8 blocks of each size class, smallest first; only when none
/// fits does it look at every free block. `deallocate` touches the block, its two neighbours and at
/// most two entries of the list of each: at most 15 reads and 10 writes of one to three words.
/// After an I/O error every header is read once; at an `open` of what was not settled, twice. The
/// first change after `settle` writes a word more and syncs the medium once. A damaged word is
/// found before it leads to a write elsewhere. RAM: two words and two flags.
template <std::unsigned_integral Word>
class basic_nonresident_linked_list_allocator {
    using layout = detail::block_layout<Word>;
    template <class Medium>
    using blocks_on = detail::block_chain<Medium, Word>;

public:
    static constexpr std::uint32_t media_id = 0x4C4C0000u | sizeof(Word);
    static constexpr Word max_address = (std::numeric_limits<Word>::max)();
    /// Pages of that size (bytes) that one call changes at most, if the region begins with one: its
    /// state; the block; both neighbours in their lists of a block that leaves them; and of two
    /// blocks that join one the header, the last word, and who was there first.
    [[nodiscard]] static constexpr std::size_t most_changed_pages(std::size_t page_size) noexcept {
        return (layout::state + page_size - 1) / page_size + 1 + 2 + 2 * (2 + 1 + 1);
    }

    /// Makes one free block of `[begin, end)`. Errors: wrong_size if the range is too small;
    /// too_large if it does not fit `Word`; the medium's.
    template <storage Medium>
    [[nodiscard]] result<void> format(Medium& medium, address begin, address end) {
        if (const auto placed = region_.place(begin, end); !placed) {
            return placed;
        }
        blocks_on<Medium> blocks(medium, region_);
        blocks.format();
        return blocks.outcome();
    }

    /// Takes up the state that `settle` left or, if changes came after it, derives it from the
    /// headers. Errors: those of `format`; corrupt if there is no such state or the chain of
    /// headers is broken.
    template <storage Medium>
    [[nodiscard]] result<void> open(Medium& medium, address begin, address end) {
        if (const auto placed = region_.place(begin, end); !placed) {
            return placed;
        }
        blocks_on<Medium> blocks(medium, region_);
        if (blocks.read(region_.magic_at(), 2) != layout::magic) {
            blocks.fail(errc::corrupt);
        }
        region_.settled = blocks.ok() && blocks.words[1] == 1;
        region_.stale = !region_.settled;
        if (region_.stale) {
            // Before the first word changes, or a foreign image would be damaged further.
            blocks.check();
        }
        if (blocks.ok()) {
            blocks.refresh();
        }
        return blocks.outcome();
    }

    /// Syncs the medium, and then marks the state on it as complete: the mark must not be there
    /// before what it speaks of. It lasts when the caller syncs once more.
    template <storage Medium>
    [[nodiscard]] result<void> settle(Medium& medium) {
        blocks_on<Medium> blocks(medium, region_);
        blocks.refresh();
        if (!region_.settled) {
            blocks.sync();
            blocks.put(region_.settled_at(), 1);
            region_.settled = blocks.ok();
        }
        return blocks.outcome();
    }

    /// Errors: zero_size; misaligned (not powers of two, or `within` too small); out_of_memory;
    /// corrupt; the medium's.
    template <storage Medium>
    [[nodiscard]] result<address> allocate(Medium& medium, const block_request& request) {
        if (const auto valid = detail::check_request(request); !valid) {
            return failure(valid.error());
        }
        blocks_on<Medium> blocks(medium, region_);
        const Word block = blocks.take(request);
        if (block == 0) {
            return failure(blocks.outcome().error());
        }
        return address{block} + layout::header;
    }

    /// Errors: double_free; foreign_pointer for any other address that `allocate` did not return;
    /// corrupt; the medium's.
    template <storage Medium>
    [[nodiscard]] result<void> deallocate(Medium& medium, address payload) {
        const Word block = static_cast<Word>(payload) - layout::header;
        if (address{block} + layout::header != payload) {
            return failure(errc::foreign_pointer);
        }
        return blocks_on<Medium>(medium, region_).give(block);
    }

    /// Largest size granted at alignment 1 (bytes); 0 when full. Reads the list of the largest
    /// class.
    template <storage Medium>
    [[nodiscard]] result<address> largest_free(Medium& medium) {
        blocks_on<Medium> blocks(medium, region_);
        blocks.refresh();
        Word largest = layout::header;
        if (const Word classes = blocks.get(region_.lists_at()); classes != 0) {
            const auto top = static_cast<unsigned>(std::bit_width(classes) - 1);
            Word block = blocks.get(region_.list_at(top));
            for (Word n = 0; block != 0 && n != region_.most_blocks(); ++n) {
                const Word head = blocks.look(block);
                if (!layout::is_free(head)) {
                    blocks.fail(errc::corrupt);
                }
                const Word size = layout::size_in(head);
                largest = size > largest ? size : largest;
                block = blocks.words[1];
            }
        }
        if (!blocks.ok()) {
            return failure(blocks.outcome().error());
        }
        return address{largest - layout::header};
    }

    /// Whether headers, tags, lists and counts agree. Reads each once.
    template <storage Medium>
    [[nodiscard]] result<bool> invariants_hold(Medium& medium) {
        blocks_on<Medium> blocks(medium, region_);
        blocks.refresh();
        const bool agree = blocks.agrees();
        if (!blocks.ok()) {
            return failure(blocks.outcome().error());
        }
        return agree;
    }

    /// One small read.
    template <storage Medium>
    [[nodiscard]] result<nonresident_stats> stats(Medium& medium) {
        blocks_on<Medium> blocks(medium, region_);
        blocks.refresh();
        blocks.read(region_.counts_at(), 2);
        if (!blocks.ok()) {
            return failure(blocks.outcome().error());
        }
        return nonresident_stats{
            .in_use = blocks.words[0], .blocks = blocks.words[1], .capacity = region_.capacity()};
    }

private:
    detail::block_region<Word> region_;
};

/// With 32-bit words: an end of at most 4 GiB - 1 byte.
using nonresident_linked_list_allocator = basic_nonresident_linked_list_allocator<std::uint32_t>;
static_assert(nonresident_allocator<nonresident_linked_list_allocator, storage_archetype>);

} // namespace vmem

#endif
