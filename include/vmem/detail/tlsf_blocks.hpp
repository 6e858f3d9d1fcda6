// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_TLSF_BLOCKS_HPP
#define VMEM_DETAIL_TLSF_BLOCKS_HPP

#include <vmem/config.hpp>
#include <vmem/detail/arena.hpp>
#include <vmem/detail/block_flags.hpp>
#include <vmem/detail/segregated_lists.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace vmem::detail {

/// The arena of a TLSF allocator: a row of blocks, live ones and free ones, in granules that are
/// counted from the start of the arena. What is known of them is at its start: the heads of the
/// lists of free blocks, and two flags per granule. No two free blocks are neighbours.
///
/// Each function is O(1) unless it says otherwise.
template <class Index, std::size_t Granule, unsigned SecondLevelBits, std::size_t MaxArena>
class tlsf_blocks {
    /// Words of a granule. The lists know a block by the index of its first word.
    static constexpr std::size_t words = Granule / sizeof(Index);
    using lists = segregated_lists<Index, words, SecondLevelBits, MaxArena / Granule>;

public:
    /// Granules from `first` up to, but not including, `end`.
    struct range {
        std::size_t first;
        std::size_t end;

        [[nodiscard]] std::size_t size() const noexcept { return end - first; }
    };
    /// Sizes below it share no list.
    static constexpr std::size_t exact = lists::exact;

    [[nodiscard]] static constexpr std::size_t granules(std::size_t size) noexcept {
        return (size + (Granule - 1)) / Granule;
    }

    /// All is free. O(arena / Granule / 32).
    explicit tlsf_blocks(std::span<std::byte> arena) noexcept {
        arena = whole_granules(arena, Granule, MaxArena);
        const std::size_t end = arena.size() / Granule;
        const std::size_t heads =
            align_up(lists::head_words(end) * sizeof(Index), block_flags::alignment);
        const std::size_t state = heads + block_flags::bytes_for(end);
        if (state + Granule > arena.size()) {
            return;
        }
        base_ = arena.data();
        flags_ = block_flags(base_ + heads, end);
        first_ = granules(state);
        end_ = end;
        clear_lists();
        // Beyond the last block there seems to be a live one.
        flags_.set_live(end);
        add_free({first_, end});
    }

    /// Granules that blocks can take.
    [[nodiscard]] std::size_t count() const noexcept { return end_ - first_; }
    /// Granules of the largest block that `take` would grant for an alignment up to `Granule`.
    [[nodiscard]] std::size_t largest_free() const noexcept {
        return end_ == 0 ? 0 : lists_.largest(base_);
    }

    /// Where a block of `size` bytes at `p` would be. False if it would not be within the arena,
    /// or does not start with a granule.
    [[nodiscard, gnu::always_inline]] bool locate(const void* p, std::size_t size,
                                                  range& block) const noexcept {
        // Rotated, the offset of a misaligned pointer is far outside.
        block.first = std::rotr(static_cast<std::size_t>(address_of(p) - address_of(base_)),
                                std::countr_zero(Granule));
        block.end = block.first + granules(size);
        // No granules at all: `size` is 0, or too large to be rounded up.
        return block.first < block.end && block.end <= end_;
    }
    /// The first granule that blocks can take.
    [[nodiscard]] std::size_t begin() const noexcept { return first_; }

    /// Whether a live block starts with that granule.
    [[nodiscard]] bool live_at(std::size_t first) const noexcept { return flags_.live(first); }
    /// Whether `block`, which a live block starts, ends with one as well.
    [[nodiscard]] bool ends_live(range block) const noexcept {
        return !flags_.after_free(block.end) &&
               (flags_.live(block.end) || is_free_block(block.end));
    }
    /// Whether that is so, and it has no free neighbour.
    [[nodiscard]] bool is_between_live(range block) const noexcept {
        return flags_.live(block.end) && !flags_.after_free(block.end) &&
               !flags_.after_free(block.first);
    }

