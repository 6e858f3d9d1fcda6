// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_BUDDY_BLOCKS_HPP
#define VMEM_DETAIL_BUDDY_BLOCKS_HPP

#include <vmem/config.hpp>
#include <vmem/detail/arena.hpp>
#include <vmem/detail/buddy_flags.hpp>
#include <vmem/detail/buddy_lists.hpp>

#include <bit>
#include <cstddef>
#include <limits>
#include <span>

namespace vmem::detail {

/// The arena of a buddy allocator: a row of blocks, live ones and free ones. A block of order k
/// has 2^k granules of `MinBlock` bytes and the number of its first one, which is a multiple of
/// 2^k. What is known of the blocks is at the start of the arena: their flags, and the heads of the
/// lists of free ones.
///
/// With n granules, each function is O(log n) unless it says otherwise.
template <std::size_t MinBlock>
class buddy_blocks {
    using flags = buddy_flags;
    using lists = buddy_lists<MinBlock>;
    static constexpr unsigned min_order = static_cast<unsigned>(std::countr_zero(MinBlock));
    /// What the numbers of granules reach, and what the links of free blocks do.
    static constexpr std::size_t max_arena = static_cast<std::size_t>(lesser(
        std::uint64_t{1} << lesser(std::numeric_limits<std::size_t>::digits - 1, min_order + 31),
        lists::max_arena));

public:
    /// No order.
    static constexpr unsigned none = flags::none;

    /// Granules.
    [[nodiscard]] static constexpr std::size_t size_of(unsigned order) noexcept {
        return std::size_t{1} << order;
    }

    /// All is free. O(n).
    explicit buddy_blocks(std::span<std::byte> arena) noexcept {
        arena = whole_granules(arena, MinBlock, max_arena);
        const std::size_t count = arena.size() / MinBlock;
        // Numbers are counted from a multiple of a power of two no block is larger than.
        const std::size_t span = std::bit_ceil(arena.size());
        const auto offset = static_cast<std::size_t>(address_of(arena.data()) & (span - 1));
        const std::size_t number = offset / MinBlock;
        const std::size_t bytes = flags::bytes_for(number, number + count);
        const std::size_t state = bytes + lists::bytes_for(count);
        if (state + MinBlock > arena.size()) {
            return;
        }
        flags_ = flags(arena.data(), number, number + count);
        free_ = lists(arena.data(), number, arena.data() + bytes, count);
        first_ = number + (state + MinBlock - 1) / MinBlock;
        // As the flags demand where a pair has a left one that no block can be.
        flags_.set_live(first_ - 1, 0);
        for (std::size_t at = first_; at != end();) {
            const unsigned largest = static_cast<unsigned>(std::bit_width(end() - at)) - 1;
            const unsigned order = lesser(largest, static_cast<unsigned>(std::countr_zero(at)));
            add_free(at, order);
            at += size_of(order);
        }
    }

    /// Granules that blocks can take.
    [[nodiscard]] std::size_t count() const noexcept { return end() - first_; }
    /// Bit k is set where a block of order k is free, k >= `order`. O(1).
    [[nodiscard]] std::size_t orders_from(unsigned order) const noexcept {
        return free_.orders_from(order);
    }

    /// Number of the granule at `p`; outside of the arena if `p` is, or is not a multiple of
    /// MinBlock. O(1).
    [[nodiscard]] std::size_t number_of(const void* p) const noexcept {
        const auto offset = static_cast<std::size_t>(address_of(p) - address_of(free_.base()));
        // Rotated, the offset of a misaligned pointer is far outside.
        return std::rotr(offset, static_cast<int>(min_order)) + free_.number();
    }
    /// Whether the block of that order at `at` can be, and is within the arena. O(1).
    [[nodiscard]] bool contains(std::size_t at, unsigned order) const noexcept {
        return at >= first_ && at < end() && size_of(order) <= end() - at &&
               (at & (size_of(order) - 1)) == 0;
    }
    /// O(1).
    [[nodiscard]] bool is_live(std::size_t at, unsigned order) const noexcept {
        return contains(at, order) && flags_.is_live_block(at, order);
    }
    /// Order of the free block that the granule is in, or `none`. O(n).
    [[nodiscard]] unsigned order_of_free(std::size_t at) const noexcept {
        for (unsigned order = 0;; ++order) {
            const std::size_t block = at & ~(size_of(order) - 1);
            if (!contains(block, order)) {
                return none;
            }
            const std::size_t right = block | size_of(order);
            if ((right >= end() || flags_.pair(right)) && flags_.none_live(block, order)) {
                return order;
            }
        }
    }

