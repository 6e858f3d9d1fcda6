// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_ADDRESS_ORDERED_LIST_HPP
#define VMEM_DETAIL_ADDRESS_ORDERED_LIST_HPP

#include <vmem/config.hpp>
#include <vmem/detail/arena.hpp>

#include <bit>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <span>

#include <boost/intrusive/slist.hpp>

namespace vmem::detail {

/// What is free in an arena: a list of blocks, in order of address, that lies in the blocks
/// themselves. No two of them are neighbours. Offsets from the start of the arena and sizes are in
/// bytes, multiples of `granule`; the arena's other bytes are not used.
///
/// A position is that before a block, as with any list whose links go one way.
/// Each function is O(free blocks) unless it says otherwise.
class address_ordered_list {
    struct free_block : boost::intrusive::slist_base_hook<
                            boost::intrusive::link_mode<boost::intrusive::normal_link>> {
        explicit free_block(std::size_t bytes) noexcept : size(bytes) {}

        std::size_t size;
    };
    // Linear, for a ring would lead through the allocator itself.
    using list = boost::intrusive::slist<free_block, boost::intrusive::linear<true>,
                                         boost::intrusive::constant_time_size<false>>;

public:
    using position = list::iterator;

    /// The links and size of a free block.
    static constexpr std::size_t granule = std::bit_ceil(sizeof(free_block));

    /// All is free. O(1).
    explicit address_ordered_list(std::span<std::byte> arena) noexcept
        : arena_(whole_granules(arena, granule, (std::numeric_limits<std::size_t>::max)())) {
        if (!arena_.empty()) {
            insert_after(free_.before_begin(), 0, arena_.size());
        }
    }

    /// O(1).
    [[nodiscard]] std::size_t bytes() const noexcept { return arena_.size(); }
    /// O(1).
    [[nodiscard]] std::byte* at(std::size_t offset) const noexcept {
        return arena_.data() + offset;
    }
    /// Larger than the arena if `p` is before it. O(1).
    [[nodiscard]] std::size_t offset_of(const void* p) const noexcept {
        return static_cast<std::size_t>(address_of(p) - address_of(arena_.data()));
    }
    [[nodiscard]] std::size_t largest_free(std::size_t align) const noexcept {
        std::size_t largest = 0;
        for (const free_block& block : free_) {
            const std::size_t room = room_in(block, align);
            largest = room > largest ? room : largest;
        }
        return largest;
    }

    /// The position of the block in which `Fit` wants `wanted` bytes at a multiple of `align`, or
    /// `none()`.
    template <class Fit>
    [[nodiscard]] position choose(std::size_t wanted, std::size_t align) noexcept {
        position chosen = free_.end();
        std::size_t smallest = (std::numeric_limits<std::size_t>::max)();
        position before = free_.before_begin();
        for (position block = free_.begin(); block != free_.end(); before = block++) {
            if (room_in(*block, align) < wanted) {
                continue;
            }
            if (Fit::is_good(block->size, wanted)) {
                return before;
            }
            if (block->size < smallest) {
                chosen = before;
                smallest = block->size;
            }
        }
        return chosen;
    }
    [[nodiscard]] position none() noexcept { return free_.end(); }
    /// Offset of the first multiple of `align` in the block behind `before`. O(1).
    [[nodiscard]] std::size_t first_aligned(const position& before,
                                            std::size_t align) const noexcept {
        const position block = next(before);
        return offset_of(&*block) + gap(*block, align);
    }