    /// The free block that granule `at` is in; if it is in none, a range of no granules.
    /// O(arena / Granule / 32).
    [[nodiscard]] range free_around(std::size_t at) const noexcept {
        if (!flags_.live(at)) {
            const std::size_t end = flags_.next(at + 1);
            const std::size_t first = end - size_before(end);
            if (flags_.after_free(end) && first <= at) {
                return {first, end};
            }
        }
        return {at, at};
    }

    /// For each size below `exact`, from `count` on, whether there is a free block.
    /// Precondition: `count` < `exact`.
    [[nodiscard]] std::size_t exact_fits(std::size_t count) const noexcept {
        return lists_.exact_fits(count);
    }
    /// Makes the first granules of a block of the smallest size in `fits` a live block.
    /// Precondition: `fits` is `exact_fits(count)`, and not 0.
    [[nodiscard, gnu::always_inline]] void* take_exact(std::size_t fits,
                                                       std::size_t count) noexcept {
        // A copy, for stores to the arena could change the member as far as is known.
        std::byte* const base = base_;
        const auto taken = lists_.take_exact(base, fits);
        const std::size_t first = taken.block / words;
        flags_.set_live(first);
        if (taken.size != count) {
            lists_.insert_exact(base, taken.block + count * words, taken.size - count);
        } else {
            flags_.clear_after_free(first + count);
        }
        return base + taken.block * sizeof(Index);
    }
    /// Makes `count` granules at a multiple of `align` bytes a live block; null if there is no room
    /// to be found without a search. Precondition: 0 < `count` <= `this->count()`.
    [[nodiscard]] void* take(std::size_t count, std::size_t align) noexcept {
        auto found = lists_.find(base_, count);
        if (found.block != 0 && aligned(found, align) + count > end_of(found)) {
            const std::size_t spare = align > Granule ? align / Granule - 1 : 0;
            found = spare < end_ ? lists_.find(base_, count + spare) : typename lists::found{};
        }
        if (found.block == 0) {
            return nullptr;
        }
        const std::size_t first = aligned(found, align);
        carve({found.block / words, end_of(found)}, {first, first + count});
        return base_ + first * Granule;
    }

    /// Makes `wanted` a live block; what is left of the free block around it stays free.
    void carve(range free, range wanted) noexcept {
        lists_.remove(base_, free.first * words);
        flags_.clear_after_free(free.end);
        if (free.first != wanted.first) {
            add_free({free.first, wanted.first});
        }
        if (wanted.end != free.end) {
            add_free({wanted.end, free.end});
        }
        flags_.set_live(wanted.first);
    }
    /// Gives the live block that ends before `from` the granules up to `to`, if they are free.
    [[nodiscard]] bool extend(std::size_t from, std::size_t to) noexcept {
        if (flags_.live(from) || from + size_of(from) < to) {
            return false;
        }
        carve({from, from + size_of(from)}, {from, to});
        flags_.clear_live(from);
        return true;
    }
    /// Divides a live block, which then ends before `at`, where another one starts.
    void divide(std::size_t at) const noexcept { flags_.set_live(at); }

    /// Frees a live block. Precondition: `is_between_live(block)`.
    [[gnu::always_inline]] void release(range block) noexcept {
        flags_.clear_live(block.first);
        add_free(block);
    }
    /// Frees a live block, together with free neighbours.
    void release_and_join(range block) noexcept {
        std::byte* const base = base_;
        const bool join_next = !flags_.live(block.end);
        const bool join_previous = flags_.after_free(block.first);
        flags_.clear_live(block.first);
        if (join_next) {
            const std::size_t next = block.end;
            block.end += size_of(next);
            lists_.remove(base, next * words);
        } else {
            flags_.set_after_free(block.end);
        }
        if (join_previous) {
            flags_.clear_after_free(block.first);
            block.first -= size_before(block.first);
            lists_.remove(base, block.first * words);
        }
        lists_.insert(base, block.first * words, block.size());
    }

