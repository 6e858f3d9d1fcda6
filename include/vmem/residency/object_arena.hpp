// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_ARENA_HPP
#define VMEM_RESIDENCY_OBJECT_ARENA_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>

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
    /// No block's place.
    static constexpr std::size_t nowhere = Bytes;
    /// Larger objects move only where they fit into a gap whole (bytes).
    static constexpr std::size_t largest_slide = 512;

    object_arena() noexcept { reset(); }
    object_arena(const object_arena&) = delete;
    object_arena& operator=(const object_arena&) = delete;

    /// Forgets all blocks, whatever the RAM held.
    void reset() noexcept {
        ::new (static_cast<void*>(&held_.allocator)) Allocator(std::span<std::byte>(bytes_));
        // The size of all of it may be more than a slot can tell.
        largest_ = detail::lesser(held_.allocator.largest_free(), Bytes - 1);
        used_ = 0;
        first_ = next_ = 0;
        if (const auto all = held_.allocator.allocate(largest_)) {
            first_ = next_ = place_of(*all);
            static_cast<void>(held_.allocator.deallocate(*all, largest_, unit));
        }
    }

    [[nodiscard, gnu::always_inline]] std::byte* at(std::size_t place) noexcept {
        return bytes_.data() + place * unit;
    }
    [[nodiscard]] const std::byte* at(std::size_t place) const noexcept {
        return bytes_.data() + place * unit;
    }
    /// Of the largest block that an empty arena has room for, less than all of it (bytes).
    [[nodiscard]] std::size_t largest() const noexcept { return largest_; }
    /// Bytes in all blocks.
    [[nodiscard]] std::size_t used() const noexcept { return used_; }

    /// The place of a new block, or `nowhere`.
    [[nodiscard]] std::size_t allocate(std::size_t size) noexcept {
        const auto block = held_.allocator.allocate(size, unit);
        if (!block) {
            return nowhere;
        }
        used_ += rounded(size);
        return place_of(*block);
    }
    /// Whether the block could be put at a place that is named.
    [[nodiscard]] bool allocate_at(std::size_t place, std::size_t size) noexcept {
        if (place > Bytes / unit || !held_.allocator.allocate_at(at(place), size, unit)) {
            return false;
        }
        used_ += rounded(size);
        return true;
    }
    void deallocate(std::size_t place, std::size_t size) noexcept {
        static_cast<void>(held_.allocator.deallocate(at(place), size, unit));
        used_ -= rounded(size);
    }
    /// After the last `allocate_at` of a layout that is built again.
    void settle() noexcept { held_.allocator.sort_free(); }

    /// Whether blocks that lie closer together would leave room for one of `size` bytes.
    [[nodiscard]] bool is_scattered(std::size_t size) const noexcept {
        return used_ + rounded(size) <= largest_;
    }

    /// Moves the next few objects of `table`, in the order of their places and unless they are
    /// pinned, down over the gaps in front of them, so that what is free gathers behind. After the
    /// last one it starts over. Takes what it moves from `budget` (bytes). O(slots).
    template <class Table>
    void compact(Table& table, std::size_t& budget) noexcept {
        const auto order = next_in_order(table);
        for (std::size_t n = 0; n < order.count; ++n) {
            auto& object = table[order.slots[n]];
            const std::size_t size = object.size;
            if (object.place > next_ && (object.pins & Table::count_mask) == 0 && size <= budget) {
                budget -= size;
                object.place =
                    static_cast<decltype(object.place)>(slide(object.place, next_, size));
            }
            next_ = object.place + rounded(size) / unit;
        }
        if (order.count == 0) {
            next_ = first_;
        }
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
    struct ordered {
        std::array<std::size_t, batch> slots;
        std::size_t count = 0;
    };

    [[nodiscard]] static constexpr std::size_t rounded(std::size_t size) noexcept {
        return detail::align_up(size, unit);
    }
    [[nodiscard]] std::size_t place_of(const void* block) const noexcept {
        return static_cast<std::size_t>(static_cast<const std::byte*>(block) - bytes_.data()) /
               unit;
    }

    /// The objects with the lowest places from `next_` on.
    template <class Table>
    [[nodiscard]] ordered next_in_order(const Table& table) const noexcept {
        ordered found;
        for (std::size_t slot = 0; slot < Table::none; ++slot) {
            if (!table.holds(slot) || table[slot].place < next_) {
                continue;
            }
            if (found.count == batch && table[found.slots[batch - 1]].place < table[slot].place) {
                continue;
            }
            std::size_t n = found.count < batch ? found.count++ : batch - 1;
            for (; n != 0 && table[found.slots[n - 1]].place > table[slot].place; --n) {
                found.slots[n] = found.slots[n - 1];
            }
            found.slots[n] = slot;
        }
        return found;
    }

    /// Moves a block to a lower place, with nothing but a gap in between; returns where it is then.
    [[nodiscard]] std::size_t slide(std::size_t from, std::size_t to, std::size_t size) noexcept {
        if (rounded(size) <= (from - to) * unit) {
            if (!allocate_at(to, size)) {
                return from;
            }
            std::memcpy(at(to), at(from), size);
            deallocate(from, size);
            return to;
        }
        if (size > largest_slide) {
            return from;
        }
        // The allocator may write to what is free, and so to the part that both places share.
        std::array<std::byte, largest_slide> copy;
        std::memcpy(copy.data(), at(from), size);
        deallocate(from, size);
        const bool moved = allocate_at(to, size);
        if (!moved) {
            static_cast<void>(allocate_at(from, size));
        }
        std::memcpy(at(moved ? to : from), copy.data(), size);
        return moved ? to : from;
    }

    alignas(unit) std::array<std::byte, Bytes> bytes_;
    maker held_;
    std::size_t largest_;
    std::size_t used_;
    /// The place of the first block of all.
    std::size_t first_;
    /// Where the next object goes that is moved.
    std::size_t next_;
};

} // namespace vmem

#endif
