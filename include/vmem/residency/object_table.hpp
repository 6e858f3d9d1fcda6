// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_TABLE_HPP
#define VMEM_RESIDENCY_OBJECT_TABLE_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/residency/translation.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vmem {

/// Where a byte is in RAM: in the object of a slot, so many bytes from its start.
struct object_place {
    std::size_t frame;
    std::size_t offset;
};

/// What is known of one resident object; a persist saves it as it is.
template <class Address, std::size_t ArenaBytes, std::size_t MaxObjects>
struct object_slot {
    /// 0 in a free slot.
    Address address;
    /// Bytes; 0 in a free slot.
    detail::smallest_uint<ArenaBytes - 1> size;
    /// Units of `default_alignment` bytes from the start of the arena; in a free slot, the next
    /// free one.
    detail::smallest_uint<(
        ArenaBytes / default_alignment > MaxObjects ? ArenaBytes / default_alignment : MaxObjects)>
        place;
    /// See `object_table`.
    std::uint16_t pins;
    /// A bit for each granule that is unsaved.
    std::uint16_t dirty;
};

/// The slots of the resident objects: which object is in which, where in the arena it lies, how
/// often it is pinned, and which parts of it are unsaved.
///
/// Looking up an address costs O(1), by an open-addressing map from addresses to slots. Of each
/// object 16 granules are told apart, each a power of two of bytes, so that what was changed is
/// known to a sixteenth of its size or better.
template <class Address, std::size_t ArenaBytes, std::size_t MaxObjects>
class object_table {
    static_assert(sizeof(Address) <= sizeof(std::size_t),
                  "resident_objects: address_bits<> is wider than std::size_t");

public:
    using slot_type = object_slot<Address, ArenaBytes, MaxObjects>;
    using place = object_place;
    static constexpr std::size_t none = MaxObjects;

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
        slots_[none].pins = exclusive;
        for (std::size_t slot = MaxObjects; slot != 0; --slot) {
            put_free(slot - 1, 0);
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
        where.frame = map_.guess(key(at));
        where.offset = 0;
        if (slots_[where.frame].address != at) {
            const std::size_t recent = recent_;
            where.frame = recent;
            where.offset = std::size_t{at} - slots_[recent].address;
        }
        const std::size_t size = slots_[where.frame].size;
        return where.offset < size && Size <= size - where.offset &&
               ((std::size_t{at} | where.offset) & (Align - 1)) == 0;
    }
    /// The slot of the object that starts at `at`, or `none`. O(1) expected.
    [[nodiscard]] std::size_t search(Address at) noexcept { return map_.search(key(at), key_of()); }
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
        slots_[slot] = {.address = at,
                        .size = static_cast<decltype(slot_type::size)>(size),
                        .place = static_cast<decltype(slot_type::place)>(unit),
                        .pins = 0,
                        .dirty = 0};
        enlist(slot);
    }
    /// Precondition: `slot` holds an object. `state` is what `pins` shows until the next `insert`.
    void remove(std::size_t slot, std::uint16_t state) noexcept {
        map_.erase(key(slots_[slot].address), slot, key_of());
        held_[slot / 8] = static_cast<std::uint8_t>(held_[slot / 8] & ~(1U << slot % 8));
        put_free(slot, state);
    }
    [[nodiscard]] bool holds(std::size_t slot) const noexcept { return slots_[slot].size != 0; }

    [[gnu::always_inline]] void unpin(std::size_t slot) noexcept {
        const unsigned left = slots_[slot].pins - 1U;
        slots_[slot].pins = static_cast<std::uint16_t>(left);
        if (left >= writing) [[unlikely]] {
            forget_writers(slot);
        }
    }

    /// The granules that `[first, first + count)` of an object of `size` bytes touches.
    /// Precondition: that is within it, and `count` is not 0.
    [[nodiscard, gnu::always_inline]] static constexpr unsigned
    granules(std::size_t size, std::size_t first, std::size_t count) noexcept {
        const unsigned shift = granule_shift(size);
        // There are no more than 16: no shift goes too far, whatever the caller got wrong.
        const std::size_t begin = (first >> shift) % 16;
        const std::size_t end = ((first + count - 1) >> shift) % 16;
        return (2U << end) - (1U << begin);
    }
    /// What it costs to have some granules of such an object unsaved: their bytes and the slot.
    [[nodiscard]] static constexpr std::size_t cost(std::size_t size, unsigned granules) noexcept {
        if (granules == 0) {
            return 0;
        }
        const unsigned shift = granule_shift(size);
        const std::size_t last = (size - 1) >> shift;
        const std::size_t beyond = ((last + 1) << shift) - size;
        return sizeof(slot_type) + (static_cast<std::size_t>(std::popcount(granules)) << shift) -
               ((granules >> last & 1) != 0 ? beyond : 0);
    }
    struct range {
        std::size_t begin;
        std::size_t end;
    };
    /// The first bytes in a row from `from` on that are unsaved; empty if there are none.
    [[nodiscard]] range unsaved(std::size_t slot, std::size_t from) const noexcept {
        const std::size_t size = slots_[slot].size;
        const unsigned shift = granule_shift(size);
        const unsigned left = unsigned{slots_[slot].dirty} >> (from >> shift) << (from >> shift);
        if (from >= size || left == 0) {
            return {.begin = size, .end = size};
        }
        const unsigned first = static_cast<unsigned>(std::countr_zero(left));
        const unsigned end = first + static_cast<unsigned>(std::countr_one(left >> first));
        return {.begin = std::size_t{first} << shift,
                .end = detail::lesser(std::size_t{end} << shift, size)};
    }

    /// A bit for each slot that holds an object.
    [[nodiscard]] std::span<const std::uint8_t> held() const noexcept { return held_; }
    [[nodiscard]] bool is_held(std::size_t slot) const noexcept {
        return (held_[slot / 8] >> slot % 8 & 1) != 0;
    }
    /// For a layout that is built again: which slots hold objects. The slots themselves come next,
    /// then `rebuild`.
    [[nodiscard]] std::span<std::uint8_t> held_to_rebuild() noexcept { return held_; }
    void rebuild() noexcept {
        free_ = static_cast<index>(none);
        for (std::size_t slot = MaxObjects; slot-- != 0;) {
            if (is_held(slot)) {
                enlist(slot);
            } else {
                put_free(slot, 0);
            }
        }
    }

