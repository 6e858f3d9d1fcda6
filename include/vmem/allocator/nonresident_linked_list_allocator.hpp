// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_NONRESIDENT_LINKED_LIST_ALLOCATOR_HPP
#define VMEM_ALLOCATOR_NONRESIDENT_LINKED_LIST_ALLOCATOR_HPP

#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/free_lists.hpp>
#include <vmem/detail/word_io.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

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
/// most two entries of the list of each. After an I/O error, or at `open` after a power cut, every
/// header is read once. RAM: two words and two flags.
template <std::unsigned_integral Word>
class basic_nonresident_linked_list_allocator {
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
        if (const auto placed = place(begin, end); !placed) {
            return placed;
        }
        io_on<Medium> io(medium);
        io.put(magic_at(), magic);
        io.put(settled_at(), 0);
        io.put(first(), last() - first());
        io.put(last(), lists::in_use);
        settled_ = false;
        derive(io);
        return io.outcome();
    }

    /// Takes up the state that `settle` left or, if changes came after it, derives it from the
    /// headers. Errors: those of `format`; corrupt if there is no such state or the chain of
    /// headers is broken.
    template <storage Medium>
    [[nodiscard]] result<void> open(Medium& medium, address begin, address end) {
        if (const auto placed = place(begin, end); !placed) {
            return placed;
        }
        io_on<Medium> io(medium);
        if (io.get(magic_at()) != magic) {
            io.fail(errc::corrupt);
        }
        settled_ = io.get(settled_at()) == 1;
        stale_ = !settled_;
        refresh(io);
        return io.outcome();
    }

    /// Marks the state on the medium as complete; for the moment before the medium is flushed.
    template <storage Medium>
    [[nodiscard]] result<void> settle(Medium& medium) {
        io_on<Medium> io(medium);
        refresh(io);
        if (!settled_) {
            io.put(settled_at(), 1);
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
        if (request.size > last() - first() || request.align > end_) {
            return failure(errc::out_of_memory);
        }
        request.align = request.align < lists::granule ? lists::granule : request.align;
        io_on<Medium> io(medium);
        refresh(io);
        auto found = search(io, request, few_probes);
        if (found.payload == 0) {
            found = search(io, request, max_address);
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
        if (payload % lists::granule != 0 || payload < first() + lists::header ||
            payload >= last()) {
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
        if (!plausible(block, head)) {
            return failure(errc::foreign_pointer);
        }
        if ((head & lists::in_use) == 0) {
            return failure(errc::double_free);
        }
        if (check != check_word(block, lists::size_in(head))) {
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
        if (const Word classes = free().non_empty(io); classes != 0) {
            const auto top = static_cast<unsigned>(std::bit_width(classes) - 1);
            for (Word b = free().first(io, top); b != 0 && io.ok(); b = lists::next(io, b)) {
                const Word size = lists::size_in(io.get(b));
                largest = size > largest ? size : largest;
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
        const bool agree = chain_agrees(io) && lists_agree(io);
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
        const nonresident_stats known{.in_use = io.get(bytes_at()),
                                      .blocks = io.get(blocks_at()),
                                      .capacity = address{last() - first()}};
        if (!io.ok()) {
            return failure(io.outcome().error());
        }
        return known;
    }

private:
    static constexpr Word magic = 0x6B6C626D; // "mblk"
    static constexpr Word few_probes = 8;

    /// A free block, and where in it the request's bytes would start; 0 if nowhere.
    struct candidate {
        Word block = 0;
        Word size = 0;
        Word payload = 0;
    };

    // The state is at the start of the region, then the blocks, then an end mark that looks in use.
    [[nodiscard]] address magic_at() const noexcept { return begin_; }
    [[nodiscard]] address settled_at() const noexcept { return begin_ + lists::word; }
    [[nodiscard]] address bytes_at() const noexcept { return begin_ + 2 * lists::word; }
    [[nodiscard]] address blocks_at() const noexcept { return begin_ + 3 * lists::word; }
    [[nodiscard]] lists free() const noexcept { return {.at = address{begin_} + 4 * lists::word}; }
    [[nodiscard]] Word first() const noexcept {
        return static_cast<Word>(
            detail::align_up(begin_ + 4 * lists::word + lists::bytes, lists::granule));
    }
    [[nodiscard]] Word last() const noexcept { return end_ - lists::header; }

    [[nodiscard]] result<void> place(address begin, address end) noexcept {
        if (end > max_address) {
            return failure(errc::too_large);
        }
        begin = detail::align_up(begin, lists::granule);
        end = detail::align_down(end, lists::granule);
        constexpr address least =
            5 * lists::word + lists::bytes + lists::smallest_block + lists::header;
        if (end < begin || end - begin < least) {
            return failure(errc::wrong_size);
        }
        begin_ = static_cast<Word>(begin);
        end_ = static_cast<Word>(end);
        return {};
    }

    [[nodiscard]] static Word check_word(Word block, Word size) noexcept {
        return static_cast<Word>(~(block * Word{0x9E3779B1} ^ size));
    }
    /// Whether `head` can be the header of a block at `block`.
    [[nodiscard]] bool plausible(Word block, Word head) const noexcept {
        const Word size = lists::size_in(head);
        return (head & lists::flags) < 4 && size >= lists::smallest_block && size <= last() - block;
    }
    [[nodiscard]] static constexpr bool is_free(Word head) noexcept {
        return (head & lists::in_use) == 0;
    }

    /// Whole again after an interrupted change.
    void refresh(auto& io) {
        if (stale_) {
            derive(io);
        }
    }

    /// Called before the first word changes: from now on the medium, and until `finish` the derived
    /// words, are incomplete.
    void start(auto& io) {
        stale_ = true;
        if (settled_) {
            io.put(settled_at(), 0);
            settled_ = !io.ok();
        }
    }
    void finish(auto& io) noexcept { stale_ = !io.ok(); }

    void count(auto& io, Word bytes, Word blocks) {
        io.put(bytes_at(), io.get(bytes_at()) + bytes);
        io.put(blocks_at(), io.get(blocks_at()) + blocks);
    }

    /// First payload address in a free block that satisfies the request; a gap before it is a
    /// block.
    [[nodiscard]] static Word fit(Word block, Word size, const block_request& request) noexcept {
        const address end = address{block} + size;
        const address nearest = address{block} + lists::header;
        address at = detail::align_up(nearest, request.align);
        if (at != nearest && at - nearest < lists::smallest_block) {
            at = detail::align_up(nearest + lists::smallest_block, request.align);
        }
        if (request.within != 0 && (at & (request.within - 1)) + request.size > request.within) {
            at = detail::align_up(at, request.within);
            if (at - nearest < lists::smallest_block) {
                at = detail::align_up(nearest + lists::smallest_block, request.within);
            }
        }
        // An alignment beyond the end of memory may have wrapped.
        return at >= nearest && at < end && request.size <= end - at ? static_cast<Word>(at) : 0;
    }

    /// First fit among at most `probes` blocks of each size class, from that of the request
    /// upwards.
    [[nodiscard]] candidate search(auto& io, const block_request& request, Word probes) {
        const auto needed = static_cast<Word>(request.size) + lists::header;
        const unsigned least =
            lists::class_of(needed < lists::smallest_block ? lists::smallest_block : needed);
        Word classes = free().non_empty(io) >> least << least;
        for (; classes != 0; classes &= classes - 1) {
            Word block = free().first(io, static_cast<unsigned>(std::countr_zero(classes)));
            for (Word n = 0; block != 0 && n < probes; ++n) {
                const Word head = io.get(block);
                if (!io.ok() || !plausible(block, head) || !is_free(head)) {
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
        free().unlink(io, found.block, found.size);
        // No header leads here yet.
        if (rest != 0) {
            io.put(after, rest | lists::before_in_use);
        }
        if (gap != 0) {
            io.put(block, total | lists::in_use);
        }
        io.put(block + lists::word, check_word(block, total));
        // This word decides.
        const Word before = head & lists::before_in_use;
        io.put(found.block, gap != 0 ? gap | before : total | lists::in_use | before);
        if (!io.ok()) {
            return failure(io.outcome().error());
        }
        if (gap != 0) {
            free().link(io, found.block, gap);
        }
        if (rest != 0) {
            free().link(io, after, rest);
        } else {
            io.put(after, io.get(after) | lists::before_in_use);
        }
        count(io, total, 1);
        finish(io);
        return address{found.payload};
    }

    /// Frees a block in use, together with free neighbours.
    [[nodiscard]] result<void> merge(auto& io, Word block, Word head) {
        const Word own = lists::size_in(head);
        Word size = own;
        const Word next = block + own;
        const Word next_head = io.get(next);
        const bool join_next = is_free(next_head);
        Word left = block;
        Word left_head = head;
        if ((head & lists::before_in_use) == 0) {
            left = block - io.get(block - lists::word);
            left_head = io.get(left);
        }
        if (io.ok() && ((left != block && !is_free(left_head)) ||
                        (join_next && !plausible(next, next_head)))) {
            io.fail(errc::corrupt);
        }
        if (!io.ok()) {
            return io.outcome();
        }
        start(io);
        if (join_next) {
            free().unlink(io, next, lists::size_in(next_head));
            size += lists::size_in(next_head);
        }
        if (left != block) {
            free().unlink(io, left, lists::size_in(left_head));
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
        free().link(io, left, size);
        io.put(left + size, io.get(left + size) & static_cast<Word>(~lists::before_in_use));
        count(io, static_cast<Word>(0 - own), static_cast<Word>(-1));
        finish(io);
        return {};
    }

    /// Builds all derived words from the chain of headers; merges free neighbours.
    void derive(auto& io) {
        start(io);
        free().clear(io);
        Word used = 0;
        Word blocks = 0;
        Word before = lists::before_in_use;
        for (Word block = first(); block < last() && io.ok();) {
            const Word head = io.get(block);
            Word size = lists::size_in(head);
            if (!plausible(block, head)) {
                io.fail(errc::corrupt);
                break;
            }
            if (is_free(head)) {
                for (Word next = io.get(block + size);
                     is_free(next) && plausible(block + size, next); next = io.get(block + size)) {
                    size += lists::size_in(next);
                }
                io.put(block, size | before);
                free().link(io, block, size);
                before = 0;
            } else {
                io.put(block, size | lists::in_use | before);
                used += size;
                ++blocks;
                before = lists::before_in_use;
            }
            block += size;
        }
        io.put(last(), lists::in_use | before);
        io.put(bytes_at(), used);
        io.put(blocks_at(), blocks);
        finish(io);
    }

    [[nodiscard]] bool chain_agrees(auto& io) {
        Word used = 0;
        Word blocks = 0;
        Word before = lists::before_in_use;
        Word block = first();
        while (block < last() && io.ok()) {
            const Word head = io.get(block);
            const Word size = lists::size_in(head);
            if (!plausible(block, head) || (head & lists::before_in_use) != before) {
                return false;
            }
            if (is_free(head)) {
                if (before == 0 || io.get(block + size - lists::word) != size) {
                    return false;
                }
            } else {
                if (io.get(block + lists::word) != check_word(block, size)) {
                    return false;
                }
                used += size;
                ++blocks;
            }
            before = is_free(head) ? 0 : lists::before_in_use;
            block += size;
        }
        return block == last() && io.get(last()) == (lists::in_use | before) &&
               io.get(bytes_at()) == used && io.get(blocks_at()) == blocks;
    }

    [[nodiscard]] bool lists_agree(auto& io) {
        Word listed = 0;
        const Word non_empty = free().non_empty(io);
        for (unsigned cls = 0; cls < lists::classes; ++cls) {
            Word before = 0;
            Word block = free().first(io, cls);
            if ((block != 0) != ((non_empty >> cls & 1) != 0)) {
                return false;
            }
            while (block != 0 && io.ok()) {
                const Word head = io.get(block);
                listed += lists::size_in(head);
                if (!plausible(block, head) || !is_free(head) ||
                    lists::class_of(lists::size_in(head)) != cls ||
                    io.get(block + 2 * lists::word) != before || listed > last() - first()) {
                    return false;
                }
                before = block;
                block = lists::next(io, block);
            }
        }
        return listed == last() - first() - io.get(bytes_at());
    }

    Word begin_ = 0;
    Word end_ = 0;
    /// The medium says that its state is complete.
    bool settled_ = false;
    /// Derived words may be incomplete: derive them before use.
    bool stale_ = false;
};

/// With 32-bit words: up to 4 GiB of virtual memory.
using nonresident_linked_list_allocator = basic_nonresident_linked_list_allocator<std::uint32_t>;
static_assert(nonresident_allocator<nonresident_linked_list_allocator, storage_archetype>);

} // namespace vmem

#endif
