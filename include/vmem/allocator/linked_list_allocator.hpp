// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_LINKED_LIST_ALLOCATOR_HPP
#define VMEM_ALLOCATOR_LINKED_LIST_ALLOCATOR_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/address_ordered_list.hpp>
#include <vmem/detail/arena.hpp>
#include <vmem/result.hpp>

#include <concepts>
#include <cstddef>
#include <span>

namespace vmem {

/// Takes the first free block, in order of address, that is large enough.
struct first_fit {
    /// Whether a block of `size` bytes, which has room for `wanted`, ends the search.
    [[nodiscard]] static constexpr bool is_good(std::size_t, std::size_t) noexcept { return true; }
};

/// Takes the smallest free block that is large enough; of several, the first in order of address.
struct best_fit {
    /// Whether a block of `size` bytes, which has room for `wanted`, ends the search.
    [[nodiscard]] static constexpr bool is_good(std::size_t size, std::size_t wanted) noexcept {
        return size == wanted;
    }
};

namespace detail {

template <class Fit>
concept fit_policy = requires(std::size_t n) {
    { Fit::is_good(n, n) } noexcept -> std::same_as<bool>;
};

} // namespace detail

/// The least state and code: a list of the free blocks, in order of address, in the free blocks
/// themselves (Knuth, TAOCP 1, 2.5, algorithms A and B). No header and no table: a block takes its
/// size, rounded up to a multiple of `granule`, two pointers; all of the arena can be allocated.
///
/// Take it where there are few blocks, or where every byte counts and time does not: nearly every
/// function is O(free blocks). Since the list is in order, nothing but what is free matters: an
/// allocator that is built again by `allocate_at` goes on exactly as the first one would have.
///
/// `Fit` is `best_fit`, which divides the memory less, `first_fit`, which does not look at what is
/// behind the first block with room, or a type of that shape: of the blocks that have room, the
/// smallest is taken, or at once one that `is_good`.
///
/// Nothing is known of live blocks. A block that is free already, reaches into free memory or is
/// not within the arena is found out; not found out is a pointer or a size that covers nothing but
/// live blocks.
///
/// State: in the object, a pointer and five words.
template <class Fit = best_fit>
class linked_list_allocator {
    static_assert(detail::fit_policy<Fit>,
                  "linked_list_allocator: Fit is first_fit, best_fit, or a type with 'static bool "
                  "is_good(std::size_t size, std::size_t wanted) noexcept'");

public:
    /// Blocks start at and span multiples of it (bytes).
    static constexpr std::size_t granule = detail::address_ordered_list::granule;

    /// Manages `arena`. O(1).
    explicit linked_list_allocator(std::span<std::byte> arena) noexcept : free_(arena) {}
    linked_list_allocator(const linked_list_allocator&) = delete;
    linked_list_allocator& operator=(const linked_list_allocator&) = delete;

    /// O(free blocks). Errors: zero_size, misaligned, out_of_memory.
    [[nodiscard]] result<void*> allocate(std::size_t size,
                                         std::size_t align = default_alignment) noexcept {
        if (const auto possible = detail::check_request(size, align); !possible) {
            return failure(possible.error());
        }
        const std::size_t wanted = granules(size);
        const position chosen =
            size > free_.bytes() ? free_.none() : free_.template choose<Fit>(wanted, align);
        if (chosen == free_.none()) {
            return out_of_memory();
        }
        const std::size_t at = free_.first_aligned(chosen, align);
        take(chosen, at, wanted);
        return free_.at(at);
    }

    /// O(free blocks). Errors: zero_size, misaligned, double_free, foreign_pointer; see above for
    /// what is not found out.
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size,
                                          std::size_t align = default_alignment) noexcept {
        return change(p, size, align, false);
    }

    /// In place where the block shrinks, or where the memory behind it is free and large enough;
    /// else a copy. O(free blocks). Errors: zero_size, misaligned, double_free, foreign_pointer,
    /// out_of_memory.
    [[nodiscard]] result<void*> reallocate(void* p, std::size_t old_size, std::size_t new_size,
                                           std::size_t align = default_alignment) noexcept {
        if (const auto placed = check_place(p, old_size, align); !placed) {
            return failure(placed.error());
        }
        const std::size_t at = free_.offset_of(p);
        const std::size_t before_size = granules(old_size);
        const position before = free_.last_up_to(at);
        if (const auto live = check_live(before, at, before_size); !live) {
            return failure(live.error());
        }
        if (new_size == 0) {
            return failure(errc::zero_size);
        }
        if (new_size > free_.bytes()) {
            return out_of_memory();
        }
        const std::size_t after_size = granules(new_size);
        if (after_size < before_size) {
            give(before, at + after_size, before_size - after_size);
        } else if (after_size > before_size) {
            if (!free_.next_has(before, at + before_size, after_size - before_size)) {
                return detail::relocate(*this, p, old_size, new_size, align);
            }
            take(before, at + before_size, after_size - before_size);
        }
        return p;
    }

