// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_FREE_SURVEY_HPP
#define VMEM_DETAIL_FREE_SURVEY_HPP

#include <vmem/config.hpp>

#include <bit>

namespace vmem::detail {

/// A free buddy block: `2^(span - 1)` leaves from `leaf` on; span 0: none.
struct free_block {
    address leaf = 0;
    unsigned span = 0;
};

/// Told of free leaves, from left to right, it remembers the blocks that matter for a decision.
class free_survey {
public:
    /// Blocks have at most `2^most` leaves. Looks for one of at least `2^need`, preferably of at
    /// least `2^wanted`.
    constexpr free_survey(unsigned need, unsigned wanted, unsigned most) noexcept
        : need_(need), wanted_(wanted), most_(most) {}

    /// The leaves `[from, to)` are free, and those beside them are not. O(log(to - from)).
    constexpr void add_run(address from, address to) noexcept {
        while (from < to) {
            const address lowest_bit = from & (0 - from);
            const address room = std::bit_floor(to - from);
            const address length = from == 0 || room < lowest_bit ? room : lowest_bit;
            const auto order = static_cast<unsigned>(std::countr_zero(length));
            add(from, order < most_ ? order : most_);
            if (most_ == 0) {
                return; // One is as good as the next.
            }
            from += length;
        }
    }

    /// There is a free block of `2^order` leaves at `leaf`, or within something that starts there.
    constexpr void add(address leaf, unsigned order) noexcept {
        const free_block block{.leaf = leaf, .span = order + 1};
        largest_ = block.span > largest_ ? block.span : largest_;
        prefer(fitting_, block, need_);
        prefer(wanted_block_, block, wanted_);
    }

    /// Span of the largest block.
    [[nodiscard]] constexpr unsigned largest() const noexcept { return largest_; }

    /// The first among the smallest blocks of the size that is wanted, or else of the size that is
    /// needed; span 0 if there is none.
    [[nodiscard]] constexpr free_block pick() const noexcept {
        return wanted_block_.span != 0 ? wanted_block_ : fitting_;
    }

private:
    static constexpr void prefer(free_block& best, const free_block& block,
                                 unsigned order) noexcept {
        if (block.span > order && (best.span == 0 || block.span < best.span)) {
            best = block;
        }
    }

    unsigned need_;
    unsigned wanted_;
    unsigned most_;
    unsigned largest_ = 0;
    free_block fitting_{};
    free_block wanted_block_{};
};

} // namespace vmem::detail

#endif