    /// A live block of that order, the first part of one of order `larger`.
    /// Precondition: one of that order is free.
    [[nodiscard, gnu::always_inline]] std::byte* take(unsigned larger, unsigned order) noexcept {
        const std::size_t at = free_.pop(larger);
        flags_.set_live(at, order);
        toggle_pair(at, larger);
        if (larger != order) {
            return divided(at, larger, order);
        }
        return free_.bytes_of(at);
    }
    /// Makes these granules a live block, if they are free. O(n).
    [[nodiscard]] bool take_at(std::size_t target, unsigned wanted) noexcept {
        unsigned order = order_of_free(target);
        if (order == none || order < wanted) {
            return false;
        }
        std::size_t at = target & ~(size_of(order) - 1);
        free_.remove(at, order);
        toggle_pair(at, order);
        while (order != wanted) {
            --order;
            const std::size_t right = at + size_of(order);
            flags_.toggle_pair(right);
            free_.push(target < right ? right : at, order);
            at = target < right ? at : right;
        }
        flags_.set_live(at, wanted);
        return true;
    }
    /// Frees a live block, joined with its buddy as long as that is free.
    [[gnu::always_inline]] void release(std::size_t at, unsigned order) noexcept {
        flags_.clear_live(at, order);
        add_free(at, order);
    }
    /// Makes a live block one of order `wanted`, at the same place. False if that cannot be: it is
    /// not a left one as often as needed, or a right one is not free.
    [[nodiscard]] bool resize(std::size_t at, unsigned order, unsigned wanted) noexcept {
        if (wanted > order && !can_grow(at, order, wanted)) {
            return false;
        }
        flags_.clear_live(at, order);
        for (; order < wanted; ++order) {
            free_.remove(at + size_of(order), order);
            toggle_pair(at, order);
        }
        if (order > wanted) {
            divide(at, order, wanted);
        }
        flags_.set_live(at, wanted);
        return true;
    }

    /// Builds the lists again from what is between the live blocks, each in order of address, from
    /// the last block to the first. O(n).
    void sort_free() noexcept {
        free_.clear();
        for (std::size_t at = first_; at < end();) {
            unsigned order = flags_.order_of_live(at);
            if (order == none) {
                order = order_of_free(at);
                free_.push(at, order);
            }
            at += size_of(order);
        }
    }
    /// Whether flags and lists agree, and `live` granules are live. O(n log n).
    [[nodiscard]] bool are_sound(std::size_t live) const noexcept {
        std::ptrdiff_t free_blocks = 0;
        std::size_t at = first_;
        while (at < end()) {
            unsigned order = flags_.order_of_live(at);
            if (order != none) {
                live -= size_of(order);
            } else {
                order = order_of_free(at);
                ++free_blocks;
            }
            if (order == none || !contains(at, order)) {
                return false;
            }
            at += size_of(order);
        }
        return live == 0 && free_.count(static_cast<unsigned>(std::bit_width(count())),
                                        [this](std::size_t block, unsigned order) {
                                            return contains(block, order) &&
                                                   order_of_free(block) == order;
                                        }) == free_blocks;
    }

private:
    /// One beyond the last granule.
    [[nodiscard]] std::size_t end() const noexcept { return flags_.end(); }

    /// The flag of the pair of which the block is one, if there is a right one: false then means
    /// that both are free or neither.
    [[gnu::always_inline]] bool toggle_pair(std::size_t at, unsigned order) const noexcept {
        const std::size_t right = at | size_of(order);
        return right >= end() || flags_.toggle_pair(right);
    }
    [[gnu::always_inline]] void add_free(std::size_t at, unsigned order) noexcept {
        if (toggle_pair(at, order)) [[likely]] {
            free_.push(at, order);
        } else {
            join(at, order);
        }
    }
    /// Precondition: the buddy is free. Not inlined, so that the fast path saves no registers.
    [[gnu::noinline]] void join(std::size_t at, unsigned order) noexcept {
        do {
            free_.remove(at ^ size_of(order), order);
            at &= ~size_of(order);
            ++order;
        } while (!toggle_pair(at, order));
        free_.push(at, order);
    }
    /// Divides the block of order `from` at `at`, which is in no list, until its first part is of
    /// order `to`; the other parts are free.
    [[gnu::always_inline]] void divide(std::size_t at, unsigned from, unsigned to) noexcept {
        do {
            --from;
            flags_.toggle_pair(at + size_of(from));
            free_.push(at + size_of(from), from);
        } while (from != to);
    }
    // Not inlined, for the same reason.
    [[nodiscard, gnu::noinline]] std::byte* divided(std::size_t at, unsigned from,
                                                    unsigned to) noexcept {
        divide(at, from, to);
        return free_.bytes_of(at);
    }
    [[nodiscard]] bool can_grow(std::size_t at, unsigned order, unsigned wanted) const noexcept {
        while (order < wanted && contains(at, order + 1) && flags_.pair(at + size_of(order))) {
            ++order;
        }
        return order == wanted;
    }

    lists free_;
    flags flags_;
    /// The first granule that blocks can take.
    std::size_t first_ = 0;
};

} // namespace vmem::detail

#endif
