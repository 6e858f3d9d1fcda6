// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_TABLE_HPP
#define VMEM_RESIDENCY_OBJECT_TABLE_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/residency/object_map.hpp>
#include <vmem/residency/object_slot.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace vmem {

/// Where a byte is in RAM: in the object of a slot, so many bytes from its start.
struct object_place {
    std::size_t frame;
    std::size_t offset;
};

/// The slots of the resident objects: which object is in which, where in the arena it lies, how
/// often it is pinned, and which parts of it are unsaved.
///
/// Looking up an address costs O(1), by an open-addressing map from addresses to slots. Of each
/// object up to 16 granules are told apart, each a power of two of bytes, so that what was changed
/// is known to an eighth of its size or better; 12 with arenas of more than 64 KiB, to a sixth.
///
/// RAM: 16 bytes per object at most, with 32-bit addresses and an arena of less than 1 MiB (512 KiB
/// where `default_alignment` is 8); 4 more beyond that.
template <class Address, std::size_t ArenaBytes, std::size_t MaxObjects>
class object_table : public object_granules<object_slot<Address, ArenaBytes, MaxObjects>> {
    static_assert(sizeof(Address) <= sizeof(std::size_t),
                  "resident_objects: address_bits<> is wider than std::size_t");

public:
    using slot_type = object_slot<Address, ArenaBytes, MaxObjects>;
    using object_granules<slot_type>::granules;
    using object_granules<slot_type>::granule_shift;
    using place = object_place;
    static constexpr std::size_t none = MaxObjects;
    /// Bytes with a bit for each slot.
    static constexpr std::size_t bit_bytes = (MaxObjects + 7) / 8;

    // Parts of `slot_type::pins`.
    static constexpr std::uint16_t count_mask = 0x0FFF;
    /// Set from 2048 pins on; only a pin that cannot be refused goes beyond.
    static constexpr std::uint16_t full = 0x0800;
    /// Of a free slot that the eviction policy still holds.
    static constexpr std::uint16_t ranked = 0x1000;
    /// The slot shows bytes of which nobody knows to what object they belong.
    static constexpr std::uint16_t view = 0x2000;
    // What counts only while there are pins, above all others.
    /// One of the pins, or one that was there with one of them, may write.
    static constexpr std::uint16_t writing = 0x4000;
    /// The pin is the only one.
    static constexpr std::uint16_t exclusive = 0x8000;

    constexpr object_table() noexcept {
        static_assert(sizeof(slot_type) > 12 || MaxObjects > 65535 ||
                          sizeof(object_table) <= 16 * (MaxObjects < 7 ? 7 : MaxObjects),
                      "resident_objects: more than 16 bytes for each object");
        // With the one that is no object: nobody may use that either.
        for (std::size_t slot = MaxObjects + 1; slot != 0; --slot) {
            put_free(slot - 1, exclusive);
        }
    }

    [[nodiscard, gnu::always_inline]] slot_type& operator[](std::size_t slot) noexcept {
        return slots_[slot];
    }
    [[nodiscard, gnu::always_inline]] const slot_type& operator[](std::size_t slot) const noexcept {
        return slots_[slot];
    }

    /// The hot path: the object that starts at `at`, or around it the one that `containing` found
    /// last. O(1); may miss what `search` and `containing` find.
    template <std::size_t Size, std::size_t Align>
    [[nodiscard, gnu::always_inline]] bool find(Address at, place& where) const noexcept {
        where.frame = map_.guess(at);
        where.offset = 0;
        if (slots_[where.frame].address != at) {
            const std::size_t recent = recent_;
            where.frame = recent;
            where.offset = std::size_t{at} - slots_[recent].address;
        }
        return reaches<Size, Align>(at, where);
    }
    /// Perhaps the slot of the object that starts at `at`. O(1), one load.
    [[nodiscard, gnu::always_inline]] std::size_t guess(Address at) const noexcept {
        return map_.guess(at);
    }
    /// How far behind the start of the object in a slot `at` is; before it, past its end.
    [[nodiscard, gnu::always_inline]] std::size_t offset_in(std::size_t slot,
                                                            Address at) const noexcept {
        return static_cast<Address>(at - slots_[slot].address);
    }
    /// Whether the `Size` bytes at `at` are `where`, and for `access::write` are all unsaved.
    /// Soonest if the object has `Whole` bytes and all of it is unsaved, and `at` is that of one of
    /// the parts of `Size` bytes of which it consists.
    template <std::size_t Size, std::size_t Align, std::size_t Whole, access How>
    [[nodiscard, gnu::always_inline]] bool has_part(Address at, place where) const noexcept {
        constexpr unsigned all = granules(Whole, 0, Whole);
        if (is_regular<Size, Align, Whole>(where) &&
            (How == access::read || slots_[where.frame].dirty == all)) [[likely]] {
            return true;
        }
        return reaches<Size, Align>(at, where) && (How == access::read || is_unsaved(where, Size));
    }
    /// The slot of the object that starts at `at`, or `none`. O(1) expected.
    [[nodiscard]] std::size_t search(Address at) noexcept { return map_.search(at, address_of()); }
    /// The slot of an object that holds all of `[at, at + count)`, or `none`. O(MaxObjects).
    [[nodiscard]] std::size_t containing(Address at, std::size_t count) noexcept {
        const auto holds = [&](std::size_t slot) {
            const std::size_t offset = std::size_t{at} - slots_[slot].address;
            return offset < slots_[slot].size && count <= slots_[slot].size - offset;
        };
        if (const std::size_t slot = search(at); slot != none && holds(slot)) {
            return slot;
        }
        for (std::size_t slot = recent_, left = MaxObjects; left != 0; --left) {
            if (holds(slot)) {
                recent_ = static_cast<index>(slot);
                return slot;
            }
            slot = slot + 1 < MaxObjects ? slot + 1 : 0;
        }
        return none;
    }
    /// The first slot from `from` on whose object shares a byte with `[at, at + count)`, or `none`.
    [[nodiscard]] std::size_t overlapping(address at, address count,
                                          std::size_t from = 0) const noexcept {
        for (std::size_t slot = from; slot < MaxObjects; ++slot) {
            const address begin = slots_[slot].address;
            if (begin < at + count && at < begin + slots_[slot].size) {
                return slot;
            }
        }
        return none;
    }