    /// The position behind all blocks that end at or before that offset.
    [[nodiscard]] position last_up_to(std::size_t offset) noexcept {
        position before = free_.before_begin();
        position block = free_.begin();
        while (block != free_.end() && end_of(*block) <= offset) {
            before = block++;
        }
        return before;
    }
    /// Where the next free block starts; if there is none, the end of the arena. O(1).
    [[nodiscard]] std::size_t start_of_next(const position& before) const noexcept {
        const position block = next(before);
        return block == free_.end() ? arena_.size() : offset_of(&*block);
    }
    /// Whether these bytes are within the block behind `before`. O(1).
    [[nodiscard]] bool next_has(const position& before, std::size_t offset,
                                std::size_t size) const noexcept {
        const position block = next(before);
        return block != free_.end() && offset_of(&*block) <= offset &&
               size <= end_of(*block) - offset;
    }

    /// Takes bytes out of the block behind `before`; what is left on either side stays free. O(1).
    void carve(position before, std::size_t offset, std::size_t size) noexcept {
        const position block = next(before);
        const std::size_t end = end_of(*block);
        if (offset_of(&*block) != offset) {
            block->size = offset - offset_of(&*block);
            before = block;
        } else {
            free_.erase_after(before);
        }
        if (offset + size != end) {
            insert_after(before, offset + size, end - (offset + size));
        }
    }
    /// Frees bytes between `before`, which is `last_up_to(offset)`, and the next block. O(1).
    void release(const position& before, std::size_t offset, std::size_t size) noexcept {
        const position behind = next(before);
        if (behind != free_.end() && offset_of(&*behind) == offset + size) {
            size += behind->size;
            free_.erase_after(before);
        }
        if (before != free_.before_begin() && end_of(*before) == offset) {
            before->size += size;
        } else {
            insert_after(before, offset, size);
        }
    }

    /// Moves the `size` bytes at `offset`, which are not free, to the first multiple of `align` in
    /// the block that ends there; returns where they are then.
    [[nodiscard]] std::size_t slide(std::size_t offset, std::size_t size,
                                    std::size_t align) noexcept {
        position before = free_.before_begin();
        position gap = free_.begin();
        while (gap != free_.end() && end_of(*gap) < offset) {
            before = gap++;
        }
        if (gap == free_.end() || end_of(*gap) != offset || room_in(*gap, align) == 0) {
            return offset;
        }
        const std::size_t room = room_in(*gap, align);
        const std::size_t to = offset - room;
        const position last = room != gap->size ? gap : before;
        carve(before, to, room);
        std::memmove(at(to), at(offset), size);
        release(last, to + size, room);
        return to;
    }

    /// Whether the list is in order and has no neighbours, and all but `in_use` bytes are in it.
    [[nodiscard]] bool is_sound(std::size_t in_use) const noexcept {
        std::size_t free_bytes = 0;
        std::size_t end = 0;
        for (const free_block& block : free_) {
            const bool first = &block == &*free_.begin();
            const std::size_t start = offset_of(&block);
            if (start >= arena_.size() || start % granule != 0 || (!first && start <= end) ||
                block.size == 0 || block.size % granule != 0 ||
                block.size > arena_.size() - start) {
                return false;
            }
            free_bytes += block.size;
            end = start + block.size;
        }
        return free_bytes == arena_.size() - in_use;
    }

private:
    [[nodiscard]] static position next(position before) noexcept { return ++before; }
    [[nodiscard]] std::size_t end_of(const free_block& block) const noexcept {
        return offset_of(&block) + block.size;
    }
    /// Bytes at the start of a block that are skipped for the sake of alignment.
    [[nodiscard]] static std::size_t gap(const free_block& block, std::size_t align) noexcept {
        return align <= granule ? 0
                                : static_cast<std::size_t>((0 - address_of(&block)) & (align - 1));
    }
    [[nodiscard]] static std::size_t room_in(const free_block& block, std::size_t align) noexcept {
        return block.size - lesser(gap(block, align), block.size);
    }

    void insert_after(const position& before, std::size_t offset, std::size_t size) noexcept {
        free_.insert_after(before, *::new (static_cast<void*>(at(offset))) free_block(size));
    }

    list free_;
    std::span<std::byte> arena_;
};

} // namespace vmem::detail

#endif
