// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_SLOT_HPP
#define VMEM_RESIDENCY_OBJECT_SLOT_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace vmem {

namespace detail {

/// Units of `default_alignment` bytes from the start of the arena, or a slot.
template <std::size_t ArenaBytes, std::size_t MaxObjects>
using object_unit = smallest_uint<(
    ArenaBytes / default_alignment > MaxObjects ? ArenaBytes / default_alignment : MaxObjects)>;

template <class Address, std::size_t ArenaBytes, std::size_t MaxObjects>
struct plain_slot {
    /// Parts of an object that are told apart.
    static constexpr unsigned granules = 16;

    Address address;
    smallest_uint<ArenaBytes - 1> size;
    object_unit<ArenaBytes, MaxObjects> place;
    std::uint16_t pins;
    std::uint16_t dirty;

    constexpr void set_size(std::size_t bytes) noexcept {
        size = static_cast<decltype(size)>(bytes);
    }
    constexpr void set_dirty(unsigned parts) noexcept { dirty = static_cast<std::uint16_t>(parts); }
};

/// For arenas that are a little too large: fewer granules, and larger sizes instead.
template <class Address, std::size_t ArenaBytes, std::size_t MaxObjects>
struct packed_slot {
    static constexpr unsigned granules = 12;

    Address address;
    std::uint32_t size : 20;
    std::uint32_t dirty : granules;
    object_unit<ArenaBytes, MaxObjects> place;
    std::uint16_t pins;

    constexpr void set_size(std::size_t bytes) noexcept { size = bytes & 0xFFFFF; }
    constexpr void set_dirty(unsigned parts) noexcept { dirty = parts & 0xFFF; }
};

} // namespace detail

/// What is known of one resident object; a persist saves it as it is:
/// - `address`: 0 in a free slot;
/// - `size`: bytes; 0 in a free slot;
/// - `place`: units of `default_alignment` bytes from the start of the arena; in a free slot, the
///   next free one;
/// - `pins`: see `object_table`;
/// - `dirty`: a bit for each granule that is unsaved.
template <class Address, std::size_t ArenaBytes, std::size_t MaxObjects>
using object_slot = std::conditional_t<(ArenaBytes > 0x10000 && ArenaBytes <= 0x100000 &&
                                        sizeof(detail::object_unit<ArenaBytes, MaxObjects>) == 2),
                                       detail::packed_slot<Address, ArenaBytes, MaxObjects>,
                                       detail::plain_slot<Address, ArenaBytes, MaxObjects>>;

/// The granules of an object, each a power of two of bytes: what of it is unsaved is known to
/// these. All are a bit in `Slot::dirty`.
template <class Slot>
struct object_granules {
    /// Of an object, at most.
    static constexpr unsigned most_granules = Slot::granules;

    /// Objects of up to as many bytes as there are granules have granules of one byte.
    [[nodiscard, gnu::always_inline]] static constexpr unsigned
    granule_shift(std::size_t size) noexcept {
        const int beyond = static_cast<int>(std::bit_width(size - 1)) - 4;
        const auto shift = static_cast<unsigned>(beyond > 0 ? beyond : 0);
        if constexpr (most_granules < 16) {
            return (size - 1) >> shift < most_granules ? shift : shift + 1;
        } else {
            return shift;
        }
    }

    /// The granules that `[first, first + count)` of an object of `size` bytes touches.
    /// Precondition: that is within it, and `count` is not 0.
    [[nodiscard, gnu::always_inline]] static constexpr unsigned
    granules(std::size_t size, std::size_t first, std::size_t count) noexcept {
        const unsigned shift = granule_shift(size);
        // There are no more than 16 bits: no shift goes too far, whatever the caller got wrong.
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
        return sizeof(Slot) + (std::size_t{count_of(granules)} << shift) -
               (granules >> last != 0 ? beyond : 0);
    }

private:
    /// `std::popcount` of 16 bits, which is a library call on processors that have none.
    [[nodiscard]] static constexpr unsigned count_of(unsigned granules) noexcept {
        const unsigned pairs = granules - (granules >> 1 & 0x55555555);
        const unsigned fours = (pairs & 0x33333333) + (pairs >> 2 & 0x33333333);
        const unsigned eights = (fours + (fours >> 4)) & 0x0F0F0F0F;
        return (eights + (eights >> 8)) & 0xFF;
    }
};

} // namespace vmem

#endif