    /// Builds the lists again from what is between the live blocks, each in order of address, from
    /// the last block to the first. O(blocks + arena / Granule / 32).
    void sort_free() noexcept {
        if (end_ == 0) {
            return;
        }
        clear_lists();
        for (std::size_t at = first_; at != end_;) {
            if (flags_.live(at)) {
                at = end_of_live(at);
            } else {
                const std::size_t size = size_of(at);
                lists_.insert(base_, at * words, size);
                at += size;
            }
        }
    }

    /// Whether flags, sizes, links and lists agree, and `live` granules are in live blocks.
    /// O(blocks + arena / Granule / 32).
    [[nodiscard]] bool are_sound(std::size_t live) const noexcept {
        if (end_ == 0) {
            return live == 0;
        }
        std::ptrdiff_t free_blocks = 0;
        bool after_free = false;
        std::size_t at = first_;
        while (at < end_ && flags_.after_free(at) == after_free) {
            const bool is_live = flags_.live(at);
            const std::size_t next = is_live ? end_of_live(at) : at + size_of(at);
            // A size that is wrong may lead back.
            if (next <= at || (!is_live && (after_free || !is_free_block(at)))) {
                return false;
            }
            live -= is_live ? next - at : 0;
            free_blocks += is_live ? 0 : 1;
            after_free = !is_live;
            at = next;
        }
        return at == end_ && flags_.after_free(end_) == after_free && live == 0 &&
               lists_.count(base_, end_ * words) == free_blocks;
    }

private:
    [[nodiscard]] static std::size_t end_of(typename lists::found free) noexcept {
        return free.block / words + free.size;
    }
    /// Granules of the free block that starts at `first`.
    [[nodiscard]] std::size_t size_of(std::size_t first) const noexcept {
        return lists_.size_of(base_, first * words);
    }
    /// Granules of the free block that ends before `end`.
    [[nodiscard]] std::size_t size_before(std::size_t end) const noexcept {
        return lists_.size_before(base_, end * words);
    }
    /// Whether a free block starts at `first`, where perhaps the middle of a live block is: that
    /// cannot be if a block that does end where this one would has the same size.
    [[nodiscard]] bool is_free_block(std::size_t first) const noexcept {
        const std::size_t size = size_of(first);
        return size - 1 < end_ - first && flags_.after_free(first + size) &&
               size_before(first + size) == size;
    }
    /// Where the live block that starts at `first` ends. O(arena / Granule / 32).
    [[nodiscard]] std::size_t end_of_live(std::size_t first) const noexcept {
        const std::size_t next = flags_.next(first + 1);
        return flags_.after_free(next) ? next - size_before(next) : next;
    }
    /// First granule in a free block that is at a multiple of `align`, or one beyond.
    [[nodiscard]] std::size_t aligned(typename lists::found free,
                                      std::size_t align) const noexcept {
        const std::size_t first = free.block / words;
        const std::uintptr_t at = address_of(base_ + first * Granule);
        const auto gap = static_cast<std::size_t>((0 - at) & (align - 1)) / Granule;
        return gap < free.size ? first + gap : first + free.size;
    }

    void clear_lists() noexcept {
        std::memset(base_, 0, lists::head_words(end_) * sizeof(Index));
        lists_ = lists(end_);
    }
    /// Makes a free block of granules that are not in a list, and neighbour no free block.
    [[gnu::always_inline]] void add_free(range block) noexcept {
        flags_.set_after_free(block.end);
        lists_.insert(base_, block.first * words, block.size());
    }

    lists lists_;
    std::byte* base_ = nullptr;
    block_flags flags_;
    /// The first granule that blocks can take.
    std::size_t first_ = 0;
    /// One beyond the last granule; 0 if the arena is too small.
    std::size_t end_ = 0;
};

} // namespace vmem::detail

#endif
