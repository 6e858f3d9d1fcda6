// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_TLSF_ALLOCATOR_HPP
#define VMEM_ALLOCATOR_TLSF_ALLOCATOR_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/arena.hpp>
#include <vmem/detail/block_flags.hpp>
#include <vmem/detail/segregated_lists.hpp>
#include <vmem/result.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
/// size, unless it rounds to the same or covers exactly several blocks in a row.
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
    explicit tlsf_allocator(std::span<std::byte> arena) noexcept {
        arena = detail::whole_granules(arena, granule, MaxArena);
        const std::size_t end = arena.size() / granule;
        const std::size_t heads = detail::align_up(lists::head_words(end) * sizeof(index),
                                                   detail::block_flags::alignment);
        const std::size_t state = heads + detail::block_flags::bytes_for(end);
        if (state + granule > arena.size()) {
            return;
        }
        base_ = arena.data();
        std::memset(base_, 0, heads);
        lists_ = lists(end);
        flags_ = detail::block_flags(base_ + heads, end);
        end_ = end;
        // Beyond the last block there seems to be a live one.
        flags_.set_start(end);
        const std::size_t first = granules(state);
        capacity_ = (end - first) * granule;
        add_free({first, end});
    }
    tlsf_allocator(const tlsf_allocator&) = delete;
    tlsf_allocator& operator=(const tlsf_allocator&) = delete;

    /// With an alignment above `granule`, takes a block that is large enough wherever it lies,
    /// unless the first one at hand happens to do. Errors: zero_size, misaligned, out_of_memory.
    [[nodiscard]] result<void*> allocate(std::size_t size,
                                         std::size_t align = default_alignment) noexcept {
        if (size - 1 < exact_bytes && detail::is_power_of_two(align) && align <= granule)
            [[likely]] {
            const std::size_t count = granules(size);
            if (const auto fits = lists_.exact_fits(count); fits != 0) [[likely]] {
                // A copy, for stores to the arena could change the member as far as is known.
                std::byte* const base = base_;
                const auto taken = lists_.take_exact(base, fits);
                const std::size_t first = taken.block / words;
                flags_.set_start(first);
                in_use_ += count;
                if (taken.size != count) {
                    lists_.insert_exact(base, taken.block + count * words, taken.size - count);
                } else {
                    flags_.clear_end(first + count - 1);
                }
                return base + taken.block * sizeof(index);
            }
        }
        return allocate_by_class(size, align);
    }

    /// Errors: zero_size, misaligned, double_free, foreign_pointer.
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size,
                                          std::size_t align = default_alignment) noexcept {
        range block;
        if (!detail::is_aligned(p, align) || !locate(p, size, block) || !is_live(block))
            [[unlikely]] {
            return refuse(p, size, align);
        }
        release(block);
        return {};
    }

    /// In place where the block shrinks, or where the block behind it is free and large enough;
    /// else O(1) and a copy. Errors: zero_size, misaligned, double_free, foreign_pointer,
    /// out_of_memory.
    [[nodiscard]] result<void*> reallocate(void* p, std::size_t old_size, std::size_t new_size,
                                           std::size_t align = default_alignment) noexcept {
        range block;
        if (!detail::is_aligned(p, align) || !locate(p, old_size, block) || !is_live(block)) {
            return refuse(p, old_size, align);
        }
        if (new_size == 0) {
            return failure(errc::zero_size);
        }
        if (new_size > capacity_) {
            return out_of_memory();
        }
        const std::size_t end = block.first + granules(new_size);
        if (end < block.end) {
            flags_.set_start(end);
            release({end, block.end});
        } else if (end > block.end && !grow(block.end, end)) {
            return detail::relocate(*this, p, old_size, new_size, align);
        }
        return p;
    }

    /// The allocator then hands out other blocks than the one whose layout was rebuilt, as its
    /// lists are in another order. O(arena / granule / 32). Errors: zero_size, misaligned,
    /// foreign_pointer, out_of_memory.
    [[nodiscard]] result<void> allocate_at(void* p, std::size_t size,
                                           std::size_t align = default_alignment) noexcept {
        range wanted;
        if (!locate(p, size, wanted) || wanted.first < begin() || !detail::is_aligned(p, align)) {
            return refuse(p, size, align);
        }
        const std::size_t last = flags_.next(wanted.first);
        if (!is_free(wanted.first) || last < wanted.end - 1) {
            return out_of_memory();
        }
        carve({start_of_next(wanted.first), last + 1}, wanted);
        return {};
    }

    /// Bytes; exact.
    [[nodiscard]] std::size_t largest_free() const noexcept {
        return capacity_ == 0 ? 0 : lists_.largest(base_) * granule;
    }

    /// Whether flags, sizes, links and lists agree. O(blocks + arena / granule / 32).
    [[nodiscard]] bool invariants_hold() const noexcept {
        std::size_t live = 0;
        std::ptrdiff_t free_blocks = 0;
        bool after_free = false;
        std::size_t at = begin();
        while (at < end_) {
            if (flags_.starts(at)) {
                const std::size_t next = start_of_next(at + 1);
                live += next - at;
                at = next;
                after_free = false;
            } else {
                if (after_free || !is_free_block(at)) {
                    return false;
                }
                const std::size_t next = at + lists_.size_of(base_, at * words);
                if (flags_.next(at) != next - 1) {
                    return false;
                }
                at = next;
                after_free = true;
                ++free_blocks;
            }
        }
        return capacity_ == 0 ||
               (at == end_ && live == in_use_ && lists_.count(base_, end_ * words) == free_blocks);
    }

    [[nodiscard]] allocator_stats stats() const noexcept {
        return {.in_use = in_use_ * granule,
                .peak = peak() * granule,
                .largest_free = largest_free(),
                .capacity = capacity_,
                .failures = failures_};
    }

