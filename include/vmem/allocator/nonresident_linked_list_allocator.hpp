// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_NONRESIDENT_LINKED_LIST_ALLOCATOR_HPP
#define VMEM_ALLOCATOR_NONRESIDENT_LINKED_LIST_ALLOCATOR_HPP

#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/block_chain.hpp>
#include <vmem/detail/free_lists.hpp>
#include <vmem/detail/word_io.hpp>
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
/// most two entries of the list of each. After an I/O error every header is read once; at an `open`
/// of what was not settled, twice. The first change after `settle` syncs the medium once. A damaged
/// word is found before it leads to a write elsewhere. RAM: two words and two flags.
template <std::unsigned_integral Word>
class basic_nonresident_linked_list_allocator {
    using chain = detail::block_chain<Word>;
    using lists = detail::free_lists<Word>;
    template <class Medium>
    using io_on = detail::word_io<Medium, Word>;

public:
    static constexpr std::uint32_t media_id = 0x4C4C0000u | sizeof(Word);
    static constexpr Word max_address = (std::numeric_limits<Word>::max)();

    /// Makes one free block of `[begin, end)`. Errors: wrong_size if the range is too small;
    /// too_large if it does not fit `Word`; the medium's.
    template <storage Medium>
    [[nodiscard]] result<void> format(Medium& medium, address begin, address end) {
        if (const auto placed = chain_.place(begin, end); !placed) {
            return placed;
        }
        io_on<Medium> io(medium);
        chain_.format(io);
        settled_ = false;
        stale_ = true;
        refresh(io);
        return io.outcome();
    }

    /// Takes up the state that `settle` left or, if changes came after it, derives it from the
    /// headers. Errors: those of `format`; corrupt if there is no such state or the chain of
    /// headers is broken.
    template <storage Medium>
    [[nodiscard]] result<void> open(Medium& medium, address begin, address end) {
        if (const auto placed = chain_.place(begin, end); !placed) {
            return placed;
        }
        io_on<Medium> io(medium);
        if (io.get(chain_.magic_at()) != chain::magic) {
            io.fail(errc::corrupt);
        }
        settled_ = io.get(chain_.settled_at()) == 1;
        stale_ = !settled_;
        if (stale_) {
            // Before the first word changes, or a foreign image would be damaged further.
            chain_.check(io);
        }
        if (io.ok()) {
            refresh(io);
        }
        return io.outcome();
    }

    /// Syncs the medium, and then marks the state on it as complete: the mark must not be there
    /// before what it speaks of. It lasts when the caller syncs once more.
    template <storage Medium>
    [[nodiscard]] result<void> settle(Medium& medium) {
        io_on<Medium> io(medium);
        refresh(io);
        if (!settled_) {
            io.sync();
            io.put(chain_.settled_at(), 1);
            settled_ = io.ok();
        }
        return io.outcome();
    }

    /// Errors: zero_size; misaligned (not powers of two, or `within` too small); out_of_memory;
    /// corrupt; the medium's.
    template <storage Medium>
    [[nodiscard]] result<address> allocate(Medium& medium, block_request request) {
        if (request.size == 0) {
            return failure(errc::zero_size);
        }
        if (!std::has_single_bit(request.align) ||
            (request.within != 0 &&
             (!std::has_single_bit(request.within) || request.within < request.size ||
              request.within < request.align))) {
            return failure(errc::misaligned);
        }
        if (request.size > chain_.capacity() || request.align > chain_.last()) {
            return failure(errc::out_of_memory);
        }
        request.align = request.align < lists::granule ? lists::granule : request.align;
        io_on<Medium> io(medium);
        refresh(io);
        auto found = search(io, request, few_probes);
        if (found.payload == 0) {
            found = search(io, request, chain_.most_blocks());
        }
        if (!io.ok()) {
            return failure(io.outcome().error());
        }
        if (found.payload == 0) {
            return failure(errc::out_of_memory);
        }
        return carve(io, found, request.size);
    }