    /// A layout that is built again so, in whatever order, is the same in every way: requests that
    /// follow get the same answers. O(free blocks). Errors: zero_size, misaligned,
    /// foreign_pointer, out_of_memory.
    [[nodiscard]] result<void> allocate_at(void* p, std::size_t size,
                                           std::size_t align = default_alignment) noexcept {
        return change(p, size, align, true);
    }

    /// See the contract. O(free blocks).
    [[nodiscard]] void* slide(void* p, std::size_t size, std::size_t align) noexcept {
        return free_.at(free_.slide(free_.offset_of(p), granules(size), align));
    }

    /// It always is sorted.
    static void sort_free() noexcept {}

    /// Bytes; exact. O(free blocks).
    [[nodiscard]] std::size_t largest_free() const noexcept {
        return free_.largest_free(default_alignment);
    }

    /// Whether the list is in order, has no neighbours, and agrees with what is in use.
    /// O(free blocks).
    [[nodiscard]] bool invariants_hold() const noexcept {
        return free_.is_sound(in_use_) && in_use_ <= peak_;
    }

    /// O(free blocks).
    [[nodiscard]] allocator_stats stats() const noexcept {
        return {.in_use = in_use_,
                .peak = peak_,
                .largest_free = largest_free(),
                .capacity = free_.bytes(),
                .failures = failures_};
    }

private:
    using position = detail::address_ordered_list::position;

    /// `size` rounded up, in bytes; what is larger than the arena may wrap.
    [[nodiscard]] static constexpr std::size_t granules(std::size_t size) noexcept {
        return detail::align_up(size, granule);
    }

    /// Makes free bytes live, behind `before`.
    void take(const position& before, std::size_t at, std::size_t bytes) noexcept {
        free_.carve(before, at, bytes);
        in_use_ += bytes;
        if (in_use_ > peak_) {
            peak_ = in_use_;
        }
    }
    /// And live ones free.
    void give(const position& before, std::size_t at, std::size_t bytes) noexcept {
        free_.release(before, at, bytes);
        in_use_ -= bytes;
    }
    /// `allocate_at` if `live`, else `deallocate`.
    [[nodiscard]] result<void> change(void* p, std::size_t size, std::size_t align,
                                      bool live) noexcept {
        if (const auto placed = check_place(p, size, align); !placed) {
            return placed;
        }
        const std::size_t at = free_.offset_of(p);
        const position before = free_.last_up_to(at);
        if (live) {
            if (!free_.next_has(before, at, granules(size))) {
                return out_of_memory();
            }
            take(before, at, granules(size));
        } else {
            if (const auto known = check_live(before, at, granules(size)); !known) {
                return known;
            }
            give(before, at, granules(size));
        }
        return {};
    }
    [[nodiscard]] failure out_of_memory() noexcept {
        ++failures_;
        return failure(errc::out_of_memory);
    }

    /// Whether a block of that size and alignment may be at `p`.
    [[nodiscard]] result<void> check_place(const void* p, std::size_t size,
                                           std::size_t align) const noexcept {
        if (const auto possible = detail::check_request(size, align); !possible) {
            return possible;
        }
        if ((detail::address_of(p) & ((align - 1) | (granule - 1))) != 0) {
            return failure(errc::misaligned);
        }
        const std::size_t at = free_.offset_of(p);
        if (at >= free_.bytes() || size > free_.bytes() - at) {
            return failure(errc::foreign_pointer);
        }
        return {};
    }
    /// Whether the bytes behind `before`, which is `last_up_to(at)`, are not free.
    [[nodiscard]] result<void> check_live(const position& before, std::size_t at,
                                          std::size_t size) const noexcept {
        if (const std::size_t next = free_.start_of_next(before); next < at + size) {
            return failure(next <= at ? errc::double_free : errc::foreign_pointer);
        }
        return {};
    }

    detail::address_ordered_list free_;
    // Bytes.
    std::size_t in_use_ = 0;
    std::size_t peak_ = 0;
    std::size_t failures_ = 0;
};

static_assert(ram_allocator<linked_list_allocator<first_fit>>);
static_assert(ram_allocator<linked_list_allocator<best_fit>>);

} // namespace vmem

#endif
