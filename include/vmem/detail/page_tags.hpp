// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_PAGE_TAGS_HPP
#define VMEM_DETAIL_PAGE_TAGS_HPP

#include <vmem/config.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace vmem {

/// Where an address is in RAM.
struct frame_place {
    std::size_t frame;
    /// Bytes from the start of the page.
    std::size_t offset;

    /// Bytes from the start of the first frame. Precondition: `page_size` is a power of two.
    [[nodiscard]] constexpr std::size_t position(std::size_t page_size) const noexcept {
        return (frame * page_size) | offset;
    }
};

namespace detail {

/// Which page is in which of `Frames` frames of `PageSize` bytes. From an address to its frame it
/// is a guess of `Translation`, and a tag that says whether that is right.
template <class Address, std::size_t PageSize, std::size_t Frames, class Translation>
class page_tags {
    static_assert(std::has_single_bit(PageSize), "paged: PageSize must be a power of two");
    static_assert(PageSize >= 64, "paged: PageSize must be at least 64 bytes");
    static_assert(Frames >= 1, "paged: needs at least one frame");

    using map_type = typename Translation::template bind<Frames>;

public:
    /// Alignment of raw addresses (bytes): that of the most demanding standard type.
    static constexpr std::size_t frame_alignment = alignof(std::max_align_t);
    /// Takes one instruction after the other, so that each one saved counts; a large one is busy
    /// with the next loads meanwhile.
    static constexpr bool is_small_processor = sizeof(std::size_t) <= sizeof(std::uint32_t);
    /// Pages that can be told apart.
    static constexpr std::size_t max_pages = static_cast<std::size_t>(lesser<std::uintmax_t>(
        map_type::max_pages, (std::numeric_limits<Address>::max)() / PageSize + std::uintmax_t{1}));

    constexpr page_tags() noexcept { tags_.fill(no_page); }

    /// The hot path: whether an object of `Size` bytes at `at`, a multiple of `Align`, lies in one
    /// resident page; then `where` tells. Anything unusual answers false: not resident, out of
    /// range, null, misaligned, straddling two pages. O(1): two loads and a comparison.
    template <std::size_t Size, std::size_t Align>
    [[nodiscard, gnu::always_inline]] bool find(Address at, frame_place& where) const noexcept {
        static_assert(Align < PageSize && Align <= frame_alignment,
                      "paged: T is aligned more strictly than a page frame; use larger pages or a "
                      "less aligned T");
        if constexpr (is_small_processor && requires { requires map_type::is_exact; }) {
            return find_untagged<Size, Align>(at, where);
        } else {
            return find_tagged<Size, Align>(at, where);
        }
    }

    /// `find` of an exact table: fewest instructions.
    template <std::size_t Size, std::size_t Align>
    [[nodiscard, gnu::always_inline]] bool find_untagged(Address at,
                                                         frame_place& where) const noexcept {
        // What is left of the address is the offset, if the page is in range.
        const std::size_t page = map_type::in_range(page_of(at));
        where = {.frame = map_.guess(page),
                 .offset = static_cast<std::size_t>(at ^ address_of(page))};
        // One comparison: a page that is out of range or in no frame has a position beyond all
        // frames, and rotating moves the low bits of a misaligned one to the top.
        return std::rotr(where.position(PageSize), std::countr_zero(Align)) <
                   Frames * PageSize / Align &&
               (Size == Align || where.offset + Size <= PageSize);
    }
    /// `find` of any translation: shortest way to the data.
    template <std::size_t Size, std::size_t Align>
    [[nodiscard, gnu::always_inline]] bool find_tagged(Address at,
                                                       frame_place& where) const noexcept {
        // The offset comes from the address alone, so that the load of the data waits for the
        // frame's number but not for its tag.
        where = {.frame = map_.guess(page_of(at)), .offset = offset_of(at)};
        if constexpr (Size > Align && sizeof(tag) > sizeof(Address)) {
            // One comparison: what lies below the page, or beyond it, or in no page is far away,
            // and rotating moves the low bits of a misaligned offset to the top, where they are far
            // too.
            const tag distance = at - tags_[where.frame];
            return Size <= PageSize &&
                   std::rotr(distance, std::countr_zero(Align)) <= (PageSize - Size) / Align;
        } else {
            return tags_[where.frame] == (at & aligned_page<Align>) &&
                   (Size == Align || where.offset + Size <= PageSize);
        }
    }