    /// Errors: double_free; foreign_pointer for any other address that `allocate` did not return;
    /// corrupt; the medium's.
    template <storage Medium>
    [[nodiscard]] result<void> deallocate(Medium& medium, address payload) {
        if (payload % lists::granule != 0 || payload < address{chain_.first()} + lists::header ||
            payload >= chain_.last()) {
            return failure(errc::foreign_pointer);
        }
        io_on<Medium> io(medium);
        refresh(io);
        const Word block = static_cast<Word>(payload) - lists::header;
        const Word head = io.get(block);
        const Word check = io.get(block + lists::word);
        if (!io.ok()) {
            return io.outcome();
        }
        if (!chain_.plausible(block, head)) {
            return failure(errc::foreign_pointer);
        }
        if ((head & lists::in_use) == 0) {
            return failure(errc::double_free);
        }
        if (check != chain::check_word(block, lists::size_in(head))) {
            return failure(errc::foreign_pointer);
        }
        return merge(io, block, head);
    }

    /// Largest size granted at alignment 1 (bytes); 0 when full. Reads the list of the largest
    /// class.
    template <storage Medium>
    [[nodiscard]] result<address> largest_free(Medium& medium) {
        io_on<Medium> io(medium);
        refresh(io);
        Word largest = 0;
        if (const Word classes = chain_.free().non_empty(io); classes != 0) {
            const auto top = static_cast<unsigned>(std::bit_width(classes) - 1);
            Word block = chain_.free().first(io, top);
            for (Word n = 0; block != 0 && n < chain_.most_blocks(); ++n) {
                const Word head = io.get(block);
                if (!chain_.plausible(block, head) || !chain::is_free(head)) {
                    io.fail(errc::corrupt);
                }
                const Word size = lists::size_in(head);
                largest = size > largest ? size : largest;
                block = lists::next(io, block);
            }
        }
        if (!io.ok()) {
            return failure(io.outcome().error());
        }
        return address{largest == 0 ? Word{0} : largest - lists::header};
    }

    /// Whether headers, tags, lists and counts agree. Reads each once.
    template <storage Medium>
    [[nodiscard]] result<bool> invariants_hold(Medium& medium) {
        io_on<Medium> io(medium);
        refresh(io);
        const bool agree = chain_.agrees(io);
        if (!io.ok()) {
            return failure(io.outcome().error());
        }
        return agree;
    }

    /// Two small reads.
    template <storage Medium>
    [[nodiscard]] result<nonresident_stats> stats(Medium& medium) {
        io_on<Medium> io(medium);
        refresh(io);
        const nonresident_stats known{.in_use = io.get(chain_.bytes_at()),
                                      .blocks = io.get(chain_.blocks_at()),
                                      .capacity = address{chain_.capacity()}};
        if (!io.ok()) {
            return failure(io.outcome().error());
        }
        return known;
    }

private:
    static constexpr Word few_probes = 8;

    /// A free block, and where in it the request's bytes would start; 0 if nowhere.
    struct candidate {
        Word block = 0;
        Word size = 0;
        Word payload = 0;
    };

    /// Whole again after an interrupted change.
    void refresh(auto& io) {
        if (stale_) {
            start(io);
            chain_.derive(io);
            finish(io);
        }
    }

    /// Called before the first word changes: from now on the medium, and until `finish` the derived
    /// words, are incomplete. The medium must say so before anything else reaches it.
    void start(auto& io) {
        stale_ = true;
        if (settled_) {
            io.put(chain_.settled_at(), 0);
            io.sync();
            settled_ = !io.ok();
        }
    }
    void finish(auto& io) noexcept { stale_ = !io.ok(); }

    /// First payload address in a free block that satisfies the request; a gap before it is a
    /// block.
    [[nodiscard]] static Word fit(Word block, Word size, const block_request& request) noexcept {
        const address end = address{block} + size;
        const address nearest = address{block} + lists::header;
        constexpr address least = lists::smallest_block - lists::header;
        const address needed = request.size < least ? least : request.size;
        address at = detail::align_up(nearest, request.align);
        const auto straddles = [&request](address start) {
            return request.within != 0 &&
                   (start & (request.within - 1)) + request.size > request.within;
        };
        if (straddles(at)) {
            at = detail::align_up(at, request.within);
        }
        if (at != nearest && at - nearest < lists::smallest_block) {
            // The gap must hold a block; what begins after it may straddle the next border.
            at = detail::align_up(nearest + lists::smallest_block, request.align);
            at = straddles(at) ? detail::align_up(at, request.within) : at;
        }
        // An alignment beyond the end of memory may have wrapped.
        return at >= nearest && at < end && needed <= end - at ? static_cast<Word>(at) : 0;
    }

