// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_FRAME_TABLE_HPP
#define VMEM_RESIDENCY_FRAME_TABLE_HPP

#include <vmem/config.hpp>
#include <vmem/detail/dirty_ranges.hpp>
#include <vmem/detail/page_tags.hpp>
#include <vmem/eviction/concept.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace vmem {

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
class frame_table : public detail::page_tags<Address, PageSize, Frames, Translation> {
    static_assert((check_eviction_policy<Eviction<Frames>>(), true));

    using base = detail::page_tags<Address, PageSize, Frames, Translation>;
    /// A type that user data hardly ever has: the compiler then knows that an access between a pin
    /// and its release cannot see the count.
    using pin_count = char16_t;

public:
    using base::offset_of;

    /// Pins a frame can have at a time; beyond them there is room for those that `->` adds, which
    /// has no error to return.
    static constexpr std::size_t max_pins = (std::numeric_limits<pin_count>::max)() - 255;

    constexpr frame_table() noexcept {
        for (std::size_t frame = 0; frame < Frames; ++frame) {
            dirty_.clear(frame);
        }
    }
    frame_table(const frame_table&) = delete;
    frame_table& operator=(const frame_table&) = delete;

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

    /// The frame whose page should leave, or `Frames` if all are pinned. The pages that came last
    /// are spared while another can leave: a loop over the elements of several arrays returns to
    /// each of their pages at once, and policies that evict what was used once first would not let
    /// it.
    [[nodiscard]] constexpr std::size_t victim() noexcept { return victim_of(0); }
    /// The same of the pages that have not changed.
    [[nodiscard]] constexpr std::size_t unchanged_victim() noexcept { return victim_of(changed); }
    /// A frame whose page can leave without being saved, or `Frames`.
    [[nodiscard]] constexpr std::size_t clean_victim() noexcept { return victim_but(changed); }
    /// Whether a page can come in without another being saved.
    [[nodiscard]] constexpr bool has_room() noexcept {
        return base::empty_frame() != Frames || clean_victim() != Frames;
    }

    /// From now on the empty `frame` holds `page`.
    constexpr void insert(std::size_t page, std::size_t frame) noexcept {
        base::enter(page, frame);
        insert_with_key(eviction_, frame, page);
        if constexpr (spared != 0) {
            const std::size_t oldest = next_newest_;
            newest_[oldest] = static_cast<index>(frame);
            next_newest_ = static_cast<std::uint8_t>((oldest + 1) % spared);
        }
    }
    /// Empties a frame that holds a page.
    constexpr void remove(std::size_t frame) noexcept {
        base::leave(frame);
        eviction_.on_remove(frame);
        dirty_.clear(frame);
    }
    /// Takes an empty frame for something that is no page, and gives it back.
    constexpr void borrow(std::size_t frame) noexcept {
        base::enter_other(frame);
        pins_[frame] = 1;
    }
    constexpr void give_back(std::size_t frame) noexcept {
        base::leave_other(frame);
        pins_[frame] = 0;
        dirty_.clear(frame);
    }
    /// Records that a borrowed frame holds a copy of the `count` bytes at `at`.
    constexpr void label_copy(std::size_t frame, address at, std::size_t count) noexcept {
        base::label(frame, at);
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
            if (base::has_label(frame, at) && copy_size(frame) >= count &&
                dirty_.first_kept(frame) == offset_of(at)) {
                return frame;
            }
        }
        return Frames;
    }

    [[nodiscard]] constexpr const auto& dirty() const noexcept { return dirty_; }
    constexpr void mark_clean(std::size_t frame) noexcept { dirty_.clear(frame); }

    /// O(Frames).
    [[nodiscard]] constexpr page_state state_of(std::size_t page) const noexcept {
        for (std::size_t frame = 0; frame < Frames; ++frame) {
            if (base::holds(frame, page)) {
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

private:
    /// Pages that do not leave besides those that are pinned.
    static constexpr unsigned newest = 1;
    static constexpr unsigned changed = 2;

    [[nodiscard]] constexpr std::size_t victim_of(unsigned spared_kinds) noexcept {
        const std::size_t frame = victim_but(spared_kinds | newest);
        return frame != Frames ? frame : victim_but(spared_kinds);
    }
    [[nodiscard]] constexpr std::size_t victim_but(unsigned spared_kinds) noexcept {
        return eviction_.victim([this, spared_kinds](std::size_t slot) {
            return pins_[slot] == 0 && ((spared_kinds & newest) == 0 || !came_last(slot)) &&
                   ((spared_kinds & changed) == 0 || !dirty_.any(slot));
        });
    }

    [[nodiscard]] constexpr bool came_last(std::size_t frame) const noexcept {
        for (const index each : newest_) {
            if (each == frame) {
                return true;
            }
        }
        return false;
    }

    using index = detail::smallest_uint<Frames - 1>;
    /// Pages that are spared: enough for loops over as many arrays, few enough to leave the policy
    /// its choice.
    static constexpr std::size_t spared = detail::lesser(Frames / 2, 8);

    Eviction<Frames> eviction_;
    std::array<pin_count, Frames> pins_{};
    detail::dirty_ranges<PageSize, Frames> dirty_;
    std::array<index, spared> newest_{};
    std::uint8_t next_newest_ = 0;
};

} // namespace vmem

#endif
