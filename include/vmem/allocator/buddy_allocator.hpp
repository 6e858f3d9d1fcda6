// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_BUDDY_ALLOCATOR_HPP
#define VMEM_ALLOCATOR_BUDDY_ALLOCATOR_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/arena.hpp>
#include <vmem/detail/buddy_flags.hpp>
#include <vmem/detail/buddy_lists.hpp>
#include <vmem/result.hpp>

#include <bit>
#include <cstddef>
#include <limits>
#include <span>

namespace vmem {

/// Buddy allocator (Knowlton, "A fast storage allocator", CACM 1965; Knuth, TAOCP 1, 2.5): blocks
/// of MinBlock * 2^k bytes at multiples of their size, so that a block is aligned to its size
/// without any extra cost, and what two buddies are when both are free is known at once.
///
/// Take it for sizes that are powers of two, as pages and buffers are; a request is rounded up to
/// one, which costs a quarter of the memory where sizes are evenly spread. Besides, a block has no
/// header. Two bits per MinBlock of the arena say whether a live block starts there, and whether
/// one of two buddies is free, which is kept where the right one starts: so an arena need not be a
/// power of two. They are enough to know the size of each live block, so that every double free,
/// foreign pointer and wrong size (but those that round to the same block) is found out.
///
/// `MinBlock` (bytes): a power of two, at least 8. Of an arena above MinBlock * 2^31, no more is
/// used. State: in the arena, the bits and one link for each order of blocks; in the object, eleven
/// words.
///
/// With n = arena / MinBlock, each function is O(log n) unless it says otherwise.
template <std::size_t MinBlock = 16>
class buddy_allocator {
    static_assert(detail::is_power_of_two(MinBlock) && MinBlock >= 8,
                  "buddy_allocator: MinBlock must be a power of two, at least 8");

public:
    /// Manages `arena`. O(n).
    explicit buddy_allocator(std::span<std::byte> arena) noexcept {
        arena = detail::whole_granules(arena, MinBlock, max_arena);
        const std::size_t count = arena.size() / MinBlock;
        // Numbers are counted from a multiple of a power of two no block is larger than.
        const std::size_t span = std::bit_ceil(arena.size());
        const auto offset = static_cast<std::size_t>(detail::address_of(arena.data()) & (span - 1));
        const std::size_t number = offset / MinBlock;
        const std::size_t bytes = flags::bytes_for(number, number + count);
        const std::size_t state = bytes + lists::bytes_for(count);
        if (state + MinBlock > arena.size()) {
            return;
        }
        flags_ = flags(arena.data(), number, number + count);
        free_ = lists(arena.data(), number, arena.data() + bytes, count);
        first_ = number + (state + MinBlock - 1) / MinBlock;
        for (std::size_t at = first_; at != end();) {
            const unsigned largest = static_cast<unsigned>(std::bit_width(end() - at)) - 1;
            const unsigned order =
                detail::lesser(largest, static_cast<unsigned>(std::countr_zero(at)));
            release(at, order);
            at += size_of(order);
        }
    }
    buddy_allocator(const buddy_allocator&) = delete;
    buddy_allocator& operator=(const buddy_allocator&) = delete;

    /// Takes the larger of `size` and `align`, rounded up to MinBlock * 2^k. Errors: zero_size,
    /// misaligned, out_of_memory.
    [[nodiscard]] result<void*> allocate(std::size_t size,
                                         std::size_t align = default_alignment) noexcept {
        const unsigned order = order_for(size, align);
        const std::size_t fits = free_.orders_from(order);
        if (fits == 0 || size == 0 || !detail::is_power_of_two(align)) [[unlikely]] {
            return refuse_to_allocate(size, align);
        }
        const auto larger = static_cast<unsigned>(std::countr_zero(fits));
        const std::size_t at = free_.pop(larger);
        flags_.set_live(at);
        toggle_pair(at, larger);
        in_use_ += size_of(order);
        if (larger != order) {
            return divided(at, larger, order);
        }
        return free_.bytes_of(at);
    }

    /// Errors: zero_size, misaligned, double_free, foreign_pointer.
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size,
                                          std::size_t align = default_alignment) noexcept {
        const std::size_t at = number_of(p);
        const unsigned order = order_for(size, align);
        if (!detail::is_aligned(p, align) || !is_live(at, size, order)) [[unlikely]] {
            return refuse(p, size, align);
        }
        flags_.clear_live(at);
        count_out(size_of(order));
        release(at, order);
        return {};
    }

