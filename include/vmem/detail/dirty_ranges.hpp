// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_DIRTY_RANGES_HPP
#define VMEM_DETAIL_DIRTY_RANGES_HPP

#include <vmem/config.hpp>

#include <array>
#include <cstddef>

namespace vmem::detail {

/// The changed byte range of each of `Frames` pages of `PageSize` bytes: one range a page, that
/// spans all of its changes.
template <std::size_t PageSize, std::size_t Frames>
class dirty_ranges {
public:
    struct range {
        std::size_t begin;
        std::size_t end;
    };

    constexpr dirty_ranges() noexcept { begin_.fill(PageSize); }

    /// Precondition: `begin + count <= PageSize`.
    [[gnu::always_inline]] constexpr void mark(std::size_t frame, std::size_t begin,
                                               std::size_t count) noexcept {
        // Branches, not stores: once a page is dirty from end to end they are all predicted.
        if (begin < begin_[frame]) {
            begin_[frame] = static_cast<offset>(begin);
        }
        if (begin + count > end_[frame]) {
            end_[frame] = static_cast<offset>(begin + count);
        }
    }
    constexpr void clear(std::size_t frame) noexcept {
        begin_[frame] = static_cast<offset>(PageSize);
        end_[frame] = 0;
    }
    [[nodiscard]] constexpr bool any(std::size_t frame) const noexcept {
        return begin_[frame] < end_[frame];
    }
    /// The range, rounded out to multiples of `unit`, a power of two. Precondition: `any(frame)`.
    [[nodiscard]] constexpr range rounded(std::size_t frame, std::size_t unit) const noexcept {
        return {.begin = align_down(std::size_t{begin_[frame]}, unit),
                .end = align_up(std::size_t{end_[frame]}, unit)};
    }

private:
    using offset = smallest_uint<PageSize>;

    std::array<offset, Frames> begin_;
    std::array<offset, Frames> end_{};
};

} // namespace vmem::detail

#endif