    /// The slot that became free last, or `none`. O(1).
    [[nodiscard]] std::size_t free_slot() const noexcept { return free_; }
    /// Takes `free_slot()`, which is not `none`. Precondition: no object starts at `at`.
    void insert(Address at, std::size_t size, std::size_t unit) noexcept {
        const std::size_t slot = free_;
        free_ = static_cast<index>(slots_[slot].place);
        auto& object = slots_[slot];
        object = {};
        object.address = at;
        object.set_size(size);
        object.place = static_cast<decltype(slot_type::place)>(unit);
        enlist(slot);
    }
    /// Precondition: `slot` holds an object. `state` is what `pins` shows until the next `insert`:
    /// `exclusive`, so that whoever takes it for an object finds it pinned, perhaps with `ranked`.
    void remove(std::size_t slot, unsigned state = exclusive) noexcept {
        map_.erase(slots_[slot].address, address_of());
        put_free(slot, state);
    }
    [[nodiscard]] bool holds(std::size_t slot) const noexcept { return slots_[slot].size != 0; }

    [[gnu::always_inline]] void unpin(std::size_t slot) noexcept {
        auto& pins = slots_[slot].pins;
        const unsigned left = pins - 1U;
        pins = static_cast<std::uint16_t>(left);
        if (left >= writing && (left & count_mask) == 0) [[unlikely]] {
            // Nobody is left who might be one of the writers.
            pins = static_cast<std::uint16_t>(left & view);
        }
    }

    /// Whether all of some bytes of an object are unsaved.
    [[nodiscard, gnu::always_inline]] bool is_unsaved(place where,
                                                      std::size_t count) const noexcept {
        const slot_type& object = slots_[where.frame];
        return (granules(object.size, where.offset, count) & ~unsigned{object.dirty}) == 0;
    }
    struct range {
        std::size_t begin = 0;
        std::size_t end = 0;
    };
    /// The first bytes in a row from `from` on that are unsaved; empty if there are none.
    [[nodiscard]] range unsaved(std::size_t slot, std::size_t from) const noexcept {
        const std::size_t size = slots_[slot].size;
        const unsigned shift = granule_shift(size);
        const unsigned left = unsigned{slots_[slot].dirty} >> (from >> shift) << (from >> shift);
        if (from >= size || left == 0) {
            return {};
        }
        const unsigned first = static_cast<unsigned>(std::countr_zero(left));
        const unsigned end = first + static_cast<unsigned>(std::countr_one(left >> first));
        return {.begin = std::size_t{first} << shift,
                .end = detail::lesser(std::size_t{end} << shift, size)};
    }

    /// Takes up the slots as somebody else has filled them.
    void rebuild() noexcept {
        free_ = static_cast<index>(none);
        for (std::size_t slot = MaxObjects; slot-- != 0;) {
            if (holds(slot)) {
                enlist(slot);
            } else {
                put_free(slot, exclusive);
            }
        }
    }

private:
    using index = detail::smallest_uint<MaxObjects>;

    /// Whether one of the parts of `Size` bytes of an object of `Whole` starts at a place.
    template <std::size_t Size, std::size_t Align, std::size_t Whole>
    [[nodiscard, gnu::always_inline]] bool is_regular(place where) const noexcept {
        if constexpr (Whole % Size != 0 || Size % Align != 0) {
            return false;
        } else {
            if (slots_[where.frame].size != Whole) [[unlikely]] {
                return false;
            }
            if constexpr (std::has_single_bit(Whole) && std::has_single_bit(Size)) {
                // One comparison tells that it is within the object, and a multiple.
                return (where.offset & ~(Whole - Size)) == 0;
            } else {
                return where.offset < Whole && where.offset % Size == 0;
            }
        }
    }
    /// Whether the object at a place reaches as far as that, and is aligned there.
    template <std::size_t Size, std::size_t Align>
    [[nodiscard, gnu::always_inline]] bool reaches(Address at, place where) const noexcept {
        const std::size_t size = slots_[where.frame].size;
        return where.offset < size && Size <= size - where.offset &&
               ((std::size_t{at} | where.offset) & (Align - 1)) == 0;
    }

    [[nodiscard]] auto address_of() const noexcept {
        return [this](std::size_t slot) { return slots_[slot].address; };
    }
    void enlist(std::size_t slot) noexcept {
        map_.insert(slots_[slot].address, slot, address_of());
    }
    constexpr void put_free(std::size_t slot, unsigned state) noexcept {
        auto& freed = slots_[slot];
        freed = {};
        freed.pins = static_cast<std::uint16_t>(state);
        freed.place = static_cast<decltype(slot_type::place)>(free_);
        free_ = static_cast<index>(slot);
    }

    /// One more, that is no object, for where the map knows none.
    std::array<slot_type, MaxObjects + 1> slots_;
    index free_ = static_cast<index>(none);
    index recent_ = static_cast<index>(none);
    object_map<Address, MaxObjects> map_;
};

} // namespace vmem

#endif
