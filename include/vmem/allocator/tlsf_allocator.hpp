// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_TLSF_ALLOCATOR_HPP
#define VMEM_ALLOCATOR_TLSF_ALLOCATOR_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/arena.hpp>
#include <vmem/detail/tlsf_blocks.hpp>
#include <vmem/result.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

namespace vmem {

namespace detail {

inline constexpr std::size_t size_bits = std::numeric_limits<std::size_t>::digits;

/// 4 GiB, or half of what the processor can address if that is less (bytes).
inline constexpr std::size_t tlsf_default_arena = std::size_t{1} << lesser(size_bits - 1, 32);

/// With it, the sizes that share no list with others fill one word of bits.
inline constexpr unsigned tlsf_default_bits = static_cast<unsigned>(std::bit_width(size_bits)) - 2;

} // namespace detail

/// Two-level segregated fit (Masmano et al., "TLSF: a new dynamic memory allocator for real-time
/// systems", ECRTS 2004): good fit in constant time, without a search. The RAM allocator to take
/// unless another one is better at what you need.
///
/// A block takes its size, rounded up to a multiple of `granule`, and no header. What is known of
/// it is two bits per granule at the start of the arena. So a block is freed without a look at its
/// neighbours' memory, and each double free and each foreign pointer is found out. So is a wrong
/// size, unless it rounds to the same or ends exactly where a live block behind this one does.
///
/// Up to 2^(SecondLevelBits + 1) granules, each size has a list of its own; above, each power of
/// two has 2^SecondLevelBits lists. A request is served from a list in which every block is large
/// enough, so that one may be passed over that is larger than the request by less than
/// 1 / 2^SecondLevelBits of it.
///
/// `MaxArena` (bytes): of a larger arena, no more is used. Up to 128 KiB, free blocks have 16-bit
/// links, and the granule is 8 bytes instead of 16 where `default_alignment` allows.
///
/// State: in the arena, one link for each list that an arena of its size needs and two bits per
/// granule; in the object, one bit for each list and nine words.
///
/// Each function is O(1) unless it says otherwise.
template <std::size_t MaxArena = detail::tlsf_default_arena,
          unsigned SecondLevelBits = detail::tlsf_default_bits>
class tlsf_allocator {
    static_assert(MaxArena / 4 <= 0xFFFFFFFF, "tlsf_allocator: MaxArena is at most 16 GiB");
    static_assert(SecondLevelBits >= 1 && SecondLevelBits <= 8,
                  "tlsf_allocator: SecondLevelBits is from 1 to 8");

    using index = std::conditional_t<(MaxArena / 2 <= 0x10000), std::uint16_t, std::uint32_t>;

public:
    /// Blocks start at and span multiples of it (bytes).
    static constexpr std::size_t granule = 4 * sizeof(index) > default_alignment
                                               ? 4 * sizeof(index)
                                               : default_alignment;

    /// Manages `arena`. O(arena / granule / 32).
    explicit tlsf_allocator(std::span<std::byte> arena) noexcept : blocks_(arena) {}
    tlsf_allocator(const tlsf_allocator&) = delete;
    tlsf_allocator& operator=(const tlsf_allocator&) = delete;

    /// With an alignment above `granule`, takes a block that is large enough wherever it lies,
    /// unless the first one at hand happens to do. Errors: zero_size, misaligned, out_of_memory.
    [[nodiscard]] result<void*> allocate(std::size_t size,
                                         std::size_t align = default_alignment) noexcept {
        if (size - 1 < exact_bytes && detail::is_power_of_two(align) && align <= granule)
            [[likely]] {
            const std::size_t count = blocks::granules(size);
            if (const auto fits = blocks_.exact_fits(count); fits != 0) [[likely]] {
                in_use_ += count;
                return blocks_.take_exact(fits, count);
            }
        }
        return allocate_by_class(size, align);
    }

    /// Errors, which take O(arena / granule / 32) to find out: zero_size, misaligned, double_free,
    /// foreign_pointer.
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size,
                                          std::size_t align = default_alignment) noexcept {
        range block;
        if (!locate(p, size, align, block) || !blocks_.live_at(block.first)) [[unlikely]] {
            return refuse(p, size, align);
        }
        if (!blocks_.is_between_live(block)) {
            return join(block);
        }
        count_out(block.size());
        blocks_.release(block);
        return {};
    }