    /// The frame that holds `page`, or `Frames`: what `find` guesses at, for certain.
    [[nodiscard]] constexpr std::size_t search(std::size_t page) noexcept {
        const std::size_t guess = map_.guess(page);
        return tags_[guess] == address_of(page) ? guess : search_on(page);
    }
    /// The same for a page that the guess has missed.
    [[nodiscard]] constexpr std::size_t search_on(std::size_t page) noexcept {
        return map_.search(page, pages());
    }

    /// A frame that holds nothing, or `Frames`. O(1) until a frame has been emptied, else
    /// O(Frames).
    [[nodiscard]] constexpr std::size_t empty_frame() const noexcept {
        // Of one more frame than are held, one is empty.
        std::size_t frame = held_;
        while (tags_[frame] != no_page) {
            --frame;
        }
        return frame;
    }

    [[nodiscard]] constexpr bool holds_page(std::size_t frame) const noexcept {
        return (tags_[frame] & no_page_mark) == 0;
    }
    /// Precondition: the frame holds a page.
    [[nodiscard]] constexpr address page_address(std::size_t frame) const noexcept {
        return tags_[frame];
    }

    [[nodiscard]] static constexpr std::size_t page_of(address at) noexcept {
        return static_cast<std::size_t>(at >> std::countr_zero(PageSize));
    }
    [[nodiscard]] static constexpr address address_of(std::size_t page) noexcept {
        return static_cast<address>(page) << std::countr_zero(PageSize);
    }
    [[nodiscard]] static constexpr std::size_t offset_of(address at) noexcept {
        return static_cast<std::size_t>(at & (PageSize - 1));
    }

protected:
    /// What an empty frame holds from now on: a page; or something that is none.
    constexpr void enter(std::size_t page, std::size_t frame) noexcept {
        tags_[frame] = static_cast<tag>(address_of(page));
        map_.insert(page, frame);
        ++held_;
    }
    constexpr void enter_other(std::size_t frame) noexcept {
        tags_[frame] = lent;
        ++held_;
    }
    /// That is a copy of bytes that begin in the page of `at`.
    constexpr void label(std::size_t frame, address at) noexcept { tags_[frame] = copy_tag(at); }
    [[nodiscard]] constexpr bool has_label(std::size_t frame, address at) const noexcept {
        return tags_[frame] == copy_tag(at);
    }
    [[nodiscard]] constexpr bool holds(std::size_t frame, std::size_t page) const noexcept {
        return tags_[frame] == address_of(page);
    }
    /// The frame, which holds a page, or something else, is empty from now on.
    constexpr void leave(std::size_t frame) noexcept {
        map_.erase(page_of(tags_[frame]), frame, pages());
        leave_other(frame);
    }
    constexpr void leave_other(std::size_t frame) noexcept {
        tags_[frame] = no_page;
        --held_;
    }

private:
    /// A page address; on machines that are wider than `Address` it can be far from all of them.
    using tag = std::conditional_t<(sizeof(std::size_t) > sizeof(Address)), std::size_t, Address>;
    /// What an empty frame has instead. It is no page address, and far from all where it can be.
    static constexpr tag no_page = sizeof(tag) > sizeof(Address)
                                       ? static_cast<tag>(~((std::numeric_limits<tag>::max)() >> 1))
                                       : (std::numeric_limits<tag>::max)();
    /// What a frame has that is taken for something that is no page.
    static constexpr tag lent = static_cast<tag>(no_page ^ 1U);
    /// A bit that both have, and no page address; and no look-up asks for a tag with it.
    static constexpr tag no_page_mark = sizeof(tag) > sizeof(Address) ? no_page : tag{PageSize / 2};

    /// The bits of an address that are those of its page, if it is a multiple of `Align`.
    template <std::size_t Align>
    static constexpr auto aligned_page = static_cast<Address>(~(PageSize - 1) | (Align - 1));

    /// What a frame has that holds a copy of bytes that begin in the page of `at`.
    [[nodiscard]] static constexpr tag copy_tag(address at) noexcept {
        return static_cast<tag>(address_of(page_of(at))) | no_page_mark;
    }

    [[nodiscard]] constexpr auto pages() const noexcept {
        return [this](std::size_t frame) { return page_of(tags_[frame]); };
    }

    map_type map_;
    /// One more than frames, never valid, for the guess "none".
    std::array<tag, Frames + 1> tags_;
    /// Frames that are not empty.
    std::size_t held_ = 0;
};

} // namespace detail
} // namespace vmem

#endif
