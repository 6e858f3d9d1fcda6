// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_SEGREGATED_LISTS_HPP
#define VMEM_DETAIL_SEGREGATED_LISTS_HPP

#include <vmem/config.hpp>
#include <vmem/detail/arena.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <limits>

namespace vmem::detail {

/// The free blocks of an arena in doubly linked lists, one for each class of sizes: the two levels
/// of TLSF (Masmano et al., "TLSF: a new dynamic memory allocator for real-time systems", ECRTS
/// 2004), laid end to end. Each power of two is divided into 2^SecondLevelBits classes; below
/// 2^(SecondLevelBits + 1) each size is a class of its own, so that one formula serves both levels.
///
/// Sizes are in granules of `GranuleWords` words of type `Index`. Blocks are named by the index of
/// their first word, counted from `base`; 0 is none. The first words of the arena are the heads of
/// the lists: word c + 1 is that of class c. A free block holds the block before it, the block
/// after it, and its size, and ends with its size once more. As word c + 1 is where a block with
/// the index c would name its successor, a list needs no special case for its head.
/// All operations are O(1).
template <class Index, std::size_t GranuleWords, unsigned SecondLevelBits, std::size_t MaxSize>
class segregated_lists {
    using bits = std::size_t;
    static constexpr unsigned digits = std::numeric_limits<bits>::digits;
    static_assert(GranuleWords >= 4, "segregated_lists: a granule must hold a free block");

public:
    /// Sizes below it share no list, and one word of bits covers them.
    static constexpr std::size_t exact =
        lesser(std::size_t{digits}, std::size_t{2} << SecondLevelBits);

    [[nodiscard]] static constexpr std::size_t class_of(std::size_t size) noexcept {
        const unsigned shift = shift_of(size);
        return (std::size_t{shift} << SecondLevelBits) + (size >> shift);
    }
    /// The first class in which every block has that size.
    [[nodiscard]] static constexpr std::size_t class_above(std::size_t size) noexcept {
        const unsigned shift = shift_of(size);
        const std::size_t step = std::size_t{1} << shift;
        return (std::size_t{shift} << SecondLevelBits) + ((size + (step - 1)) >> shift);
    }
    /// Words at the start of an arena in which no block is larger than `size`.
    [[nodiscard]] static constexpr std::size_t head_words(std::size_t size) noexcept {
        return class_of(size) + 2;
    }

    segregated_lists() noexcept = default;
    /// The arena's first `head_words(largest)` words must be 0.
    explicit segregated_lists(std::size_t largest) noexcept : classes_(class_of(largest) + 1) {}

    [[gnu::always_inline]] void insert(std::byte* base, std::size_t block,
                                       std::size_t size) noexcept {
        if (size < exact) [[likely]] {
            insert_exact(base, block, size);
        } else {
            insert_large(base, block, size);
        }
    }

    [[gnu::always_inline]] void remove(std::byte* base, std::size_t block) noexcept {
        const std::size_t before = word(base, block);
        const std::size_t after = word(base, block + 1);
        set(base, before + 1, after);
        set(base, after, before);
        if (after == 0 && before < classes_) {
            vacate(before);
        }
    }

    /// Bit s is set where a block of size s is free, s >= `size`. Precondition: `size` < `exact`.
    [[nodiscard]] bits exact_fits(std::size_t size) const noexcept {
        constexpr bits below_exact = ~bits{0} >> (digits - exact);
        return occupied_[0] & (~bits{0} << size) & below_exact;
    }

    struct found {
        std::size_t block;
        std::size_t size;
    };

    /// Removes a block of the smallest size in `fits`, which is not 0.
    [[nodiscard, gnu::always_inline]] found take_exact(std::byte* base, bits fits) noexcept {
        const auto size = static_cast<unsigned>(std::countr_zero(fits));
        const std::size_t block = word(base, size + 1);
        const std::size_t after = word(base, block + 1);
        set(base, size + 1, after);
        set(base, after, size);
        occupied_[0] ^= bits{after == 0} << size;
        return {block, size};
    }
    /// As `insert`. Precondition: `size` < `exact`.
    [[gnu::always_inline]] void insert_exact(std::byte* base, std::size_t block,
                                             std::size_t size) noexcept {
        occupied_[0] |= bits{1} << size;
        link(base, block, size, size);
    }

    /// A block of at least `size`, as small as can be told without a search; its index is 0 if
    /// there is none. It stays in its list.
    [[nodiscard]] found find(const std::byte* base, std::size_t size) const noexcept {
        const std::size_t wanted = class_above(size);
        std::size_t at = wanted / digits;
        if (at >= occupied_.size()) {
            return first_of_own_class(base, size);
        }
        bits fits = occupied_[at] & (~bits{0} << (wanted % digits));
        if (fits == 0) {
            const bits later = summary_ & (~bits{1} << at);
            if (later == 0) {
                return first_of_own_class(base, size);
            }
            at = static_cast<unsigned>(std::countr_zero(later));
            fits = occupied_[at];
        }
        return first_of(base, at * digits + static_cast<unsigned>(std::countr_zero(fits)));
    }