    /// In place where the block shrinks, or where it is a left buddy as often as needed and the
    /// right ones are free; else O(log n) and a copy. Errors: zero_size, misaligned, double_free,
    /// foreign_pointer, out_of_memory.
    [[nodiscard]] result<void*> reallocate(void* p, std::size_t old_size, std::size_t new_size,
                                           std::size_t align = default_alignment) noexcept {
        const std::size_t at = number_of(p);
        unsigned order = order_for(old_size, align);
        if (!detail::is_aligned(p, align) || !is_live(at, old_size, order)) {
            return refuse(p, old_size, align);
        }
        if (new_size == 0) {
            return failure(errc::zero_size);
        }
        const unsigned wanted = order_for(new_size, align);
        if (wanted > order && !can_grow(at, order, wanted)) {
            return detail::relocate(*this, p, old_size, new_size, align);
        }
        for (; order < wanted; ++order) {
            free_.remove(at + size_of(order), order);
            toggle_pair(at, order);
            in_use_ += size_of(order);
        }
        if (order > wanted) {
            count_out(size_of(order) - size_of(wanted));
            divide(at, order, wanted);
        }
        return p;
    }

    /// The allocator then hands out other blocks than the one whose layout was rebuilt, as its
    /// lists are in another order. O(n). Errors: zero_size; misaligned, also where `p` is not a
    /// multiple of what `size` is rounded to; foreign_pointer; out_of_memory.
    [[nodiscard]] result<void> allocate_at(void* p, std::size_t size,
                                           std::size_t align = default_alignment) noexcept {
        if (const auto possible = detail::check_request(size, align); !possible) {
            return possible;
        }
        const unsigned wanted = order_for(size, align);
        if (size > capacity() || align > capacity()) {
            return failure(errc::foreign_pointer);
        }
        if (!detail::is_aligned(p, align) || !detail::is_aligned(p, MinBlock << wanted)) {
            return failure(errc::misaligned);
        }
        std::size_t at = number_of(p);
        if (!contains(at, wanted)) {
            return failure(errc::foreign_pointer);
        }
        unsigned order = order_of_free(at);
        if (order == none || order < wanted) {
            return out_of_memory();
        }
        const std::size_t target = at;
        at &= ~(size_of(order) - 1);
        free_.remove(at, order);
        toggle_pair(at, order);
        while (order != wanted) {
            --order;
            const std::size_t right = at + size_of(order);
            flags_.toggle_pair(right);
            free_.push(target < right ? right : at, order);
            at = target < right ? at : right;
        }
        flags_.set_live(at);
        in_use_ += size_of(wanted);
        return {};
    }

    /// Bytes; exact.
    [[nodiscard]] std::size_t largest_free() const noexcept {
        const std::size_t orders = free_.orders_from(0);
        const std::size_t largest =
            orders == 0 ? 0 : MinBlock << (static_cast<unsigned>(std::bit_width(orders)) - 1);
        return largest < default_alignment ? 0 : largest;
    }

    /// Whether flags and lists agree. O(n log n).
    [[nodiscard]] bool invariants_hold() const noexcept {
        std::size_t live = 0;
        std::ptrdiff_t free_blocks = 0;
        std::size_t at = first_;
        while (at < end()) {
            unsigned order = order_of_free(at);
            if (flags_.live(at)) {
                order = flags_.order_of_live(at);
                live += size_of(order);
            } else if (order != none) {
                ++free_blocks;
            }
            if (order == none || !contains(at, order)) {
                return false;
            }
            at += size_of(order);
        }
        return live == in_use_ && free_.count(static_cast<unsigned>(std::bit_width(end() - first_)),
                                              [this](std::size_t block, unsigned order) {
                                                  return contains(block, order) &&
                                                         order_of_free(block) == order;
                                              }) == free_blocks;
    }

