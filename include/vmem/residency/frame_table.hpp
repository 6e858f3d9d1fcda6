// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_FRAME_TABLE_HPP
#define VMEM_RESIDENCY_FRAME_TABLE_HPP

#include <vmem/config.hpp>
#include <vmem/detail/dirty_ranges.hpp>
#include <vmem/eviction/concept.hpp>

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

/// What is known of one page.
struct page_state {
    bool resident = false;
    bool dirty = false;
    bool pinned = false;
};

/// What `page_cache` knows of its `Frames` frames of `PageSize` bytes: which page is in which, what
/// of it has changed, and how often it is pinned. No I/O, and not the pages themselves. Frame
/// numbers are `0..Frames-1`.
///
/// RAM per frame: a tag of a machine word, 2 bytes of pins, 2 dirty bounds, and what `Eviction` and
/// `Translation` take.
template <class Address, std::size_t PageSize, std::size_t Frames,
          template <std::size_t> class Eviction, class Translation>
class frame_table {
    static_assert((check_eviction_policy<Eviction<Frames>>(), true));
    static_assert(std::has_single_bit(PageSize), "paged: PageSize must be a power of two");
    static_assert(PageSize >= 64, "paged: PageSize must be at least 64 bytes");
    static_assert(Frames >= 1, "paged: needs at least one frame");

    using map_type = typename Translation::template bind<Frames>;
    /// A type that user data hardly ever has: the compiler then knows that an access between a pin
    /// and its release cannot see the count.
    using pin_count = char16_t;

public:
    /// Alignment of raw addresses (bytes): that of the most demanding standard type.
    static constexpr std::size_t frame_alignment = alignof(std::max_align_t);
    /// Takes one instruction after the other, so that each one saved counts; a large one is busy
    /// with the next loads meanwhile.
    static constexpr bool is_small_processor = sizeof(std::size_t) <= sizeof(std::uint32_t);
    /// Pages that can be told apart.
    static constexpr std::size_t max_pages =
        static_cast<std::size_t>(detail::lesser<std::uintmax_t>(
            map_type::max_pages,
            (std::numeric_limits<Address>::max)() / PageSize + std::uintmax_t{1}));
    /// Pins a frame can have at a time; beyond them there is room for those that `->` adds, which
    /// has no error to return.
    static constexpr std::size_t max_pins = (std::numeric_limits<pin_count>::max)() - 255;

    constexpr frame_table() noexcept {
        tags_[Frames] = no_page;
        for (std::size_t frame = 0; frame < Frames; ++frame) {
            empty(frame);
            pins_[frame] = 0;
        }
    }
    frame_table(const frame_table&) = delete;
    frame_table& operator=(const frame_table&) = delete;

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

