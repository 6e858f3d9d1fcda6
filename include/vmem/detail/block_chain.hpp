// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_BLOCK_CHAIN_HPP
#define VMEM_DETAIL_BLOCK_CHAIN_HPP

#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/free_lists.hpp>
#include <vmem/result.hpp>

namespace vmem::detail {

/// An operation on the blocks of a region. The sizes and in-use bits in the headers are the truth;
/// what `refresh` writes follows from them.
template <class Medium, class Word>
class block_chain : public free_lists<Medium, Word> {
    using base = free_lists<Medium, Word>;
    using base::region_;

public:
    using base::base;
    using base::fail;
    using base::get;
    using base::look;
    using base::ok;
    using base::put;
    using base::words;
    using typename base::layout;

    /// One free block.
    void format() {
        words = {layout::magic, 0};
        this->write(region_.magic_at(), 2);
        put(region_.first, region_.capacity());
        region_.settled = false;
        region_.stale = true;
        refresh();
    }

    /// Takes a block out of a free one; what is left on either side stays free. Returns its
    /// address; 0 if it failed.
    [[nodiscard]] Word take(const block_request& request) {
        refresh();
        const Word total = bytes_for(request);
        // Unless the sum has wrapped.
        Word block = total > request.size ? this->search(request, total) : Word{0};
        if (block == 0) {
            fail(errc::out_of_memory);
            return 0;
        }
        const Word begin = this->looked_at();
        const Word end = begin + layout::size_in(words[0]);
        Word after = block + total;
        if (end - after < layout::smallest_block) {
            after = end;
        }
        const Word next = words[1];
        start();
        this->unlink(begin, end - begin, next);
        Word flags = layout::in_use | layout::before_in_use;
        if (block != begin) {
            flags = layout::in_use;
            // Two free blocks in a row are legal in the chain.
            put(block, end - block);
            this->insert(begin, block - begin);
        }
        if (after != end) {
            // No header leads there yet.
            this->insert(after, end - after);
        } else {
            put(end, get(end) | layout::before_in_use);
        }
        const Word size = after - block;
        put(block + layout::word, layout::check_word(block, size));
        // This word decides.
        put(block, size | flags);
        if (!ok()) {
            return 0;
        }
        finish(size, 1);
        return block;
    }

    /// Frees a block in use together with free neighbours. Errors: double_free; foreign_pointer for
    /// any other address where no block in use starts.
    [[nodiscard]] result<void> give(Word block) {
        refresh();
        const Word head = look(block);
        const Word size = layout::size_in(head);
        if (layout::is_free(head) || size == 0 || words[1] != layout::check_word(block, size)) {
            fail(layout::is_free(head) ? errc::double_free : errc::foreign_pointer);
            return this->outcome();
        }
        start();
        Word end = block + size;
        const Word next = get(end);
        if (layout::is_free(next)) {
            this->remove(end, layout::size_in(next));
            end += layout::size_in(next);
        } else {
            put(end, next & static_cast<Word>(~layout::before_in_use));
        }
        Word begin = block;
        if ((head & layout::before_in_use) == 0) {
            const Word left = get(block - layout::word);
            begin -= left;
            this->remove(begin, left);
        }
        // This word decides; a free block left of a free block is legal in the chain.
        put(block, (end - block) | (head & layout::before_in_use));
        const result<void> given = this->outcome();
        this->insert(begin, end - begin);
        finish(static_cast<Word>(0 - size), static_cast<Word>(-1));
        return given;
    }

    /// Fails with corrupt where a header is none; changes nothing.
    void check() {
        Word block = region_.first;
        for (Word size = 1; size != 0; block += size) {
            const Word head = look(block);
            size = layout::size_in(head);
            if (size != 0 && !layout::is_free(head) &&
                words[1] != layout::check_word(block, size)) {
                fail(errc::corrupt);
            }
        }
        if (block != region_.last) {
            fail(errc::corrupt);
        }
    }

