// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_FREE_LISTS_HPP
#define VMEM_DETAIL_FREE_LISTS_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>

#include <bit>
#include <limits>

namespace vmem::detail {

/// Layout of the blocks of `basic_nonresident_linked_list_allocator`, and its lists of free blocks,
/// one per power of two of the size.
///
/// Every block starts with a header of two words:
/// - word 0: size in bytes, header included, a multiple of the granule; bit 0: in use; bit 1: the
/// block
///   before is in use.
/// - word 1: in use, a check word that only a block handed out carries; free, the next free block.
/// A free block goes on with the previous free block of its list, and ends with its size (the
/// boundary tag).
template <class Word>
struct free_lists {
    static constexpr Word in_use = 1;
    static constexpr Word before_in_use = 2;
    static constexpr Word flags = 7;
    static constexpr Word word = sizeof(Word);
    static constexpr Word header = 2 * word;
    static constexpr Word smallest_block = 4 * word;
    /// Sizes and addresses of blocks are multiples of it (bytes).
    static constexpr Word granule = 8;
    static constexpr unsigned classes =
        std::numeric_limits<Word>::digits - static_cast<unsigned>(std::countr_zero(smallest_block));
    /// Bytes of the lists on the medium: which are not empty, one bit each, then their first
    /// blocks.
    static constexpr Word bytes = (1 + classes) * word;

    /// Where the lists are on the medium.
    address at;

    [[nodiscard]] static constexpr unsigned class_of(Word size) noexcept {
        return static_cast<unsigned>(std::bit_width(size) - std::bit_width(smallest_block));
    }
    [[nodiscard]] static constexpr Word size_in(Word head) noexcept {
        return head & static_cast<Word>(~flags);
    }

    void clear(auto& io) const {
        for (Word offset = 0; offset < bytes; offset += word) {
            io.put(at + offset, 0);
        }
    }
    /// Bit per class that has a block.
    [[nodiscard]] Word non_empty(auto& io) const { return io.get(at); }
    [[nodiscard]] Word first(auto& io, unsigned cls) const { return io.get(head(cls)); }
    [[nodiscard]] static Word next(auto& io, Word block) { return io.get(block + word); }

    /// Adds a free block, in front, and writes its boundary tag; its header is written already.
    /// Fails with corrupt, before anything else is changed, if what is in front is no free block.
    void link(auto& io, Word block, Word size) const {
        const unsigned cls = class_of(size);
        const Word old = first(io, cls);
        if (old != 0 && !(is_in_class(io.get(old), cls) && io.get(old + 2 * word) == 0)) {
            io.fail(errc::corrupt);
        }
        io.put(block + word, old);
        io.put(block + 2 * word, 0);
        io.put(block + size - word, size);
        if (old != 0) {
            io.put(old + 2 * word, block);
        } else {
            io.put(at, non_empty(io) | Word{1} << cls);
        }
        io.put(head(cls), block);
    }

    /// Fails with corrupt, before anything is changed, if the neighbours in the list know nothing
    /// of the block: a damaged link must not lead to a write.
    void unlink(auto& io, Word block, Word size) const {
        const unsigned cls = class_of(size);
        const Word after = next(io, block);
        const Word before = io.get(block + 2 * word);
        if ((after != 0 && io.get(after + 2 * word) != block) ||
            (before != 0 ? next(io, before) : first(io, cls)) != block) {
            io.fail(errc::corrupt);
        }
        if (after != 0) {
            io.put(after + 2 * word, before);
        }
        if (before != 0) {
            io.put(before + word, after);
            return;
        }
        io.put(head(cls), after);
        if (after == 0) {
            io.put(at, non_empty(io) & ~(Word{1} << cls));
        }
    }

private:
    [[nodiscard]] static bool is_in_class(Word head, unsigned cls) noexcept {
        return (head & in_use) == 0 && class_of(size_in(head)) == cls;
    }
    [[nodiscard]] address head(unsigned cls) const noexcept { return at + (1 + cls) * word; }
};

} // namespace vmem::detail

#endif
