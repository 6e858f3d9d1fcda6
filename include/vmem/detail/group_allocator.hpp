// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_GROUP_ALLOCATOR_HPP
#define VMEM_DETAIL_GROUP_ALLOCATOR_HPP

#include <vmem/allocator/io_bound.hpp>
#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/block_codes.hpp>
#include <vmem/detail/free_survey.hpp>
#include <vmem/detail/group_census.hpp>
#include <vmem/detail/group_cursor.hpp>
#include <vmem/detail/group_summaries.hpp>
#include <vmem/detail/span_io.hpp>
#include <vmem/result.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace vmem::detail {

/// What the non-resident buddy and block allocators have in common: everything but the requests.
/// Grants blocks of `2^order` leaves of `2^BlockShift` bytes; `Codes` writes them down. See
/// `group_layout` for what is on the medium, and `group_cursor` for what is not yet.
template <unsigned BlockShift, class Codes, std::size_t CacheBytes>
class group_allocator {
    static_assert(CacheBytes % group_bytes == 0,
                  "non-resident allocator: CacheBytes must be a multiple of 64; 0 is allowed");
    using cursor = group_cursor<BlockShift, Codes, CacheBytes>;
    using layout_type = typename cursor::layout_type;
    using census_type = group_census<BlockShift, Codes>;

public:
    /// On `[begin, end)`; 0 for a range that is too small.
    [[nodiscard]] static constexpr io_bound worst_case_allocate(address begin,
                                                                address end) noexcept {
        const auto layout = layout_type::make(begin, end);
        return layout ? (*layout).allocate_bound() : io_bound{};
    }
    [[nodiscard]] static constexpr io_bound worst_case_deallocate(address begin,
                                                                  address end) noexcept {
        const auto layout = layout_type::make(begin, end);
        return layout ? (*layout).deallocate_bound() : io_bound{};
    }

    [[nodiscard]] auto format(auto& medium, address begin, address end, std::uint32_t id)
        -> result<void> {
        return start(medium, begin, end, id, true);
    }
    [[nodiscard]] auto open(auto& medium, address begin, address end, std::uint32_t id)
        -> result<void> {
        return start(medium, begin, end, id, false);
    }

    [[nodiscard]] auto settle(auto& medium) -> result<void> {
        span_io io(medium);
        cursor_.recover(io);
        cursor_.complete(io);
        return io.outcome();
    }

    /// A block of `2^order` leaves at a multiple of `2^need` leaves. Precondition: `need` is not
    /// less than `order`; where it is more, a free block of that size is split.
    [[nodiscard]] auto allocate(auto& medium, unsigned order, unsigned need) -> result<address> {
        if (need >= static_cast<unsigned>(std::bit_width(layout().last()))) {
            return failure(errc::out_of_memory);
        }
        span_io io(medium);
        cursor_.recover(io);
        address leaf = cursor_.pending().leaf;
        if (io.ok() && cursor_.pending().span == order + 1 && leaf % block_length(need) == 0) {
            cursor_.take_pending();
        } else {
            leaf = take(io, order, need);
        }
        if (!io.ok()) {
            return failure(io.outcome().error());
        }
        leaves_ += block_length(order);
        ++blocks_;
        return leaf << BlockShift;
    }

    [[nodiscard]] auto deallocate(auto& medium, address at) -> result<void> {
        const address leaf = at >> BlockShift;
        if (at != leaf << BlockShift || leaf < layout().first() || leaf >= layout().last()) {
            return failure(errc::foreign_pointer);
        }
        span_io io(medium);
        cursor_.recover(io);
        if (io.ok() && cursor_.is_pending(leaf)) {
            return failure(errc::double_free);
        }
        const group_image image = cursor_.load(io, leaf >> layout_type::group_shift);
        if (!io.ok()) {
            return io.outcome();
        }
        const unsigned span = Codes::span_at(image, leaf);
        if (span == 0) {
            return failure(refusal(io, image, leaf));
        }
        // A damaged byte may state any size.
        if (!fits(leaf, span - 1)) {
            return failure(errc::corrupt);
        }
        cursor_.put_off(io, image, {.leaf = leaf, .span = span});
        if (io.ok()) {
            leaves_ -= block_length(span - 1);
            --blocks_;
        }
        return io.outcome();
    }

    /// Span (order + 1) of the largest free block; 0 if there is none.
    [[nodiscard]] auto largest(auto& medium) -> result<unsigned> {
        if (layout().last() == 0) {
            return 0U;
        }
        span_io io(medium);
        cursor_.recover(io);
        address group = cursor_.group();
        std::uint8_t summary = cursor_.summary();
        if (group == cursor::none) {
            group = layout().groups(0).first;
            summary = cursor_.summaries().summary(group, cursor_.load(io, group));
        }
        const unsigned span = cursor_.summaries().largest(io, group, summary);
        if (!io.ok()) {
            return failure(io.outcome().error());
        }
        return span;
    }

    [[nodiscard]] auto invariants_hold(auto& medium) -> result<bool> {
        if (layout().last() == 0) {
            return true;
        }
        span_io io(medium);
        cursor_.recover(io);
        const std::uint8_t published = cursor_.published(io);
        census_type census(cursor_.summaries());
        bool agree = census.agrees(io, cursor_.group(), published);
        const unsigned span = cursor_.pending().span;
        agree = agree && census.blocks() == blocks_ + (span != 0 ? 1U : 0U) &&
                census.leaves() == leaves_ + (span != 0 ? block_length(span - 1) : 0);
        agree = agree && io.ok() && cursor_.agrees(io);
        if (!io.ok()) {
            return failure(io.outcome().error());
        }
        return agree;
    }

