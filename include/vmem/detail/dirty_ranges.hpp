// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_DIRTY_RANGES_HPP
#define VMEM_DETAIL_DIRTY_RANGES_HPP

#include <vmem/config.hpp>

#include <array>
#include <cstddef>

namespace vmem::detail {

/// The changed byte range of each of `Frames` pages of `PageSize` bytes: one range a page, that
/// spans all of its changes. Starts with `clear` of each frame.
template <std::size_t PageSize, std::size_t Frames>
class dirty_ranges {
public:
    struct range {
        std::size_t begin;
        std::size_t end;
    };

    /// Precondition: `count` is not 0 and `begin + count <= PageSize`.
    [[gnu::always_inline]] constexpr void mark(std::size_t frame, std::size_t begin,
                                               std::size_t count) noexcept {
        // Branches, not stores: once a page is dirty from end to end they are all predicted.
        if (begin < begin_[frame]) {
            begin_[frame] = static_cast<offset>(begin);
        }
        if (begin + count - 1 > last_[frame]) {
            last_[frame] = static_cast<offset>(begin + count - 1);
        }
    }
    constexpr void clear(std::size_t frame) noexcept { keep(frame, PageSize - 1, 0); }
    [[nodiscard]] constexpr bool any(std::size_t frame) const noexcept {
        return begin_[frame] <= last_[frame];
    }
    /// The range, rounded out to multiples of `unit`, a power of two. Precondition: `any(frame)`.
    [[nodiscard]] constexpr range rounded(std::size_t frame, std::size_t unit) const noexcept {
        return {.begin = align_down(std::size_t{begin_[frame]}, unit),
                .end = align_up(std::size_t{last_[frame]} + 1, unit)};
    }

    /// For a frame that holds no page: two other numbers below `PageSize`.
    constexpr void keep(std::size_t frame, std::size_t first, std::size_t second) noexcept {
        begin_[frame] = static_cast<offset>(first);
        last_[frame] = static_cast<offset>(second);
    }
    [[nodiscard]] constexpr std::size_t first_kept(std::size_t frame) const noexcept {
        return begin_[frame];
    }
    [[nodiscard]] constexpr std::size_t second_kept(std::size_t frame) const noexcept {
        return last_[frame];
    }

private:
    using offset = smallest_uint<PageSize - 1>;

    // Of the first and of the last changed byte; the other way round where there is none.
    std::array<offset, Frames> begin_;
    std::array<offset, Frames> last_;
};

} // namespace vmem::detail

#endif