    [[nodiscard]] allocator_stats stats() const noexcept {
        return {.in_use = in_use_ * MinBlock,
                .peak = peak() * MinBlock,
                .largest_free = largest_free(),
                .capacity = capacity(),
                .failures = failures_};
    }

private:
    using flags = detail::buddy_flags;
    using lists = detail::buddy_lists<MinBlock>;
    static constexpr unsigned size_bits = std::numeric_limits<std::size_t>::digits;
    static constexpr unsigned min_order = static_cast<unsigned>(std::countr_zero(MinBlock));
    static constexpr std::size_t max_arena = std::size_t{1}
                                             << detail::lesser(size_bits - 1, min_order + 31);
    static constexpr unsigned none = size_bits;

    [[nodiscard]] static constexpr std::size_t size_of(unsigned order) noexcept {
        return std::size_t{1} << order;
    }
    /// Less than `size_bits`, whatever is asked for.
    [[nodiscard]] static constexpr unsigned order_for(std::size_t size,
                                                      std::size_t align) noexcept {
        const std::size_t bytes = align > MinBlock && align > size ? align : size;
        return static_cast<unsigned>(std::bit_width((bytes - 1) / MinBlock));
    }

    /// One beyond the last granule.
    [[nodiscard]] std::size_t end() const noexcept { return flags_.end(); }
    [[nodiscard]] std::size_t capacity() const noexcept { return (end() - first_) * MinBlock; }
    /// Not within the arena if `p` is not, or is not a multiple of MinBlock.
    [[nodiscard]] std::size_t number_of(const void* p) const noexcept {
        const auto offset =
            static_cast<std::size_t>(detail::address_of(p) - detail::address_of(free_.base()));
        // Rotated, the offset of a misaligned pointer is far outside.
        return std::rotr(offset, static_cast<int>(min_order)) + free_.number();
    }
    /// Whether the block of that order at `at` can be, and is within the arena.
    [[nodiscard]] bool contains(std::size_t at, unsigned order) const noexcept {
        return at >= first_ && at < end() && size_of(order) <= end() - at &&
               (at & (size_of(order) - 1)) == 0;
    }
    [[nodiscard]] bool is_live(std::size_t at, std::size_t size, unsigned order) const noexcept {
        return size != 0 && contains(at, order) && flags_.is_live_block(at, order);
    }

    /// So that an allocation need not look for a new peak: there can be none but where freeing
    /// begins, or now.
    [[gnu::always_inline]] void count_out(std::size_t count) noexcept {
        peak_ = peak();
        in_use_ -= count;
    }
    [[nodiscard]] std::size_t peak() const noexcept { return in_use_ > peak_ ? in_use_ : peak_; }
    [[nodiscard]] failure out_of_memory() noexcept {
        ++failures_;
        return failure(errc::out_of_memory);
    }
    [[nodiscard, gnu::noinline, gnu::cold]] result<void*>
    refuse_to_allocate(std::size_t size, std::size_t align) noexcept {
        if (const auto possible = detail::check_request(size, align); !possible) {
            return failure(possible.error());
        }
        return out_of_memory();
    }
    /// Why a block is not live.
    [[nodiscard, gnu::noinline, gnu::cold]] failure refuse(const void* p, std::size_t size,
                                                           std::size_t align) const noexcept {
        if (const auto possible = detail::check_request(size, align); !possible) {
            return failure(possible.error());
        }
        if (!detail::is_aligned(p, align) || !detail::is_aligned(p, MinBlock)) {
            return failure(errc::misaligned);
        }
        const std::size_t at = number_of(p);
        return failure(contains(at, 0) && order_of_free(at) != none ? errc::double_free
                                                                    : errc::foreign_pointer);
    }

    /// The flag of the pair of which the block is one, if there is a right one: false then means
    /// that both are free or neither.
    [[gnu::always_inline]] bool toggle_pair(std::size_t at, unsigned order) const noexcept {
        const std::size_t right = at | size_of(order);
        return right >= end() || flags_.toggle_pair(right);
    }
    /// Makes a block free, joined with its buddy as long as that is free.
    [[gnu::always_inline]] void release(std::size_t at, unsigned order) noexcept {
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
    [[nodiscard, gnu::noinline]] result<void*> divided(std::size_t at, unsigned from,
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

    lists free_;
    flags flags_;
    /// The first granule that blocks can take.
    std::size_t first_ = 0;
    // Granules.
    std::size_t in_use_ = 0;
    std::size_t peak_ = 0;
    std::size_t failures_ = 0;
};

static_assert(ram_allocator<buddy_allocator<>>);
static_assert(ram_allocator<buddy_allocator<64>>);

} // namespace vmem

#endif