    /// After an interrupted change, builds lists, tags, counts and "before in use" bits from the
    /// headers; merges free neighbours. Fails with corrupt where a header is none.
    void refresh() {
        if (!region_.stale) {
            return;
        }
        start();
        for (auto at = static_cast<Word>(region_.counts_at()); at != region_.first;
             at += layout::word) {
            put(at, 0);
        }
        Word used = 0;
        // The end mark is none.
        Word blocks = static_cast<Word>(-1);
        // Free bytes right before `block`.
        Word gap = 0;
        for (Word block = region_.first, size = 1; size != 0; block += size) {
            const Word head = look(block);
            size = layout::size_in(head);
            if (layout::is_free(head)) {
                gap += size;
                continue;
            }
            if (size == 0 && block != region_.last) {
                fail(errc::corrupt);
            }
            Word flags = layout::in_use | layout::before_in_use;
            if (gap != 0) {
                this->insert(block - gap, gap);
                flags = layout::in_use;
                gap = 0;
            }
            put(block, size | flags);
            used += size;
            ++blocks;
        }
        finish(used, blocks);
    }

    /// Whether everything derived agrees with the headers.
    [[nodiscard]] bool agrees() { return chain_agrees() && lists_agree(); }

private:
    /// Of a block for the request.
    [[nodiscard]] static Word bytes_for(const block_request& request) noexcept {
        const auto total =
            static_cast<Word>(align_up(request.size + layout::header, layout::granule));
        return total < layout::smallest_block ? layout::smallest_block : total;
    }

    /// Called before the first word changes: from now on the medium, and until `finish` the derived
    /// words, are incomplete. The medium must say so before anything else reaches it.
    void start() {
        region_.stale = true;
        if (region_.settled) {
            put(region_.settled_at(), 0);
            this->sync();
            if (ok()) {
                region_.settled = false;
            }
        }
    }
    /// Adds to the counts of bytes and blocks in use; both may be negative. Then all words agree
    /// again.
    void finish(Word bytes, Word blocks) {
        const address at = region_.counts_at();
        this->read(at, 2);
        words[0] += bytes;
        words[1] += blocks;
        this->write(at, 2);
        if (ok()) {
            region_.stale = false;
        }
    }

    [[nodiscard]] bool chain_agrees() {
        Word used = 0;
        Word blocks = 0;
        Word before = layout::before_in_use;
        Word block = region_.first;
        Word head = look(block);
        for (Word size = layout::size_in(head); size != 0; size = layout::size_in(head)) {
            const bool free = layout::is_free(head);
            if ((head & layout::before_in_use) != before ||
                (free ? before == 0 || get(block + size - layout::word) != size
                      : words[1] != layout::check_word(block, size))) {
                return false;
            }
            used += free ? 0 : size;
            blocks += free ? 0 : 1;
            before = free ? 0 : layout::before_in_use;
            block += size;
            head = look(block);
        }
        return block == region_.last && get(block) == (layout::in_use | before) &&
               this->read(region_.counts_at(), 2) == used && words[1] == blocks;
    }

    [[nodiscard]] bool lists_agree() {
        Word listed = 0;
        const Word non_empty = get(region_.lists_at());
        for (unsigned cls = 0; cls < layout::classes; ++cls) {
            Word before = 0;
            Word block = get(region_.list_at(cls));
            if ((block != 0) != ((non_empty >> cls & 1) != 0)) {
                return false;
            }
            while (block != 0) {
                const Word head = look(block);
                const Word next = words[1];
                listed += layout::size_in(head);
                if (!layout::is_free(head) || layout::class_of(layout::size_in(head)) != cls ||
                    get(block + 2 * layout::word) != before || listed > region_.capacity()) {
                    return false;
                }
                before = block;
                block = next;
            }
        }
        return listed == region_.capacity() - get(region_.counts_at());
    }
};

} // namespace vmem::detail

#endif