private:
    /// Words of a granule. The lists know a block by the index of its first word.
    static constexpr std::size_t words = granule / sizeof(index);
    using lists = detail::segregated_lists<index, words, SecondLevelBits, MaxArena / granule>;
    static constexpr std::size_t exact_bytes = (lists::exact - 1) * granule;

    /// Granules from `first` up to, but not including, `end`.
    struct range {
        std::size_t first;
        std::size_t end;
    };

    [[nodiscard]] static constexpr std::size_t granules(std::size_t size) noexcept {
        return (size + (granule - 1)) / granule;
    }
    [[nodiscard]] std::size_t begin() const noexcept { return end_ - capacity_ / granule; }

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

    /// Where a block of `size` bytes at `p` would be. False if it would not be within the arena.
    [[nodiscard, gnu::always_inline]] bool locate(const void* p, std::size_t size,
                                                  range& block) const noexcept {
        // Rotated, the offset of a misaligned pointer is far outside.
        block.first =
            std::rotr(static_cast<std::size_t>(detail::address_of(p) - detail::address_of(base_)),
                      std::countr_zero(granule));
        const std::size_t count = granules(size);
        block.end = block.first + count;
        // A count of 0 comes of a size that is 0 or too large to be rounded up.
        return block.first < end_ && count - 1 < end_ - block.first;
    }
    /// Precondition: `block` is within the arena.
    [[nodiscard, gnu::always_inline]] bool is_live(range block) const noexcept {
        return flags_.starts(block.first) && (flags_.starts(block.end) || is_free_block(block.end));
    }
    /// Whether a free block starts at `first`, where perhaps the middle of a live block is: that
    /// cannot be if a block that does end where this one would has the same size.
    [[nodiscard]] bool is_free_block(std::size_t first) const noexcept {
        const std::size_t size = lists_.size_of(base_, first * words);
        return size - 1 < end_ - first && flags_.ends(first + size - 1) &&
               lists_.size_before(base_, (first + size) * words) == size;
    }

    /// Makes a free block of granules that are not in a list, and neighbour no free block.
    [[gnu::always_inline]] void add_free(range block) noexcept {
        flags_.set_end(block.end - 1);
        lists_.insert(base_, block.first * words, block.end - block.first);
    }
    /// Frees a live block, together with free neighbours.
    [[gnu::always_inline]] void release(range block) noexcept {
        if (!flags_.starts(block.end) || flags_.ends(block.first - 1)) {
            release_and_join(block);
            return;
        }
        flags_.clear_start(block.first);
        count_out(block.end - block.first);
        add_free(block);
    }
    // Not inlined, so that the usual path saves no registers for it.
    [[gnu::noinline]] void release_and_join(range block) noexcept {
        std::byte* const base = base_;
        const detail::block_flags flags = flags_;
        const bool join_next = !flags.starts(block.end);
        const bool join_previous = flags.ends(block.first - 1);
        flags.clear_start(block.first);
        count_out(block.end - block.first);
        if (join_next) {
            const std::size_t next = block.end * words;
            block.end += lists_.size_of(base, next);
            lists_.remove(base, next);
        } else {
            flags.set_end(block.end - 1);
        }
        if (join_previous) {
            flags.clear_end(block.first - 1);
            block.first -= lists_.size_before(base, block.first * words);
            lists_.remove(base, block.first * words);
        }
        lists_.insert(base, block.first * words, block.end - block.first);
    }

    // Not inlined, for the same reason.
    [[nodiscard, gnu::noinline]] result<void*> allocate_by_class(std::size_t size,
                                                                 std::size_t align) noexcept {
        if (const auto possible = detail::check_request(size, align); !possible) {
            return failure(possible.error());
        }
        const std::size_t spare = align > granule ? align / granule - 1 : 0;
        if (size > capacity_) {
            return out_of_memory();
        }
        const std::size_t count = granules(size);
        auto found = lists_.find(base_, count);
        if (found.block != 0 && aligned(found, align) + count > found.block / words + found.size) {
            found = spare < end_ ? lists_.find(base_, count + spare) : typename lists::found{};
        }
        if (found.block == 0) {
            return out_of_memory();
        }
        const std::size_t first = aligned(found, align);
        carve({found.block / words, found.block / words + found.size}, {first, first + count});
        return base_ + first * granule;
    }
    /// First granule in a free block that is at a multiple of `align`, or one beyond.
    [[nodiscard]] std::size_t aligned(typename lists::found free,
                                      std::size_t align) const noexcept {
        const std::size_t first = free.block / words;
        const std::uintptr_t at = detail::address_of(base_ + first * granule);
        const auto gap = static_cast<std::size_t>((0 - at) & (align - 1)) / granule;
        return gap < free.size ? first + gap : first + free.size;
    }
    /// Makes `wanted` a live block; what is left of the free block around it stays free.
    void carve(range free, range wanted) noexcept {
        lists_.remove(base_, free.first * words);
        flags_.clear_end(free.end - 1);
        if (free.first != wanted.first) {
            add_free({free.first, wanted.first});
        }
        if (wanted.end != free.end) {
            add_free({wanted.end, free.end});
        }
        flags_.set_start(wanted.first);
        in_use_ += wanted.end - wanted.first;
    }
    /// Takes granules from the free block at `from`, if there is one that reaches to `to`.
    [[nodiscard]] bool grow(std::size_t from, std::size_t to) noexcept {
        if (flags_.starts(from) || from + lists_.size_of(base_, from * words) < to) {
            return false;
        }
        carve({from, from + lists_.size_of(base_, from * words)}, {from, to});
        flags_.clear_start(from);
        return true;
    }

    /// Start of the first block from `at` on; `at` is not within a free block.
    [[nodiscard]] std::size_t start_of_next(std::size_t at) const noexcept {
        const std::size_t flagged = flags_.next(at);
        return flags_.starts(flagged)
                   ? flagged
                   : flagged + 1 - lists_.size_before(base_, (flagged + 1) * words);
    }
    /// Whether granule `at` is in a free block.
    [[nodiscard]] bool is_free(std::size_t at) const noexcept {
        return !flags_.starts(flags_.next(at)) && start_of_next(at) <= at;
    }

    /// Why a block is not live.
    [[nodiscard, gnu::noinline, gnu::cold]] failure refuse(const void* p, std::size_t size,
                                                           std::size_t align) const noexcept {
        if (const auto possible = detail::check_request(size, align); !possible) {
            return failure(possible.error());
        }
        if (!detail::is_aligned(p, align) || !detail::is_aligned(p, granule)) {
            return failure(errc::misaligned);
        }
        range block;
        if (!locate(p, 1, block) || block.first < begin() || !is_free(block.first)) {
            return failure(errc::foreign_pointer);
        }
        return failure(errc::double_free);
    }

    lists lists_;
    std::byte* base_ = nullptr;
    detail::block_flags flags_;
    /// One beyond the last granule; 0 if the arena is too small.
    std::size_t end_ = 0;
    /// Bytes that blocks can take.
    std::size_t capacity_ = 0;
    // Granules.
    std::size_t in_use_ = 0;
    std::size_t peak_ = 0;
    std::size_t failures_ = 0;
};

static_assert(ram_allocator<tlsf_allocator<>>);
static_assert(ram_allocator<tlsf_allocator<64 * 1024>>);

} // namespace vmem

#endif
