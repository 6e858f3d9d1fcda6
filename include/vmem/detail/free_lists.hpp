// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_FREE_LISTS_HPP
#define VMEM_DETAIL_FREE_LISTS_HPP

#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/word_io.hpp>
#include <vmem/result.hpp>

#include <bit>
#include <limits>

namespace vmem::detail {

/// What `basic_nonresident_linked_list_allocator` has on its medium: a few words of state, the
/// first blocks of the free lists, blocks end to end, and an end mark that looks like a block in
/// use.
///
/// Every block starts with a header of two words:
/// - word 0: size in bytes, header included, a multiple of the granule; bit 0: in use; bit 1: the
///   block before is in use.
/// - word 1: in use, a check word that only a block handed out carries; free, the next free block.
///
/// A free block goes on with the previous free block of its list, and ends with its size (the
/// boundary tag).
template <class Word>
struct block_layout {
    static constexpr Word magic = 0x6B6C626D; // "mblk"
    static constexpr Word in_use = 1;
    static constexpr Word before_in_use = 2;
    static constexpr Word flags = 7;
    static constexpr Word word = sizeof(Word);
    static constexpr Word header = 2 * word;
    static constexpr Word smallest_block = 4 * word;
    /// Sizes and addresses of blocks are multiples of it (bytes).
    static constexpr Word granule = 8;
    /// A list per power of two of the size.
    static constexpr unsigned classes =
        std::numeric_limits<Word>::digits - static_cast<unsigned>(std::countr_zero(smallest_block));
    /// Bytes before the first block.
    static constexpr Word state = align_up((5 + classes) * word, granule);

    [[nodiscard]] static constexpr unsigned class_of(Word size) noexcept {
        return static_cast<unsigned>(std::bit_width(size) - std::bit_width(smallest_block));
    }
    [[nodiscard]] static constexpr Word size_in(Word head) noexcept {
        return head & static_cast<Word>(~flags);
    }
    [[nodiscard]] static constexpr bool is_free(Word head) noexcept { return (head & in_use) == 0; }
    /// What the second word of a block in use holds.
    [[nodiscard]] static constexpr Word check_word(Word block, Word size) noexcept {
        return static_cast<Word>(~(block * Word{0x9E3779B1} ^ size));
    }
};

/// Where it has it, and what it keeps in RAM.
template <class Word>
struct block_region {
    static_assert(sizeof(Word) >= 4, "linked list allocator: Word must have 32 or 64 bits");

    using layout = block_layout<Word>;

    /// The first block.
    Word first = 0;
    /// The end mark.
    Word last = 0;
    /// The medium says that its state is complete.
    bool settled = false;
    /// Derived words may be incomplete: derive them before use.
    bool stale = false;

    /// Errors: too_large if the range does not fit `Word`; wrong_size if it is too small for a
    /// block.
    [[nodiscard]] result<void> place(address begin, address end) noexcept {
        if (end > (std::numeric_limits<Word>::max)()) {
            return failure(errc::too_large);
        }
        begin = align_up(begin, layout::granule);
        end = align_down(end, layout::granule);
        if (end < begin ||
            end - begin < address{layout::state} + layout::smallest_block + layout::header) {
            return failure(errc::wrong_size);
        }
        first = static_cast<Word>(begin + layout::state);
        last = static_cast<Word>(end - layout::header);
        return {};
    }

    [[nodiscard]] address magic_at() const noexcept { return first - layout::state; }
    [[nodiscard]] address settled_at() const noexcept { return magic_at() + layout::word; }
    /// Bytes in use; after it, blocks in use.
    [[nodiscard]] address counts_at() const noexcept { return magic_at() + 2 * layout::word; }
    /// Which lists are not empty, one bit each; after it, the first block of each.
    [[nodiscard]] address lists_at() const noexcept { return magic_at() + 4 * layout::word; }
    [[nodiscard]] address list_at(unsigned cls) const noexcept {
        return magic_at() + (5 + cls) * layout::word;
    }
    /// The list of blocks of `size`.
    [[nodiscard]] address list_of(Word size) const noexcept {
        constexpr Word after = layout::state - (4 + layout::classes) * layout::word;
        return first - after - static_cast<Word>(std::countl_zero(size)) * layout::word;
    }
    /// Bytes of all blocks.
    [[nodiscard]] Word capacity() const noexcept { return last - first; }
    /// No list has more entries.
    [[nodiscard]] Word most_blocks() const noexcept { return capacity() / layout::smallest_block; }
};

/// The headers of blocks, and the lists of free ones, one per power of two of the size.
template <class Medium, class Word>
class free_lists : public word_io<Medium, Word> {
public:
    using layout = block_layout<Word>;
    using word_io<Medium, Word>::fail;
    using word_io<Medium, Word>::get;
    using word_io<Medium, Word>::put;
    using word_io<Medium, Word>::words;

