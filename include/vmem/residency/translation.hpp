// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_TRANSLATION_HPP
#define VMEM_RESIDENCY_TRANSLATION_HPP

#include <vmem/config.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

/// \file
/// Which frame holds a page? Both answers below give a *guess* in one load; the caller compares the
/// guessed frame's tag with the page and has its answer. So the hot path is the same for both, an
/// absent page, an out-of-range page and a wrong guess all fail the same comparison, and the range
/// check costs nothing. Of an exact table the guess alone is the answer, for a page in range.
namespace vmem {

/// One frame index per page of virtual memory: the fastest, for up to a few thousand pages.
/// `Pages` bounds the virtual memory (pages).
template <std::size_t Pages>
struct page_table {
    static_assert(Pages >= 1, "page_table: needs at least one page");

    template <std::size_t Frames>
    class bind {
        using index = detail::smallest_uint<Frames - 1>;

    public:
        /// Highest number of pages that can be translated.
        static constexpr std::size_t max_pages = Pages;
        /// Whether the guess for a page below `max_pages` that is in no frame is `Frames`. Else,
        /// where an index has no value for that, it is any frame.
        static constexpr bool is_exact = Frames <= (std::numeric_limits<index>::max)();

        constexpr bind() noexcept { frame_of_.fill(none); }

        /// `page`, or some other one if that is out of range. O(1).
        [[nodiscard]] static constexpr std::size_t in_range(std::size_t page) noexcept {
            return std::has_single_bit(Pages) ? page & (Pages - 1) : page < Pages ? page : 0;
        }

        /// The only frame that can hold `page`. O(1), one load.
        [[nodiscard]] constexpr std::size_t guess(std::size_t page) const noexcept {
            if constexpr (std::has_single_bit(Pages)) {
                return frame_of_[in_range(page)];
            } else {
                // A branch, which is predicted, where a conditional move would wait for the
                // address.
                if (page < Pages) [[likely]] {
                    return frame_of_[page];
                }
                return none;
            }
        }

        /// The guess is final here: returns `Frames`, not found.
        template <class PageOf>
        [[nodiscard]] constexpr std::size_t search(std::size_t, PageOf) noexcept {
            return Frames;
        }

        constexpr void insert(std::size_t page, std::size_t frame) noexcept {
            frame_of_[page] = static_cast<index>(frame);
        }

        template <class PageOf>
        constexpr void erase(std::size_t page, std::size_t, PageOf) noexcept {
            frame_of_[page] = none;
        }

    private:
        static constexpr index none = is_exact ? static_cast<index>(Frames) : 0;

        std::array<index, Pages> frame_of_;
    };
};

/// An open-addressing map with one entry for at least every half frame: RAM independent of the size
/// of the virtual memory. Linear probing (Knuth, TAOCP 3, 6.4, algorithm L and R); a frame found
/// away from its home is swapped into it, so that a page in use is found at the first probe.
struct page_map {
    template <std::size_t Frames>
    class bind {
    public:
        using slot_type = detail::smallest_uint<Frames>;
        static constexpr std::size_t max_pages = (std::numeric_limits<std::size_t>::max)();

        constexpr bind() noexcept { frame_of_.fill(static_cast<slot_type>(Frames)); }

        /// The frame at the home position of `page`, or `Frames`. O(1), one load.
        [[nodiscard]] constexpr std::size_t guess(std::size_t page) const noexcept {
            return frame_of_[home(page)];
        }

        /// The frame that holds `page`, or `Frames`; `page_of(frame)` names the page in a frame.
        /// O(1) expected, O(Frames) worst case.
        template <class PageOf>
        [[nodiscard]] constexpr std::size_t search(std::size_t page, PageOf page_of) noexcept {
            const std::size_t start = home(page);
            for (std::size_t i = start; frame_of_[i] != Frames; i = next(i)) {
                const std::size_t frame = frame_of_[i];
                if (page_of(frame) == page) {
                    // Every position between is occupied, so the displaced frame stays reachable.
                    frame_of_[i] = frame_of_[start];
                    frame_of_[start] = static_cast<slot_type>(frame);
                    return frame;
                }
            }
            return Frames;
        }

        /// Precondition: `page` is not in the map. O(1) expected, O(Frames) worst case.
        constexpr void insert(std::size_t page, std::size_t frame) noexcept {
            std::size_t i = home(page);
            while (frame_of_[i] != Frames) {
                i = next(i);
            }
            frame_of_[i] = static_cast<slot_type>(frame);
        }

        /// Precondition: `frame` holds `page` in the map. O(1) expected, O(Frames) worst case.
        template <class PageOf>
        constexpr void erase(std::size_t page, std::size_t frame, PageOf page_of) noexcept {
            std::size_t hole = home(page);
            while (frame_of_[hole] != frame) {
                hole = next(hole);
            }
            for (std::size_t i = next(hole); frame_of_[i] != Frames; i = next(i)) {
                const std::size_t wanted = home(page_of(frame_of_[i]));
                if (((i - wanted) & mask) >= ((i - hole) & mask)) {
                    frame_of_[hole] = frame_of_[i];
                    hole = i;
                }
            }
            frame_of_[hole] = static_cast<slot_type>(Frames);
        }

    private:
        static constexpr std::size_t capacity = std::bit_ceil(2 * Frames);
        static constexpr std::size_t mask = capacity - 1;

        /// Neighbouring pages of an aligned group of `capacity` never collide, and strides of the
        /// capacity are spread.
        [[nodiscard]] static constexpr std::size_t home(std::size_t page) noexcept {
            return (page ^ (page >> std::countr_zero(capacity))) & mask;
        }
        [[nodiscard]] static constexpr std::size_t next(std::size_t i) noexcept {
            return (i + 1) & mask;
        }

        std::array<slot_type, capacity> frame_of_;
    };
};

/// Chooses by how many pages there can be, by the type of the storage or else the address width: a
/// table where it takes at most an eighth of the frames' RAM, else a map.
struct automatic_translation {};

} // namespace vmem

#endif
