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
/// Within a live block, no flag is set but the one that says so, which tells its order.
class buddy_flags {
    using word = std::size_t;
    static constexpr std::size_t digits = std::numeric_limits<word>::digits;
    static constexpr unsigned word_order = static_cast<unsigned>(std::countr_zero(digits));

    struct group {
        word live = 0;
        word pair = 0;
    };

public:
    static constexpr std::size_t alignment = alignof(group);
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

    void set_live(std::size_t at) const noexcept { of(at).live |= bit(at); }
    void clear_live(std::size_t at) const noexcept { of(at).live &= ~bit(at); }
    [[nodiscard]] bool live(std::size_t at) const noexcept { return (of(at).live & bit(at)) != 0; }

    [[nodiscard]] bool pair(std::size_t right) const noexcept {
        return (of(right).pair & bit(right)) != 0;
    }
    /// What the flag then is.
    bool toggle_pair(std::size_t right) const noexcept {
        return ((of(right).pair ^= bit(right)) & bit(right)) != 0;
    }

    /// Whether `at` is where a live block of that order starts. Precondition: it is a multiple of
    /// 2^order. One look at a group for orders up to 5 (4 on a 32-bit processor), else
    /// O(log^2 size).
    [[nodiscard, gnu::always_inline]] bool is_live_block(std::size_t at,
                                                         unsigned order) const noexcept {
        if (order >= word_order) [[unlikely]] {
            return live(at) && order_of_live(at) == order;
        }
        const group& flags = of(at);
        const std::size_t size = std::size_t{1} << order;
        const word within = bit(size) - 1;
        // The pair flag of its first granule is about this block and its buddy to the left.
        const word seen = (flags.live | (flags.pair & ~bit(at))) >> (at % digits);
        const bool divided = (seen >> size & within) != 0;
        return (seen & within) == 1 && ((at & size) != 0 || divided || at + 2 * size > end_);
    }

    /// Precondition: a live block starts at `at`. O(log^2 size).
    [[nodiscard, gnu::noinline]] unsigned order_of_live(std::size_t at) const noexcept {
        unsigned order = 0;
        std::size_t size = 1;
        while ((at & size) == 0 && at + 2 * size <= end_ && !is_divided(at + size, order)) {
            ++order;
            size *= 2;
        }
        return order;
    }

    /// Whether no live block starts in the block of that order at `at`. O(size).
    [[nodiscard]] bool none_live(std::size_t at, unsigned order) const noexcept {
        if (order < word_order) {
            const word within = (word{1} << (std::size_t{1} << order)) - 1;
            return (of(at).live >> (at % digits) & within) == 0;
        }
        const std::size_t end = at + (std::size_t{1} << order);
        while (at != end && of(at).live == 0) {
            at += digits;
        }
        return at == end;
    }

private:
    [[nodiscard]] static constexpr word bit(std::size_t at) noexcept {
        return word{1} << (at % digits);
    }
    [[nodiscard]] group& of(std::size_t at) const noexcept {
        return groups_[at / digits - skipped_];
    }

    /// Whether the block of that order at `at` is free, live, or divided into blocks that are, as
    /// opposed to a part of a larger live block. Precondition: it is a right buddy, and the left
    /// one is not free.
    [[nodiscard]] bool is_divided(std::size_t at, unsigned order) const noexcept {
        const word flags = (of(at).live | of(at).pair) >> (at % digits);
        if (order < word_order) {
            return (flags & ((word{1} << (std::size_t{1} << order)) - 1)) != 0;
        }
        // The first block in it is live, or free and then its pair has one that is not.
        bool found = flags != 0;
        for (unsigned inner = word_order; inner < order && !found; ++inner) {
            found = pair(at + (std::size_t{1} << inner));
        }
        return found;
    }

    group* groups_ = nullptr;
    /// Number of the first group.
    std::size_t skipped_ = 0;
    std::size_t end_ = 0;
};

} // namespace vmem::detail

#endif