    [[nodiscard]] nonresident_stats stats() const noexcept {
        return {.in_use = leaves_ << BlockShift,
                .blocks = blocks_,
                .capacity = (layout().last() - layout().first()) << BlockShift};
    }

private:
    /// In a group with so much in one piece several requests find room, one after the other.
    static constexpr unsigned preferred = Codes::most_order == 0 ? 0 : layout_type::group_shift - 1;

    [[nodiscard]] const layout_type& layout() const noexcept { return cursor_.layout(); }

    /// Takes up a range, or nothing if that fails.
    [[nodiscard]] result<void> start(auto& medium, address begin, address end, std::uint32_t id,
                                     bool afresh) {
        *this = {};
        const auto layout = layout_type::make(begin, end);
        if (!layout) {
            return failure(layout.error());
        }
        cursor_ = cursor(*layout);
        span_io io(medium);
        census_type census(cursor_.summaries());
        if (afresh) {
            // A state that is half made must not be taken for the one that was there before.
            census.erase(io);
        } else {
            census.check_signature(io, id);
        }
        census.complete(io);
        if (afresh) {
            census.sign(io, id);
        }
        if (io.ok()) {
            leaves_ = census.leaves();
            blocks_ = census.blocks();
        } else {
            *this = {};
        }
        return io.outcome();
    }

    /// Takes a block of the current group if there is room, or else of another; returns its leaf.
    [[nodiscard]] address take(auto& io, unsigned order, unsigned need) {
        constexpr unsigned group_order = layout_type::group_shift;
        address leaf = cursor_.pending().leaf;
        if (!cursor_.has_room(need)) {
            cursor_.complete(io);
            leaf = move_to_room(io, need);
        }
        if (!io.ok()) {
            return 0;
        }
        group_image image = cursor_.load_current(io);
        if (need <= group_order) {
            leaf = choose(image, need);
        } else if (image != group_image{}) {
            leaf = layout().last();
        }
        // What follows from a summary that is wrong would be worse.
        if (!fits(leaf, order)) {
            io.fail(errc::corrupt);
        }
        if (io.ok()) {
            cursor_.take(io, image, leaf, order);
        }
        return leaf;
    }

    /// Makes a group current that has room, or starts with a free block that is larger; returns
    /// where.
    [[nodiscard]] address move_to_room(auto& io, unsigned need) {
        const auto found =
            cursor_.summaries().search(io, need, need < preferred ? preferred : need);
        if (found.block.span == 0) {
            io.fail(errc::out_of_memory);
        }
        if (io.ok()) {
            cursor_.move_to(found.block.leaf >> layout_type::group_shift, found.summary);
        }
        return found.block.leaf;
    }

    /// The first among the smallest free blocks of the current group that are large enough; without
    /// one, the end of all.
    [[nodiscard]] address choose(const group_image& image, unsigned need) const noexcept {
        const number_range leaves = layout().leaves_of(cursor_.group());
        free_survey found(need, need, Codes::most_order);
        survey<Codes>(image, leaves.first, leaves.end(), found);
        const free_block block = found.pick();
        return block.span != 0 ? place_in(block, need) : layout().last();
    }

    /// Where in a free block a block of `2^order` leaves goes. What it leaves is the same anywhere,
    /// but it should not overlap the pending block other than at its first leaf: then both cannot
    /// change in one write.
    [[nodiscard]] address place_in(const free_block& block, unsigned order) const noexcept {
        const free_block& pending = cursor_.pending();
        if (pending.span == 0 || pending.leaf - block.leaf >= block_length(block.span - 1)) {
            return block.leaf;
        }
        if (pending.span > order) {
            return pending.leaf;
        }
        const address half = block_length(block.span - 1) / 2;
        return block.span > order + 1 && pending.leaf - block.leaf < half ? block.leaf + half
                                                                          : block.leaf;
    }

    /// Whether there can be such a block.
    [[nodiscard]] bool fits(address leaf, unsigned order) const noexcept {
        const address length = block_length(order);
        return leaf % length == 0 && leaf >= layout().first() && leaf < layout().last() &&
               length <= layout().last() - leaf;
    }

    /// Why the block at a leaf where none starts cannot be freed.
    [[nodiscard]] errc refusal(auto& io, const group_image& image, address leaf) const {
        const number_range leaves = layout().leaves_of(leaf >> layout_type::group_shift);
        bool inside = false;
        walk<Codes>(
            image, leaves.first, leaves.end(),
            [&](address start, unsigned order) {
                inside = inside || leaf - start < block_length(order);
            },
            [](address, address) {});
        if constexpr (Codes::most_order > layout_type::group_shift) {
            inside = inside || is_in_current_large(leaf) ||
                     cursor_.summaries().is_within_large(io, leaf, cursor_.group());
        }
        return !io.ok() ? io.outcome().error() : inside ? errc::foreign_pointer : errc::double_free;
    }

    [[nodiscard]] bool is_in_current_large(address leaf) const noexcept {
        return summary_code::is_large(cursor_.summary()) &&
               leaf - (cursor_.group() << layout_type::group_shift) <
                   block_length(summary_code::order_in(cursor_.summary()));
    }

    cursor cursor_{};
    /// In use.
    address leaves_ = 0;
    address blocks_ = 0;
};

} // namespace vmem::detail

#endif