private:
    using index = detail::smallest_uint<MaxObjects>;

    /// Blocks start at multiples of powers of two. A product with an odd number tells them apart as
    /// well as their addresses do, and in all of its higher bits.
    [[nodiscard]] static constexpr std::size_t key(Address at) noexcept {
        return std::size_t{at} * 0x9E3779B1U;
    }
    [[nodiscard]] auto key_of() const noexcept {
        return [this](std::size_t slot) { return key(slots_[slot].address); };
    }
    /// Objects of up to 16 bytes have granules of one byte.
    [[nodiscard, gnu::always_inline]] static constexpr unsigned
    granule_shift(std::size_t size) noexcept {
        const auto width = static_cast<unsigned>(std::bit_width(size - 1));
        return width > 4 ? width - 4 : 0;
    }

    /// If nobody is left who might be one.
    [[gnu::noinline]] void forget_writers(std::size_t slot) noexcept {
        if ((slots_[slot].pins & count_mask) == 0) {
            slots_[slot].pins &= view;
        }
    }

    void enlist(std::size_t slot) noexcept {
        held_[slot / 8] = static_cast<std::uint8_t>(held_[slot / 8] | 1U << slot % 8);
        map_.insert(key(slots_[slot].address), slot);
    }
    constexpr void put_free(std::size_t slot, std::uint16_t state) noexcept {
        slots_[slot] = {.address = 0,
                        .size = 0,
                        .place = static_cast<decltype(slot_type::place)>(free_),
                        // So that whoever takes it for an object finds it pinned.
                        .pins = static_cast<std::uint16_t>(state | exclusive),
                        .dirty = 0};
        free_ = static_cast<index>(slot);
    }

    page_map::bind<MaxObjects> map_;
    /// One more, that is no object, for where the map knows none.
    std::array<slot_type, MaxObjects + 1> slots_{};
    std::array<std::uint8_t, (MaxObjects + 7) / 8> held_{};
    index free_ = static_cast<index>(none);
    index recent_ = static_cast<index>(none);
};

} // namespace vmem

#endif
