// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_BLOCK_CHAIN_HPP
#define VMEM_DETAIL_BLOCK_CHAIN_HPP

#include <vmem/config.hpp>
#include <vmem/detail/free_lists.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <limits>

namespace vmem::detail {

/// The region of `basic_nonresident_linked_list_allocator` on its medium: a few words of state, the
/// lists, blocks end to end, and an end mark that looks like a block in use. The sizes and in-use
/// bits in the headers are the truth; what `derive` writes follows from them.
template <class Word>
class block_chain {
    static_assert(sizeof(Word) >= 4, "linked list allocator: Word must have 32 or 64 bits");

public:
    using lists = free_lists<Word>;
    static constexpr Word magic = 0x6B6C626D; // "mblk"

    /// Errors: too_large if the range does not fit `Word`; wrong_size if it is too small for a
    /// block.
    [[nodiscard]] result<void> place(address begin, address end) noexcept {
        if (end > (std::numeric_limits<Word>::max)()) {
            return failure(errc::too_large);
        }
        begin = align_up(begin, lists::granule);
        end = align_down(end, lists::granule);
        constexpr address least =
            5 * lists::word + lists::bytes + lists::smallest_block + lists::header;
        if (end < begin || end - begin < least) {
            return failure(errc::wrong_size);
        }
        begin_ = static_cast<Word>(begin);
        end_ = static_cast<Word>(end);
        return {};
    }

    [[nodiscard]] address magic_at() const noexcept { return begin_; }
    [[nodiscard]] address settled_at() const noexcept { return address{begin_} + lists::word; }
    [[nodiscard]] address bytes_at() const noexcept { return address{begin_} + 2 * lists::word; }
    [[nodiscard]] address blocks_at() const noexcept { return address{begin_} + 3 * lists::word; }
    [[nodiscard]] lists free() const noexcept { return {.at = address{begin_} + 4 * lists::word}; }
    /// The first block.
    [[nodiscard]] Word first() const noexcept {
        return align_up(static_cast<Word>(begin_ + 4 * lists::word + lists::bytes), lists::granule);
    }
    /// The end mark.
    [[nodiscard]] Word last() const noexcept { return end_ - lists::header; }
    /// Bytes of all blocks.
    [[nodiscard]] Word capacity() const noexcept { return last() - first(); }
    /// No list has more entries.
    [[nodiscard]] Word most_blocks() const noexcept { return capacity() / lists::smallest_block; }

    /// What the second word of a block in use holds.
    [[nodiscard]] static Word check_word(Word block, Word size) noexcept {
        return static_cast<Word>(~(block * Word{0x9E3779B1} ^ size));
    }
    /// Whether `head` can be the header of a block at `block`, which may be any number.
    [[nodiscard]] bool plausible(Word block, Word head) const noexcept {
        const Word size = lists::size_in(head);
        return block >= first() && block < last() && block % lists::granule == 0 &&
               (head & lists::flags) < 4 && size >= lists::smallest_block && size <= last() - block;
    }
    [[nodiscard]] static constexpr bool is_free(Word head) noexcept {
        return (head & lists::in_use) == 0;
    }

    /// Adds to the counts of bytes and blocks in use; both may be negative.
    void count(auto& io, Word bytes, Word blocks) const {
        io.put(bytes_at(), io.get(bytes_at()) + bytes);
        io.put(blocks_at(), io.get(blocks_at()) + blocks);
    }

    /// One free block that is not derived yet.
    void format(auto& io) const {
        io.put(magic_at(), magic);
        io.put(settled_at(), 0);
        io.put(first(), capacity());
        io.put(last(), lists::in_use);
    }

    /// Fails with corrupt where a header is none; changes nothing.
    void check(auto& io) const {
        for (Word block = first(); block < last() && io.ok();) {
            const Word head = io.get(block);
            const Word size = lists::size_in(head);
            if (!plausible(block, head) ||
                (!is_free(head) && io.get(block + lists::word) != check_word(block, size))) {
                io.fail(errc::corrupt);
            }
            block += size;
        }
    }

    /// Builds lists, tags, counts and "before in use" bits from the headers; merges free
    /// neighbours. Fails with corrupt where a header is none.
    void derive(auto& io) const {
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
    }

    /// Whether everything derived agrees with the headers.
    [[nodiscard]] bool agrees(auto& io) const { return chain_agrees(io) && lists_agree(io); }

private:
    [[nodiscard]] bool chain_agrees(auto& io) const {
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

    [[nodiscard]] bool lists_agree(auto& io) const {
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
                    io.get(block + 2 * lists::word) != before || listed > capacity()) {
                    return false;
                }
                before = block;
                block = lists::next(io, block);
            }
        }
        return listed == capacity() - io.get(bytes_at());
    }

    Word begin_ = 0;
    Word end_ = 0;
};

} // namespace vmem::detail

#endif