    /// Records a use of the page in `frame`.
    [[gnu::always_inline]] constexpr void touch(std::size_t frame) noexcept {
        eviction_.on_access(frame);
    }
    /// Records that `count` bytes at a place change. Precondition: they lie in its page.
    [[gnu::always_inline]] constexpr void mark_dirty(frame_place where,
                                                     std::size_t count) noexcept {
        dirty_.mark(where.frame, where.offset, count);
    }
    /// Precondition: the frame has fewer than 65535.
    [[gnu::always_inline]] constexpr void add_pin(std::size_t frame) noexcept { ++pins_[frame]; }
    /// Precondition: the frame is pinned.
    [[gnu::always_inline]] constexpr void unpin(std::size_t frame) noexcept { --pins_[frame]; }
    [[nodiscard]] constexpr std::size_t pins(std::size_t frame) const noexcept {
        return pins_[frame];
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
    /// The frame whose page should leave, or `Frames` if all are pinned. The pages that came last
    /// are spared while another can leave: a loop over the elements of several arrays returns to
    /// each of their pages at once, and policies that evict what was used once first would not let
    /// it.
    [[nodiscard]] constexpr std::size_t victim() noexcept { return choose_victim(false); }
    /// The same of those whose pages can leave without being saved.
    [[nodiscard]] constexpr std::size_t clean_victim() noexcept { return choose_victim(true); }

    /// From now on the empty `frame` holds `page`.
    constexpr void insert(std::size_t page, std::size_t frame) noexcept {
        tags_[frame] = static_cast<tag>(address_of(page));
        map_.insert(page, frame);
        insert_with_key(eviction_, frame, page);
        ++held_;
        if constexpr (spared != 0) {
            const std::size_t oldest = next_newest_;
            newest_[oldest] = static_cast<index>(frame);
            next_newest_ = static_cast<std::uint8_t>((oldest + 1) % spared);
        }
    }
    /// Empties a frame that holds a page.
    constexpr void remove(std::size_t frame) noexcept {
        map_.erase(page_of(tags_[frame]), frame, pages());
        eviction_.on_remove(frame);
        empty(frame);
        --held_;
    }
    /// Takes an empty frame for something that is no page, and gives it back.
    constexpr void borrow(std::size_t frame) noexcept {
        tags_[frame] = lent;
        pins_[frame] = 1;
        ++held_;
    }
    constexpr void give_back(std::size_t frame) noexcept {
        pins_[frame] = 0;
        empty(frame);
        --held_;
    }
    /// Records that a borrowed frame holds a copy of the `count` bytes at `at`.
    constexpr void label_copy(std::size_t frame, address at, std::size_t count) noexcept {
        tags_[frame] = copy_tag(at);
        dirty_.keep(frame, offset_of(at), count - 1);
    }
    /// Bytes in a frame that is so labelled.
    [[nodiscard]] constexpr std::size_t copy_size(std::size_t frame) const noexcept {
        return dirty_.second_kept(frame) + 1;
    }
    /// The frame that holds a copy of the `count` bytes at `at`, and maybe more, or `Frames`.
    /// O(Frames).
    [[nodiscard]] constexpr std::size_t copy_of(address at, std::size_t count) const noexcept {
        for (std::size_t frame = 0; frame < Frames; ++frame) {
            if (tags_[frame] == copy_tag(at) && copy_size(frame) >= count &&
                dirty_.first_kept(frame) == offset_of(at)) {
                return frame;
            }
        }
        return Frames;
    }

    [[nodiscard]] constexpr bool holds_page(std::size_t frame) const noexcept {
        return (tags_[frame] & no_page_mark) == 0;
    }
    /// Precondition: the frame holds a page.
    [[nodiscard]] constexpr address page_address(std::size_t frame) const noexcept {
        return tags_[frame];
    }
    [[nodiscard]] constexpr const auto& dirty() const noexcept { return dirty_; }
    constexpr void mark_clean(std::size_t frame) noexcept { dirty_.clear(frame); }

    /// O(Frames).
    [[nodiscard]] constexpr page_state state_of(std::size_t page) const noexcept {
        for (std::size_t frame = 0; frame < Frames; ++frame) {
            if (tags_[frame] == address_of(page)) {
                return {.resident = true, .dirty = dirty_.any(frame), .pinned = pins_[frame] != 0};
            }
        }
        return {};
    }
    /// O(Frames).
    [[nodiscard]] constexpr std::size_t unpinned_frames() const noexcept {
        std::size_t count = 0;
        for (const pin_count pins : pins_) {
            count += pins == 0 ? 1u : 0u;
        }
        return count;
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

private:
    /// A page address; on machines that are wider than `Address` it can be far from all of them.
    using tag = std::conditional_t<(sizeof(std::size_t) > sizeof(Address)), std::size_t, Address>;
    /// What an empty frame has instead. It is no page address, and far from all where it can be.
    static constexpr tag no_page = sizeof(tag) > sizeof(Address)
                                       ? static_cast<tag>(~((std::numeric_limits<tag>::max)() >> 1))
                                       : (std::numeric_limits<tag>::max)();
    /// What a frame has that is taken for something that is no page.
    static constexpr tag lent = no_page - tag{1};
    /// A bit that both have, and no page address; and no look-up asks for a tag with it.
    static constexpr tag no_page_mark = sizeof(tag) > sizeof(Address) ? no_page : tag{PageSize / 2};

    /// The bits of an address that are those of its page, if it is a multiple of `Align`.
    template <std::size_t Align>
    static constexpr auto aligned_page = static_cast<Address>(~(PageSize - 1) | (Align - 1));

    /// What a frame has that holds a copy of bytes that begin in the page of `at`.
    [[nodiscard]] static constexpr tag copy_tag(address at) noexcept {
        return static_cast<tag>(address_of(page_of(at))) | no_page_mark;
    }

    constexpr void empty(std::size_t frame) noexcept {
        tags_[frame] = no_page;
        dirty_.clear(frame);
    }

    [[nodiscard]] constexpr auto pages() const noexcept {
        return [this](std::size_t frame) { return page_of(tags_[frame]); };
    }

    [[nodiscard]] constexpr std::size_t choose_victim(bool clean) noexcept {
        std::size_t frame = Frames;
        for (const bool spares : {true, false}) {
            if (frame == Frames) {
                frame = eviction_.victim([this, clean, spares](std::size_t slot) {
                    return pins_[slot] == 0 && !(spares && came_last(slot)) &&
                           !(clean && dirty_.any(slot));
                });
            }
        }
        return frame;
    }

    [[nodiscard]] constexpr bool came_last(std::size_t frame) const noexcept {
        for (const index newest : newest_) {
            if (newest == frame) {
                return true;
            }
        }
        return false;
    }

    using index = detail::smallest_uint<Frames - 1>;
    /// Pages that are spared: enough for loops over as many arrays, few enough to leave the policy
    /// its choice.
    static constexpr std::size_t spared = detail::lesser(Frames / 2, 8);

    map_type map_;
    /// One more than frames, never valid, for the guess "none".
    std::array<tag, Frames + 1> tags_;
    Eviction<Frames> eviction_;
    std::array<pin_count, Frames> pins_;
    detail::dirty_ranges<PageSize, Frames> dirty_;
    /// Frames that are not empty.
    std::size_t held_ = 0;
    std::array<index, spared> newest_{};
    std::uint8_t next_newest_ = 0;
};

} // namespace vmem

#endif
