// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_GROUP_LAYOUT_HPP
#define VMEM_DETAIL_GROUP_LAYOUT_HPP

#include <vmem/allocator/io_bound.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/block_codes.hpp>
#include <vmem/result.hpp>

namespace vmem::detail {

/// Consecutive numbers on one level.
struct number_range {
    address first = 0;
    address count = 0;

    [[nodiscard]] constexpr address end() const noexcept { return first + count; }
};

/// Where the state of a non-resident allocator is on its medium: a header, then level 0, the bytes
/// that say which leaves are in use, then levels 1, 2, ... of summaries: a byte for each group of
/// the level below. A group is 64 bytes of level 0 or 256 of another level; the highest level is
/// one group. The blocks come after all that.
///
/// Leaves are numbered by their address, `address >> BlockShift`, so that the alignment of a number
/// is that of the address. Bytes of level n are numbered by the leaves they stand for,
/// `leaf >> order_of(n)`; only those that stand for some part of the range exist.
template <unsigned BlockShift, class Codes>
class group_layout {
public:
    static constexpr unsigned fanout_shift = 8;
    /// Bytes of a group of summaries. The highest level may have one more, as a range that is not
    /// aligned has one more group.
    static constexpr unsigned most_summaries = (1U << fanout_shift) + 1;
    /// Leaves of a group of level 0.
    static constexpr unsigned group_shift = group_bytes_shift + Codes::leaves_per_byte_shift;
    static constexpr unsigned header_bytes = 24;

    /// A byte of `level` stands for `2^order_of(level)` leaves.
    [[nodiscard]] static constexpr unsigned order_of(unsigned level) noexcept {
        return level == 0 ? Codes::leaves_per_byte_shift : group_shift + fanout_shift * (level - 1);
    }

    constexpr group_layout() noexcept = default;

    /// Errors: wrong_size if there is no room for a block.
    [[nodiscard]] static constexpr result<group_layout> make(address begin, address end) noexcept {
        group_layout made;
        made.begin_ = begin;
        made.last_ = end >> BlockShift;
        if (begin >= end || begin >> BlockShift >= made.last_) {
            return failure(errc::wrong_size);
        }
        const address state = made.place_of_level(made.levels() + 1) - begin;
        constexpr address step = address{1} << BlockShift;
        if (state > end - begin || end - begin - state < step) {
            return failure(errc::wrong_size);
        }
        made.first_ = (begin + state + (step - 1)) >> BlockShift;
        if (made.first_ >= made.last_) {
            return failure(errc::wrong_size);
        }
        return made;
    }

    /// The leaves that can be handed out: `[first(), last())`.
    [[nodiscard]] constexpr address first() const noexcept { return first_; }
    [[nodiscard]] constexpr address last() const noexcept { return last_; }
    [[nodiscard]] constexpr address header_at() const noexcept { return begin_; }

    /// The highest level; at least 1.
    [[nodiscard]] constexpr unsigned levels() const noexcept {
        unsigned level = 1;
        while (numbers(level).count > most_summaries) {
            ++level;
        }
        return level;
    }

    /// All bytes of a level.
    [[nodiscard]] constexpr number_range numbers(unsigned level) const noexcept {
        const address from = begin_ >> BlockShift >> order_of(level);
        return {.first = from, .count = ((last_ - 1) >> order_of(level)) - from + 1};
    }

    /// The group that a byte of a level is in.
    [[nodiscard]] constexpr address group_of(unsigned level, address number) const noexcept {
        return level == levels() ? 0 : number >> bits_in_group(level);
    }
    /// All groups of a level.
    [[nodiscard]] constexpr number_range groups(unsigned level) const noexcept {
        const number_range all = numbers(level);
        const address from = group_of(level, all.first);
        return {.first = from, .count = group_of(level, all.end() - 1) - from + 1};
    }
    /// The bytes of a group.
    [[nodiscard]] constexpr number_range bytes_of(unsigned level, address group) const noexcept {
        const number_range all = numbers(level);
        if (level == levels()) {
            return all;
        }
        const address begin = group << bits_in_group(level);
        const address from = begin < all.first ? all.first : begin;
        const address to = lesser(begin + (address{1} << bits_in_group(level)), all.end());
        return {.first = from, .count = to - from};
    }

    /// The leaves of a group of level 0 that can be handed out.
    [[nodiscard]] constexpr number_range leaves_of(address group) const noexcept {
        const address begin = group << group_shift;
        const address from = begin < first_ ? first_ : begin;
        const address to = lesser(begin + (address{1} << group_shift), last_);
        return {.first = from, .count = from < to ? to - from : 0};
    }

    /// Address on the medium.
    [[nodiscard]] constexpr address place_of(unsigned level, address number) const noexcept {
        return place_of_level(level) + (number - numbers(level).first);
    }

    /// The end of the block freed last, the summaries of the group left behind, one group per level
    /// on the way to the new one, and the byte of the block. With h levels of summaries. Where all
    /// blocks are alike, the one freed last would have been granted instead.
    [[nodiscard]] constexpr io_bound allocate_bound() const noexcept {
        const unsigned h = levels();
        const unsigned freed_last = Codes::most_order == 0 ? 0 : 1;
        return {.reads = 2 * h, .writes = h + 1 + freed_last, .operations = 3 * h + 1 + freed_last};
    }
    /// The group, the end of the block freed last, and the summaries; a bad address is looked up on
    /// each level instead.
    [[nodiscard]] constexpr io_bound deallocate_bound() const noexcept {
        const unsigned h = levels();
        const unsigned reads = Codes::most_order > group_shift ? h + 1 : h;
        return {.reads = reads, .writes = h + 1, .operations = 2 * h + 1};
    }

private:
    [[nodiscard]] static constexpr unsigned bits_in_group(unsigned level) noexcept {
        return level == 0 ? group_bytes_shift : fanout_shift;
    }
    [[nodiscard]] constexpr address place_of_level(unsigned level) const noexcept {
        address at = begin_ + header_bytes;
        for (unsigned below = 0; below < level; ++below) {
            at += numbers(below).count;
        }
        return at;
    }

    address begin_ = 0;
    address first_ = 0;
    address last_ = 0;
};

} // namespace vmem::detail

#endif