    free_lists(Medium& medium, block_region<Word>& region) noexcept
        : word_io<Medium, Word>(medium), region_(region) {}

    /// Reads the header at `block`, which may be any number, into `words`. Returns word 0; or
    /// `in_use`, of size 0, if no block can be there, and for the end mark.
    [[nodiscard]] Word look(Word block) {
        looked_at_ = block;
        const Word room = region_.last - block;
        if (room <= region_.capacity() && room % layout::granule == 0) {
            const Word head = this->read(block, 2);
            const Word size = layout::size_in(head);
            if ((head & layout::flags) < 4 && size >= layout::smallest_block && size <= room) {
                return head;
            }
        }
        return layout::in_use;
    }

    /// Makes a free block after a block in use, in front of its list. Fails with corrupt if what
    /// was in front is no free block.
    void insert(Word block, Word size) {
        const address list = region_.list_of(size);
        const Word next = get(list);
        if (next == 0) {
            mark(size);
        } else {
            if (!layout::is_free(look(next))) {
                fail(errc::corrupt);
            }
            this->swap(next + 2 * layout::word, 0, block);
        }
        words = {size | layout::before_in_use, next, 0};
        this->write(block, 3);
        put(block + size - layout::word, size);
        put(list, block);
    }

    /// Takes a free block out of its list. Fails with corrupt if there is none of that size.
    void remove(Word block, Word size) {
        if ((look(block) & static_cast<Word>(~layout::before_in_use)) != size) {
            fail(errc::corrupt);
        }
        unlink(block, size, words[1]);
    }
    /// Takes a free block, of which `next` is word 1, out of its list. Fails with corrupt if a
    /// neighbour in the list knows nothing of it: no write goes where a damaged link leads.
    void unlink(Word block, Word size, Word next) {
        const Word before = get(block + 2 * layout::word);
        this->swap(before != 0 ? address{before} + layout::word : region_.list_of(size), block,
                   next);
        if (next != 0) {
            this->swap(next + 2 * layout::word, block, before);
        } else if (before == 0) {
            mark(size);
        }
    }

    /// First fit among at most `probes` blocks of each size class, from that of `total` upwards;
    /// among all if there is none. Returns where a block of `total` bytes for the request can be in
    /// the free block that was looked at last; 0 if nowhere, or it failed.
    [[nodiscard]] Word search(const block_request& request, Word total, Word probes = few_probes) {
        const unsigned least = layout::class_of(total);
        Word classes = get(region_.lists_at()) >> least << least;
        for (; classes != 0; classes &= classes - 1) {
            Word block = get(region_.list_at(static_cast<unsigned>(std::countr_zero(classes))));
            for (Word left = probes; block != 0 && left != 0; --left) {
                if (!layout::is_free(look(block))) {
                    fail(errc::corrupt);
                    return 0;
                }
                address gap = suitable(block, request) - block;
                if (gap != 0 && gap < layout::smallest_block) {
                    // A gap must hold a block.
                    gap = suitable(block + layout::smallest_block, request) - block;
                }
                // An alignment beyond the end of memory may have wrapped.
                const Word size = layout::size_in(words[0]);
                if (gap < size && total <= size - gap) {
                    return static_cast<Word>(block + gap);
                }
                block = words[1];
            }
        }
        return probes == few_probes ? search(request, total, few_probes + region_.most_blocks())
                                    : Word{0};
    }
    /// The block whose header, unless it is none, is in `words` until another word is read.
    [[nodiscard]] Word looked_at() const noexcept { return looked_at_; }

protected:
    block_region<Word>& region_;

private:
    static constexpr Word few_probes = 8;

    /// First address from `at` on where a block may start for the request.
    [[nodiscard]] static address suitable(address at, const block_request& request) noexcept {
        at = align_up(at + layout::header, request.align);
        if (((at ^ (at + request.size - 1)) & (0 - request.within)) != 0) {
            at = align_up(at, request.within);
        }
        return at - layout::header;
    }

    /// The list of blocks of `size` has become empty, or is so no more.
    void mark(Word size) {
        const Word bit = (Word{1} << (layout::classes - 1)) >> std::countl_zero(size | 1);
        put(region_.lists_at(), get(region_.lists_at()) ^ bit);
    }

    Word looked_at_ = 0;
};

} // namespace vmem::detail

#endif
