// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_BUDDY_ALLOCATOR_HPP
#define VMEM_ALLOCATOR_BUDDY_ALLOCATOR_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/arena.hpp>
#include <vmem/detail/buddy_blocks.hpp>
#include <vmem/result.hpp>

#include <bit>
#include <cstddef>
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
/// `MinBlock` (bytes): a power of two, at least 8. Of an arena above MinBlock * 2^31 bytes or
/// 32 GiB, no more is used. State: in the arena, the bits and one link for each order of blocks; in
/// the object, eleven words.
///
/// With n = arena / MinBlock, each function is O(log n) unless it says otherwise.
template <std::size_t MinBlock = 16>
class buddy_allocator {
    static_assert(detail::is_power_of_two(MinBlock) && MinBlock >= 8,
                  "buddy_allocator: MinBlock must be a power of two, at least 8");

public:
    /// Manages `arena`. O(n).
    explicit buddy_allocator(std::span<std::byte> arena) noexcept : blocks_(arena) {}
    buddy_allocator(const buddy_allocator&) = delete;
    buddy_allocator& operator=(const buddy_allocator&) = delete;

    /// Takes the larger of `size` and `align`, rounded up to MinBlock * 2^k. Errors: zero_size,
    /// misaligned, out_of_memory.
    [[nodiscard]] result<void*> allocate(std::size_t size,
                                         std::size_t align = default_alignment) noexcept {
        const unsigned order = order_for(size, align);
        const std::size_t fits = blocks_.orders_from(order);
        if (fits == 0 || size == 0 || !detail::is_power_of_two(align)) [[unlikely]] {
            return refuse_to_allocate(size, align);
        }
        in_use_ += blocks::size_of(order);
        return blocks_.take(static_cast<unsigned>(std::countr_zero(fits)), order);
    }

    /// Errors, which take O(n) to find out: zero_size, misaligned, double_free, foreign_pointer.
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size,
                                          std::size_t align = default_alignment) noexcept {
        const std::size_t at = blocks_.number_of(p);
        const unsigned order = order_for(size, align);
        if (!is_live(p, size, align, order)) [[unlikely]] {
            return refuse(p, size, align);
        }
        count_out(blocks::size_of(order));
        blocks_.release(at, order);
        return {};
    }

    /// In place where the block shrinks, or where it is a left buddy as often as needed and the
    /// right ones are free; else O(log n) and a copy. Errors, which take O(n) to find out:
    /// zero_size, misaligned, double_free, foreign_pointer, out_of_memory.
    [[nodiscard]] result<void*> reallocate(void* p, std::size_t old_size, std::size_t new_size,
                                           std::size_t align = default_alignment) noexcept {
        const unsigned order = order_for(old_size, align);
        if (!is_live(p, old_size, align, order)) {
            return refuse(p, old_size, align);
        }
        if (new_size == 0) {
            return failure(errc::zero_size);
        }
        const unsigned wanted = order_for(new_size, align);
        if (!blocks_.resize(blocks_.number_of(p), order, wanted)) {
            return detail::relocate(*this, p, old_size, new_size, align);
        }
        count_out(blocks::size_of(order));
        in_use_ += blocks::size_of(wanted);
        return p;
    }

    /// Unless both are sorted, the allocator then hands out other blocks than the one whose layout
    /// was rebuilt, as its lists are in another order. O(n). Errors: zero_size; misaligned, also
    /// where `p` is not a multiple of what `size` is rounded to; foreign_pointer; out_of_memory.
    [[nodiscard]] result<void> allocate_at(void* p, std::size_t size,
                                           std::size_t align = default_alignment) noexcept {
        if (const auto possible = detail::check_request(size, align); !possible) {
            return possible;
        }
        const unsigned order = order_for(size, align);
        if (size > capacity() || align > capacity()) {
            return failure(errc::foreign_pointer);
        }
        if (!detail::is_aligned(p, align) || !detail::is_aligned(p, MinBlock << order)) {
            return failure(errc::misaligned);
        }
        const std::size_t at = blocks_.number_of(p);
        if (!blocks_.contains(at, order)) {
            return failure(errc::foreign_pointer);
        }
        if (!blocks_.take_at(at, order)) {
            return out_of_memory();
        }
        in_use_ += blocks::size_of(order);
        return {};
    }

    /// O(n).
    void sort_free() noexcept { blocks_.sort_free(); }

    /// Bytes; exact.
    [[nodiscard]] std::size_t largest_free() const noexcept {
        const std::size_t orders = blocks_.orders_from(0);
        const std::size_t largest =
            orders == 0 ? 0 : MinBlock << (static_cast<unsigned>(std::bit_width(orders)) - 1);
        return largest < default_alignment ? 0 : largest;
    }

    /// Whether flags and lists agree. O(n log n).
    [[nodiscard]] bool invariants_hold() const noexcept { return blocks_.are_sound(in_use_); }

    [[nodiscard]] allocator_stats stats() const noexcept {
        return {.in_use = in_use_ * MinBlock,
                .peak = (in_use_ > peak_ ? in_use_ : peak_) * MinBlock,
                .largest_free = largest_free(),
                .capacity = capacity(),
                .failures = failures_};
    }

private:
    using blocks = detail::buddy_blocks<MinBlock>;

    /// Less than the bits of a size, whatever is asked for.
    [[nodiscard]] static constexpr unsigned order_for(std::size_t size,
                                                      std::size_t align) noexcept {
        const std::size_t bytes = align > MinBlock && align > size ? align : size;
        return static_cast<unsigned>(std::bit_width((bytes - 1) / MinBlock));
    }

    [[nodiscard]] std::size_t capacity() const noexcept { return blocks_.count() * MinBlock; }
    [[nodiscard, gnu::always_inline]] bool
    is_live(const void* p, std::size_t size, std::size_t align, unsigned order) const noexcept {
        return detail::is_aligned(p, align) && size != 0 &&
               blocks_.is_live(blocks_.number_of(p), order);
    }

    /// So that an allocation need not look for a new peak: there can be none but where freeing
    /// begins, or now.
    [[gnu::always_inline]] void count_out(std::size_t count) noexcept {
        if (in_use_ > peak_) [[unlikely]] {
            peak_ = in_use_;
        }
        in_use_ -= count;
    }
    [[nodiscard]] failure out_of_memory() noexcept {
        ++failures_;
        return failure(errc::out_of_memory);
    }
    [[nodiscard, gnu::noinline, gnu::cold]] failure refuse_to_allocate(std::size_t size,
                                                                       std::size_t align) noexcept {
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
        const std::size_t at = blocks_.number_of(p);
        return failure(blocks_.contains(at, 0) && blocks_.order_of_free(at) != blocks::none
                           ? errc::double_free
                           : errc::foreign_pointer);
    }

    blocks blocks_;
    // Granules.
    std::size_t in_use_ = 0;
    std::size_t peak_ = 0;
    std::size_t failures_ = 0;
};

static_assert(ram_allocator<buddy_allocator<>>);
static_assert(ram_allocator<buddy_allocator<64>>);

} // namespace vmem

#endif
