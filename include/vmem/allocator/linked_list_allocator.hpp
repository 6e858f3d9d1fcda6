// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_LINKED_LIST_ALLOCATOR_HPP
#define VMEM_ALLOCATOR_LINKED_LIST_ALLOCATOR_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/arena.hpp>
#include <vmem/result.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <span>

#include <boost/intrusive/slist.hpp>

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
/// `Fit` is `first_fit`, which searches less, `best_fit`, which divides the memory less, or a type
/// of that shape: of the blocks that have room, the smallest is taken, or at once one that
/// `is_good`.
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

    struct free_block : boost::intrusive::slist_base_hook<
                            boost::intrusive::link_mode<boost::intrusive::normal_link>> {
        explicit free_block(std::size_t bytes) noexcept : size(bytes) {}

        std::size_t size;
    };
    // Linear, for a ring would lead through the allocator itself.
    using list = boost::intrusive::slist<free_block, boost::intrusive::linear<true>,
                                         boost::intrusive::constant_time_size<false>>;
    using position = typename list::iterator;

public:
    /// Blocks start at and span multiples of it (bytes).
    static constexpr std::size_t granule = std::bit_ceil(sizeof(free_block));

    /// Manages `arena`. O(1).
    explicit linked_list_allocator(std::span<std::byte> arena) noexcept
        : arena_(
              detail::whole_granules(arena, granule, (std::numeric_limits<std::size_t>::max)())) {
        if (!arena_.empty()) {
            insert_after(free_.before_begin(), 0, arena_.size());
        }
    }
    linked_list_allocator(const linked_list_allocator&) = delete;
    linked_list_allocator& operator=(const linked_list_allocator&) = delete;

    /// O(free blocks). Errors: zero_size, misaligned, out_of_memory.
    [[nodiscard]] result<void*> allocate(std::size_t size,
                                         std::size_t align = default_alignment) noexcept {
        if (const auto possible = detail::check_request(size, align); !possible) {
            return failure(possible.error());
        }
        if (size > arena_.size()) {
            return out_of_memory();
        }
        const std::size_t wanted = granules(size);
        const position chosen = choose(wanted, align);
        if (chosen == free_.end()) {
            return out_of_memory();
        }
        const std::size_t at = offset_of(*next(chosen)) + gap(*next(chosen), align);
        carve(chosen, at, wanted);
        return arena_.data() + at;
    }

    /// O(free blocks). Errors: zero_size, misaligned, double_free, foreign_pointer; see above for
    /// what is not found out.
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size,
                                          std::size_t align = default_alignment) noexcept {
        if (const auto placed = check_place(p, size, align); !placed) {
            return placed;
        }
        const std::size_t at = offset_of(p);
        const position before = last_up_to(at);
        if (const auto live = check_live(before, at, granules(size)); !live) {
            return live;
        }
        release(before, at, granules(size));
        return {};
    }

    /// In place where the block shrinks, or where the memory behind it is free and large enough;
    /// else a copy. O(free blocks). Errors: zero_size, misaligned, double_free, foreign_pointer,
    /// out_of_memory.
    [[nodiscard]] result<void*> reallocate(void* p, std::size_t old_size, std::size_t new_size,
                                           std::size_t align = default_alignment) noexcept {
        if (const auto placed = check_place(p, old_size, align); !placed) {
            return failure(placed.error());
        }
        const std::size_t at = offset_of(p);
        const std::size_t before_size = granules(old_size);
        const position before = last_up_to(at);
        if (const auto live = check_live(before, at, before_size); !live) {
            return failure(live.error());
        }
        if (new_size == 0) {
            return failure(errc::zero_size);
        }
        if (new_size > arena_.size()) {
            return out_of_memory();
        }
        const std::size_t after_size = granules(new_size);
        const position behind = next(before);
        if (after_size < before_size) {
            release(before, at + after_size, before_size - after_size);
        } else if (after_size > before_size) {
            if (behind == free_.end() || offset_of(*behind) != at + before_size ||
                behind->size < after_size - before_size) {
                return detail::relocate(*this, p, old_size, new_size, align);
            }
            carve(before, at + before_size, after_size - before_size);
        }
        return p;
    }

    /// A layout that is built again so, in whatever order, is the same in every way: requests that
    /// follow get the same answers. O(free blocks). Errors: zero_size, misaligned,
    /// foreign_pointer, out_of_memory.
    [[nodiscard]] result<void> allocate_at(void* p, std::size_t size,
                                           std::size_t align = default_alignment) noexcept {
        if (const auto placed = check_place(p, size, align); !placed) {
            return placed;
        }
        const std::size_t at = offset_of(p);
        const position before = last_up_to(at);
        const position block = next(before);
        if (block == free_.end() || offset_of(*block) > at ||
            end_of(*block) - at < granules(size)) {
            return out_of_memory();
        }
        carve(before, at, granules(size));
        return {};
    }

    /// Bytes; exact. O(free blocks).
    [[nodiscard]] std::size_t largest_free() const noexcept {
        std::size_t largest = 0;
        for (const free_block& block : free_) {
            const std::size_t room = room_in(block, default_alignment);
            largest = room > largest ? room : largest;
        }
        return largest;
    }

    /// Whether the list is in order, has no neighbours, and agrees with what is in use.
    /// O(free blocks).
    [[nodiscard]] bool invariants_hold() const noexcept {
        std::size_t free_bytes = 0;
        std::size_t end = 0;
        for (const free_block& block : free_) {
            const bool first = &block == &*free_.begin();
            const std::size_t at = offset_of(block);
            if (at >= arena_.size() || at % granule != 0 || (!first && at <= end) ||
                block.size == 0 || block.size % granule != 0 || block.size > arena_.size() - at) {
                return false;
            }
            free_bytes += block.size;
            end = at + block.size;
        }
        return free_bytes == arena_.size() - in_use_ && in_use_ <= peak_;
    }

    /// O(free blocks).
    [[nodiscard]] allocator_stats stats() const noexcept {
        return {.in_use = in_use_,
                .peak = peak_,
                .largest_free = largest_free(),
                .capacity = arena_.size(),
                .failures = failures_};
    }