    /// In place where the block shrinks, or where the block behind it is free and large enough;
    /// else O(1) and a copy. Errors, which take O(arena / granule / 32) to find out: zero_size,
    /// misaligned, double_free, foreign_pointer, out_of_memory.
    [[nodiscard]] result<void*> reallocate(void* p, std::size_t old_size, std::size_t new_size,
                                           std::size_t align = default_alignment) noexcept {
        range block;
        if (!locate(p, old_size, align, block) || !blocks_.live_at(block.first) ||
            !blocks_.ends_live(block)) {
            return refuse(p, old_size, align);
        }
        if (new_size == 0) {
            return failure(errc::zero_size);
        }
        if (new_size > capacity()) {
            return out_of_memory();
        }
        const std::size_t end = block.first + blocks::granules(new_size);
        if (end < block.end) {
            count_out(block.end - end);
            blocks_.divide(end);
            blocks_.release_and_join({end, block.end});
        } else if (end > block.end) {
            if (!blocks_.extend(block.end, end)) {
                return detail::relocate(*this, p, old_size, new_size, align);
            }
            in_use_ += end - block.end;
        }
        return p;
    }

    /// Unless both are sorted, the allocator then hands out other blocks than the one whose layout
    /// was rebuilt, as its lists are in another order. O(arena / granule / 32). Errors: zero_size,
    /// misaligned, foreign_pointer, out_of_memory.
    [[nodiscard]] result<void> allocate_at(void* p, std::size_t size,
                                           std::size_t align = default_alignment) noexcept {
        range wanted;
        if (!locate(p, size, align, wanted) || wanted.first < blocks_.begin()) {
            return failure(why_not_there(p, size, align));
        }
        const range free = blocks_.free_around(wanted.first);
        if (free.end < wanted.end) {
            return out_of_memory();
        }
        blocks_.carve(free, wanted);
        in_use_ += wanted.size();
        return {};
    }

    /// O(blocks + arena / granule / 32).
    void sort_free() noexcept { blocks_.sort_free(); }

    /// Bytes; exact.
    [[nodiscard]] std::size_t largest_free() const noexcept {
        return blocks_.largest_free() * granule;
    }

    /// Whether flags, sizes, links and lists agree. O(blocks + arena / granule / 32).
    [[nodiscard]] bool invariants_hold() const noexcept { return blocks_.are_sound(in_use_); }

    [[nodiscard]] allocator_stats stats() const noexcept {
        return {.in_use = in_use_ * granule,
                .peak = (in_use_ > peak_ ? in_use_ : peak_) * granule,
                .largest_free = largest_free(),
                .capacity = capacity(),
                .failures = failures_};
    }

private:
    using blocks = detail::tlsf_blocks<index, granule, SecondLevelBits, MaxArena>;
    using range = typename blocks::range;
    static constexpr std::size_t exact_bytes = (blocks::exact - 1) * granule;

    [[nodiscard]] std::size_t capacity() const noexcept { return blocks_.count() * granule; }

    /// Where a block would be. False if no block can be there.
    [[nodiscard, gnu::always_inline]] bool locate(const void* p, std::size_t size,
                                                  std::size_t align, range& block) const noexcept {
        return detail::is_power_of_two(align) &&
               (align <= granule || detail::is_aligned(p, align)) && blocks_.locate(p, size, block);
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

    // Not inlined, as the next one, so that the usual paths save no registers for them.
    [[nodiscard, gnu::noinline]] result<void*> allocate_by_class(std::size_t size,
                                                                 std::size_t align) noexcept {
        if (const auto possible = detail::check_request(size, align); !possible) {
            return failure(possible.error());
        }
        if (size > capacity()) {
            return out_of_memory();
        }
        const std::size_t count = blocks::granules(size);
        void* const taken = blocks_.take(count, align);
        if (taken == nullptr) {
            return out_of_memory();
        }
        in_use_ += count;
        return taken;
    }
    /// Frees the block that starts as `block` does, if it ends there as well.
    [[nodiscard, gnu::noinline]] result<void> join(range block) noexcept {
        if (!blocks_.ends_live(block)) [[unlikely]] {
            return failure(errc::foreign_pointer);
        }
        count_out(block.size());
        blocks_.release_and_join(block);
        return {};
    }
    /// Why no block can be at that place.
    [[nodiscard]] static errc why_not_there(const void* p, std::size_t size,
                                            std::size_t align) noexcept {
        if (const auto possible = detail::check_request(size, align); !possible) {
            return possible.error();
        }
        return detail::is_aligned(p, align) && detail::is_aligned(p, granule)
                   ? errc::foreign_pointer
                   : errc::misaligned;
    }
    /// Why a block is not live.
    [[nodiscard, gnu::noinline, gnu::cold]] failure refuse(const void* p, std::size_t size,
                                                           std::size_t align) const noexcept {
        const errc code = why_not_there(p, size, align);
        range block;
        const bool is_free = code == errc::foreign_pointer && blocks_.locate(p, 1, block) &&
                             blocks_.free_around(block.first).size() != 0;
        return failure(is_free ? errc::double_free : code);
    }

    blocks blocks_;
    // Granules.
    std::size_t in_use_ = 0;
    std::size_t peak_ = 0;
    std::size_t failures_ = 0;
};

static_assert(ram_allocator<tlsf_allocator<>>);
static_assert(ram_allocator<tlsf_allocator<0x10000>>);

} // namespace vmem

#endif