    /// First fit among at most `probes` blocks of each size class, from that of the request
    /// upwards.
    [[nodiscard]] candidate search(auto& io, const block_request& request, Word probes) {
        const auto needed = static_cast<Word>(request.size) + lists::header;
        const unsigned least =
            lists::class_of(needed < lists::smallest_block ? lists::smallest_block : needed);
        Word classes = chain_.free().non_empty(io) >> least << least;
        for (; classes != 0; classes &= classes - 1) {
            Word block = chain_.free().first(io, static_cast<unsigned>(std::countr_zero(classes)));
            for (Word n = 0; block != 0 && n < probes; ++n) {
                const Word head = io.get(block);
                if (!io.ok() || !chain_.plausible(block, head) || !chain::is_free(head)) {
                    io.fail(errc::corrupt);
                    return {};
                }
                const Word size = lists::size_in(head);
                if (const Word payload = fit(block, size, request); payload != 0) {
                    return {.block = block, .size = size, .payload = payload};
                }
                block = lists::next(io, block);
            }
        }
        return {};
    }

    /// Takes the payload out of its free block; what is left on either side stays free.
    [[nodiscard]] result<address> carve(auto& io, const candidate& found, address size) {
        const Word block = found.payload - lists::header;
        const Word gap = block - found.block;
        auto total = static_cast<Word>(detail::align_up(size, lists::granule) + lists::header);
        total = total < lists::smallest_block ? lists::smallest_block : total;
        Word rest = found.size - gap - total;
        if (rest < lists::smallest_block) {
            total += rest;
            rest = 0;
        }
        const Word after = block + total;
        const Word head = io.get(found.block);
        start(io);
        chain_.free().unlink(io, found.block, found.size);
        // No header leads here yet.
        if (rest != 0) {
            io.put(after, rest | lists::before_in_use);
        }
        if (gap != 0) {
            io.put(block, total | lists::in_use);
        }
        io.put(block + lists::word, chain::check_word(block, total));
        // This word decides.
        const Word before = head & lists::before_in_use;
        io.put(found.block, gap != 0 ? gap | before : total | lists::in_use | before);
        if (!io.ok()) {
            return failure(io.outcome().error());
        }
        if (gap != 0) {
            chain_.free().link(io, found.block, gap);
        }
        if (rest != 0) {
            chain_.free().link(io, after, rest);
        } else {
            io.put(after, io.get(after) | lists::before_in_use);
        }
        chain_.count(io, total, 1);
        finish(io);
        return address{found.payload};
    }

    /// Frees a block in use, together with free neighbours.
    [[nodiscard]] result<void> merge(auto& io, Word block, Word head) {
        const Word own = lists::size_in(head);
        Word size = own;
        const Word next = block + own;
        const Word next_head = io.get(next);
        const bool join_next = chain::is_free(next_head);
        Word left = block;
        Word left_head = head;
        if ((head & lists::before_in_use) == 0) {
            left = block - io.get(block - lists::word);
            left_head = io.get(left);
        }
        if ((left != block && !(chain_.plausible(left, left_head) && chain::is_free(left_head) &&
                                left + lists::size_in(left_head) == block)) ||
            (join_next && !chain_.plausible(next, next_head))) {
            io.fail(errc::corrupt);
        }
        if (!io.ok()) {
            return io.outcome();
        }
        start(io);
        if (join_next) {
            chain_.free().unlink(io, next, lists::size_in(next_head));
            size += lists::size_in(next_head);
        }
        if (left != block) {
            chain_.free().unlink(io, left, lists::size_in(left_head));
        }
        // This word decides; a free block left of a free block is legal in the chain.
        io.put(block, size | (head & lists::before_in_use));
        if (!io.ok()) {
            return io.outcome();
        }
        if (left != block) {
            size += lists::size_in(left_head);
            io.put(left, size | (left_head & lists::before_in_use));
        }
        chain_.free().link(io, left, size);
        io.put(left + size, io.get(left + size) & static_cast<Word>(~lists::before_in_use));
        chain_.count(io, static_cast<Word>(0 - own), static_cast<Word>(-1));
        finish(io);
        return {};
    }

    chain chain_;
    /// The medium says that its state is complete.
    bool settled_ = false;
    /// Derived words may be incomplete: derive them before use.
    bool stale_ = false;
};

/// With 32-bit words: an end of at most 4 GiB - 1 byte.
using nonresident_linked_list_allocator = basic_nonresident_linked_list_allocator<std::uint32_t>;
static_assert(nonresident_allocator<nonresident_linked_list_allocator, storage_archetype>);

} // namespace vmem

#endif