    /// The size of the largest block that `find` finds; 0 if there is none.
    [[nodiscard]] std::size_t largest(const std::byte* base) const noexcept {
        const auto at = static_cast<unsigned>(std::bit_width(summary_ | 1)) - 1;
        return occupied_[at] == 0 ? 0 : first_of(base, at * digits + top_bit(occupied_[at])).size;
    }

    /// Whether the lists are sound, in an arena of `words` words: heads and bits agree, the links
    /// of neighbours match, and each block is in the list for its size. Returns the number of
    /// blocks in them, or -1. O(blocks): a list that runs in a circle is found out by a link that
    /// does not match.
    [[nodiscard]] std::ptrdiff_t count(const std::byte* base, std::size_t words) const noexcept {
        std::ptrdiff_t counted = 0;
        for (std::size_t cls = 0; cls < classes_; ++cls) {
            const bool occupied = (occupied_[cls / digits] >> (cls % digits) & 1) != 0;
            std::size_t before = cls;
            std::size_t block = word(base, cls + 1);
            if (occupied != (block != 0) || (occupied && !noted(cls / digits))) {
                return -1;
            }
            while (block != 0) {
                if (block > words - GranuleWords || word(base, block) != before ||
                    size_of(base, block) == 0 || class_of(size_of(base, block)) != cls) {
                    return -1;
                }
                ++counted;
                before = block;
                block = word(base, block + 1);
            }
        }
        return counted;
    }

    [[nodiscard]] static std::size_t size_of(const std::byte* base, std::size_t block) noexcept {
        return word(base, block + 2);
    }
    /// Size of the free block that ends before word `end`.
    [[nodiscard]] static std::size_t size_before(const std::byte* base, std::size_t end) noexcept {
        return word(base, end - 1);
    }

private:
    [[nodiscard]] static constexpr unsigned shift_of(std::size_t size) noexcept {
        return top_bit(size | std::size_t{1} << SecondLevelBits) - SecondLevelBits;
    }
    [[nodiscard]] static constexpr unsigned top_bit(bits value) noexcept {
        return static_cast<unsigned>(std::bit_width(value)) - 1;
    }

    [[nodiscard]] bool noted(std::size_t bit_word) const noexcept {
        return bit_word == 0 || (summary_ >> bit_word & 1) != 0;
    }

    [[nodiscard, gnu::always_inline]] static std::size_t word(const std::byte* base,
                                                              std::size_t at) noexcept {
        return load<Index>(base + at * sizeof(Index));
    }
    [[gnu::always_inline]] static void set(std::byte* base, std::size_t at,
                                           std::size_t value) noexcept {
        store(base + at * sizeof(Index), static_cast<Index>(value));
    }

    [[gnu::always_inline]] static void link(std::byte* base, std::size_t block, std::size_t size,
                                            std::size_t cls) noexcept {
        const std::size_t after = word(base, cls + 1);
        set(base, block, cls);
        // Between two stores to neighbours, or the compiler would join them in a vector register.
        set(base, after, block);
        set(base, block + 1, after);
        set(base, cls + 1, block);
        set(base, block + 2, size);
        set(base, block + size * GranuleWords - 1, size);
    }

    [[gnu::noinline]] void insert_large(std::byte* base, std::size_t block,
                                        std::size_t size) noexcept {
        const std::size_t cls = class_of(size);
        occupied_[cls / digits] |= bits{1} << (cls % digits);
        summary_ |= bits{1} << (cls / digits);
        link(base, block, size, cls);
    }

    [[gnu::noinline]] void vacate(std::size_t cls) noexcept {
        bits& of_class = occupied_[cls / digits];
        of_class &= ~(bits{1} << (cls % digits));
        if (of_class == 0) {
            summary_ &= ~(bits{1} << (cls / digits));
        }
    }

    [[nodiscard]] found first_of(const std::byte* base, std::size_t cls) const noexcept {
        const std::size_t block = word(base, cls + 1);
        return {block, size_of(base, block)};
    }
    /// Where only a class that also has smaller blocks is left, its first block may do.
    [[nodiscard]] found first_of_own_class(const std::byte* base, std::size_t size) const noexcept {
        const std::size_t cls = class_of(size);
        const found first = cls < classes_ ? first_of(base, cls) : found{0, 0};
        return first.block != 0 && first.size >= size ? first : found{0, 0};
    }

    static constexpr std::size_t bit_words = class_of(MaxSize) / digits + 1;
    static_assert(bit_words <= digits, "segregated_lists: too many classes");

    /// Which lists are not empty.
    std::array<bits, bit_words> occupied_{};
    /// Which words of `occupied_` are not 0, the first one excepted.
    bits summary_ = 0;
    /// The lists that the arena has heads for.
    std::size_t classes_ = 0;
};

} // namespace vmem::detail

#endif
