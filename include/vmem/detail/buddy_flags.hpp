// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_BUDDY_FLAGS_HPP
#define VMEM_DETAIL_BUDDY_FLAGS_HPP

#include <bit>
#include <cstddef>
#include <limits>
#include <new>

namespace vmem::detail {

/// What a buddy allocator knows of granules `begin` up to, but not including, `end`: a block of
/// order k is 2^k of them and starts at a multiple of 2^k. Two flags per granule:
/// - live: a live block starts here.
/// - pair: exactly one of two buddies is free as a whole. There is one for each pair, where the
///   right buddy starts: no granule is that for two pairs. Only pairs of which the right one
///   starts within the range have a flag; what is beyond the range is never free.
///
/// Within a live block of less than a word of flags, no flag is set but the one that says so, which
/// tells its order. A larger one has words of its own, with room for its order, so that it need not
/// be searched: no live flag is set, the pair flag of its second granule is, and those behind that
/// are the order. Else that flag is never set without a live flag of one of its two granules.
class buddy_flags {
    using word = std::size_t;
    static constexpr std::size_t digits = std::numeric_limits<word>::digits;

    struct group {
        word live = 0;
        word pair = 0;
    };
    static constexpr word large_mark = 2;
    static constexpr unsigned large_shift = 2;

public:
    static constexpr std::size_t alignment = alignof(group);
    /// Blocks of this order are large.
    static constexpr unsigned word_order = static_cast<unsigned>(std::countr_zero(digits));
    /// Room for the flags, in bytes.
    [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t begin,
                                                         std::size_t end) noexcept {
        return (end / digits - begin / digits + 1) * sizeof(group);
    }

    buddy_flags() noexcept = default;
    /// No flag is set in the `bytes_for(begin, end)` bytes at `at`. O(end - begin).
    buddy_flags(void* at, std::size_t begin, std::size_t end) noexcept
        : groups_(static_cast<group*>(at)), skipped_(begin / digits), end_(end) {
        for (std::size_t i = 0; i <= end / digits - skipped_; ++i) {
            ::new (static_cast<void*>(groups_ + i)) group{};
        }
    }

    [[nodiscard]] std::size_t end() const noexcept { return end_; }

    void set_live(std::size_t at, unsigned order) const noexcept {
        group& flags = of(at);
        if (order < word_order) [[likely]] {
            flags.live |= mask_of(at);
        } else {
            flags.pair |= large_mark | word{order} << large_shift;
        }
    }
    void clear_live(std::size_t at, unsigned order) const noexcept {
        group& flags = of(at);
        if (order < word_order) [[likely]] {
            flags.live &= ~mask_of(at);
        } else {
            flags.pair &= large_mark - 1;
        }
    }

    [[nodiscard]] bool pair(std::size_t right) const noexcept {
        return (of(right).pair & mask_of(right)) != 0;
    }
    /// What the flag then is.
    bool toggle_pair(std::size_t right) const noexcept {
        return ((of(right).pair ^= mask_of(right)) & mask_of(right)) != 0;
    }

    /// Whether `at` is where a live block of that order starts. Precondition: it is a multiple of
    /// 2^order. One look at a group.
    [[nodiscard, gnu::always_inline]] bool is_live_block(std::size_t at,
                                                         unsigned order) const noexcept {
        const group& flags = of(at);
        if (order >= word_order) [[unlikely]] {
            return large_order(flags) == order;
        }
        const std::size_t size = std::size_t{1} << order;
        const word within = mask_of(size) - 1;
        // The pair flag of its first granule is about this block and its buddy to the left.
        const word seen = (flags.live | (flags.pair & ~mask_of(at))) >> (at % digits);
        const bool divided = (seen >> size & within) != 0;
        return (seen & within) == 1 && ((at & size) != 0 || divided || at + 2 * size > end_);
    }

    /// The order of the live block that starts at `at`, or `none`.
    [[nodiscard]] unsigned order_of_live(std::size_t at) const noexcept {
        if (at % digits == 0 && large_order(of(at)) != 0) {
            return large_order(of(at));
        }
        unsigned order = 0;
        while (order < word_order && (at % (word{1} << order) != 0 || !is_live_block(at, order))) {
            ++order;
        }
        return order < word_order ? order : none;
    }
    static constexpr unsigned none = ~0U;

    /// Whether no granule of the block of that order at `at` is live. Precondition: no live block
    /// starts before it and reaches into it. O(size).
    [[nodiscard]] bool none_live(std::size_t at, unsigned order) const noexcept {
        if (order < word_order) {
            const std::size_t first = at % digits;
            const word within = (word{1} << (std::size_t{1} << order)) - 1;
            return (of(at).live >> first & within) == 0 && large_order(of(at)) == 0;
        }
        const std::size_t end = at + (std::size_t{1} << order);
        while (at != end && of(at).live == 0 && large_order(of(at)) == 0) {
            at += digits;
        }
        return at == end;
    }

private:
    [[nodiscard]] static constexpr word mask_of(std::size_t at) noexcept {
        return word{1} << (at % digits);
    }
    [[nodiscard]] group& of(std::size_t at) const noexcept {
        return groups_[at / digits - skipped_];
    }
    /// Order of the large live block that starts with the group; 0 if none does.
    [[nodiscard]] static unsigned large_order(const group& flags) noexcept {
        const bool is_marked = (flags.pair & large_mark) != 0 && (flags.live & 3) == 0;
        return is_marked ? static_cast<unsigned>(flags.pair >> large_shift) : 0;
    }

    group* groups_ = nullptr;
    /// Number of the first group.
    std::size_t skipped_ = 0;
    std::size_t end_ = 0;
};

} // namespace vmem::detail

#endif