private:
    /// `size` rounded up, in bytes. Precondition: it is not larger than the arena.
    [[nodiscard]] static constexpr std::size_t granules(std::size_t size) noexcept {
        return detail::align_up(size, granule);
    }
    [[nodiscard]] static position next(position at) noexcept { return ++at; }

    /// From the start of the arena, in bytes. Larger than the arena if `p` is before it.
    [[nodiscard]] std::size_t offset_of(const void* p) const noexcept {
        return static_cast<std::size_t>(detail::address_of(p) - detail::address_of(arena_.data()));
    }
    [[nodiscard]] std::size_t offset_of(const free_block& block) const noexcept {
        return offset_of(static_cast<const void*>(&block));
    }
    [[nodiscard]] std::size_t end_of(const free_block& block) const noexcept {
        return offset_of(block) + block.size;
    }
    /// Bytes at the start of a block that are skipped for the sake of alignment.
    [[nodiscard]] static std::size_t gap(const free_block& block, std::size_t align) noexcept {
        return static_cast<std::size_t>((0 - detail::address_of(&block)) & (align - 1));
    }
    [[nodiscard]] static std::size_t room_in(const free_block& block, std::size_t align) noexcept {
        const std::size_t skipped = gap(block, align);
        return skipped < block.size ? block.size - skipped : 0;
    }

    void count_in(std::size_t bytes) noexcept {
        in_use_ += bytes;
        peak_ = in_use_ > peak_ ? in_use_ : peak_;
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
        if (!detail::is_aligned(p, align) || !detail::is_aligned(p, granule)) {
            return failure(errc::misaligned);
        }
        const std::size_t at = offset_of(p);
        if (at >= arena_.size() || size > arena_.size() - at) {
            return failure(errc::foreign_pointer);
        }
        return {};
    }
    /// Whether the bytes behind `before`, which is `last_up_to(at)`, are not free.
    [[nodiscard]] result<void> check_live(position before, std::size_t at,
                                          std::size_t size) noexcept {
        const position behind = next(before);
        if (behind != free_.end() && offset_of(*behind) < at + size) {
            return failure(offset_of(*behind) <= at ? errc::double_free : errc::foreign_pointer);
        }
        return {};
    }

    /// The position before the chosen block, or `free_.end()` if none has room.
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
    /// The last free block that ends at or before `at`, or the position before the first block.
    [[nodiscard]] position last_up_to(std::size_t at) noexcept {
        position before = free_.before_begin();
        position block = free_.begin();
        while (block != free_.end() && end_of(*block) <= at) {
            before = block++;
        }
        return before;
    }

    position insert_after(position before, std::size_t at, std::size_t size) noexcept {
        return free_.insert_after(before,
                                  *::new (static_cast<void*>(arena_.data() + at)) free_block(size));
    }
    /// Takes bytes out of the free block behind `before`; what is left on either side stays free.
    void carve(position before, std::size_t at, std::size_t size) noexcept {
        const position block = next(before);
        const std::size_t end = end_of(*block);
        if (offset_of(*block) != at) {
            block->size = at - offset_of(*block);
            before = block;
        } else {
            free_.erase_after(before);
        }
        if (at + size != end) {
            insert_after(before, at + size, end - (at + size));
        }
        count_in(size);
    }
    /// Frees bytes between `before`, which is `last_up_to(at)`, and the next free block.
    void release(position before, std::size_t at, std::size_t size) noexcept {
        in_use_ -= size;
        const position behind = next(before);
        if (behind != free_.end() && offset_of(*behind) == at + size) {
            size += behind->size;
            free_.erase_after(before);
        }
        if (before != free_.before_begin() && end_of(*before) == at) {
            before->size += size;
        } else {
            insert_after(before, at, size);
        }
    }

    list free_;
    std::span<std::byte> arena_;
    // Bytes.
    std::size_t in_use_ = 0;
    std::size_t peak_ = 0;
    std::size_t failures_ = 0;
};

static_assert(ram_allocator<linked_list_allocator<first_fit>>);
static_assert(ram_allocator<linked_list_allocator<best_fit>>);

} // namespace vmem

#endif
