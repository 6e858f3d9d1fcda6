// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_ARENA_HPP
#define VMEM_RESIDENCY_OBJECT_ARENA_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/slot_or_error.hpp>
#include <vmem/result.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>

namespace vmem {

/// The RAM that resident objects lie in: `Bytes`, handed out by a RAM allocator in blocks that are
/// named by their place, in units of `default_alignment` bytes from the start. Blocks move together
/// when what is free is in too many pieces.
template <class Allocator, std::size_t Bytes>
class object_arena {
    static_assert((check_ram_allocator<Allocator>(), true));

public:
    static constexpr std::size_t unit = default_alignment;
    /// Larger objects move only where they fit into a gap whole (bytes), unless the allocator
    /// itself can move them.
    static constexpr std::size_t largest_slide = 512;

    object_arena() noexcept { reset(); }
    object_arena(const object_arena&) = delete;
    object_arena& operator=(const object_arena&) = delete;

    /// Forgets all blocks, whatever the RAM held.
    void reset() noexcept {
        ::new (static_cast<void*>(&held_.allocator)) Allocator(std::span<std::byte>(bytes_));
        // The size of all of it may be more than a slot can tell.
        largest_ = detail::lesser(held_.allocator.largest_free(), Bytes - 1);
        first_ = slides_blocks<Allocator> ? 0 : Bytes;
        next_ = 0;
    }

    [[nodiscard, gnu::always_inline]] std::byte* at(std::size_t place) noexcept {
        return bytes_.data() + place * unit;
    }
    [[nodiscard]] const std::byte* at(std::size_t place) const noexcept {
        return bytes_.data() + place * unit;
    }
    /// Of the largest block that an empty arena has room for, less than all of it (bytes).
    [[nodiscard]] std::size_t largest() const noexcept { return largest_; }

    /// The place of a new block. Errors: the allocator's.
    [[nodiscard]] detail::slot_or_error allocate(std::size_t size) noexcept {
        const auto block = held_.allocator.allocate(size, unit);
        if (!block) {
            return failure(block.error());
        }
        return noted(place_of(*block));
    }
    /// Whether the block could be put at a place that is named.
    [[nodiscard]] bool allocate_at(std::size_t place, std::size_t size) noexcept {
        return place <= Bytes / unit && held_.allocator.allocate_at(at(noted(place)), size, unit);
    }
    void deallocate(std::size_t place, std::size_t size) noexcept {
        static_cast<void>(held_.allocator.deallocate(at(place), size, unit));
    }
    /// After the last `allocate_at` of a layout that is built again.
    void settle() noexcept { held_.allocator.sort_free(); }

    /// Whether blocks that lie closer together would leave room for one of `size` bytes.
    [[nodiscard]] bool is_scattered(std::size_t size) const noexcept {
        return held_.allocator.stats().in_use + rounded(size) <= largest_;
    }

    /// Moves the next few objects of `table`, in the order of their places and unless they are
    /// pinned, down over the gaps in front of them, so that what is free gathers behind. After the
    /// last one it starts over. Moves at most `budget` bytes, and returns what is left of that.
    /// O(slots).
    template <class Table>
    [[nodiscard]] std::size_t compact(Table& table, std::size_t budget) noexcept {
        using slot = typename Table::slot_type;
        slot* const end = &table[Table::none];
        std::size_t to = slides_blocks<Allocator> || next_ >= first_ ? next_ : first_;
        // Those with the lowest places from there on.
        std::array<slot*, batch + 1> order;
        order.fill(end);
        for (slot* object = &table[0]; object != end; ++object) {
            if (object->size != 0 && object->place >= to) {
                insert(order, object, end);
            }
        }
        next_ = 0;
        for (slot* const object : std::span(order).template first<batch>()) {
            if (object == end) {
                break;
            }
            const std::size_t size = object->size;
            if (object->place > to && (object->pins & Table::count_mask) == 0 && size <= budget) {
                budget -= size;
                object->place =
                    static_cast<decltype(object->place)>(slide(object->place, to, size));
            }
            to = object->place + rounded(size) / unit;
            next_ = to;
        }
        return budget;
    }

    [[nodiscard]] bool invariants_hold() const noexcept {
        return held_.allocator.invariants_hold();
    }

private:
    static constexpr std::size_t batch = 16;
    /// The allocator, which is made anew, and never destroyed: what that would tidy up ends with
    /// the arena, or was lost with it.
    union maker {
        maker() noexcept {}
        ~maker() {}
        Allocator allocator;
    };

    [[nodiscard]] static constexpr std::size_t rounded(std::size_t size) noexcept {
        return detail::align_up(size, unit);
    }
    [[nodiscard]] std::size_t place_of(const void* block) const noexcept {
        return static_cast<std::size_t>(static_cast<const std::byte*>(block) - bytes_.data()) /
               unit;
    }

    [[nodiscard]] std::size_t noted(std::size_t place) noexcept {
        if (!slides_blocks<Allocator> && place < first_) {
            first_ = place;
        }
        return place;
    }

    /// Into an order by place, if it comes before the last one there.
    template <class Slot>
    static void insert(std::array<Slot*, batch + 1>& order, Slot* object,
                       const Slot* end) noexcept {
        // One more than there are, and what comes there falls off.
        for (std::size_t n = batch; n-- != 0;) {
            if (order[n] != end && order[n]->place < object->place) {
                break;
            }
            order[n + 1] = order[n];
            order[n] = object;
        }
    }

    /// Moves a block to a lower place, with nothing but a gap in between; returns where it is then.
    [[nodiscard]] std::size_t slide(std::size_t from, std::size_t to, std::size_t size) noexcept {
        if constexpr (slides_blocks<Allocator>) {
            return place_of(held_.allocator.slide(at(from), size, unit));
        } else {
            return slide_by_copy(from, to, size);
        }
    }
    [[nodiscard]] std::size_t slide_by_copy(std::size_t from, std::size_t to,
                                            std::size_t size) noexcept {
        const bool is_apart = rounded(size) <= (from - to) * unit;
        if (!is_apart && size > largest_slide) {
            return from;
        }
        // The allocator may write to what is free, and so to the part that both places share.
        std::array<std::byte, largest_slide> copy;
        const std::byte* source = at(from);
        if (!is_apart) {
            source = static_cast<const std::byte*>(std::memcpy(copy.data(), source, size));
            deallocate(from, size);
        }
        if (allocate_at(to, size)) {
            std::memcpy(at(to), source, size);
            if (is_apart) {
                deallocate(from, size);
            }
            return to;
        }
        if (!is_apart) {
            static_cast<void>(allocate_at(from, size));
            std::memcpy(at(from), source, size);
        }
        return from;
    }

    std::size_t largest_;
    /// The lowest place that a block has had; 0 if the allocator finds it by itself.
    std::size_t first_;
    /// Where the next object goes that is moved.
    std::size_t next_;
    maker held_;
    alignas(unit) std::array<std::byte, Bytes> bytes_;
};

} // namespace vmem

#endif
