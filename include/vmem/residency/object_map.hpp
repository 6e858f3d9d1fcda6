// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_MAP_HPP
#define VMEM_RESIDENCY_OBJECT_MAP_HPP

#include <vmem/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace vmem {

/// Which slot holds the object that starts at an address? An open-addressing map with linear
/// probing (Knuth, TAOCP 3, 6.4, algorithm L) that keeps slots alone, and asks whoever knows
/// for their addresses. One that is found away from its home is swapped into it, so that an object
/// in use is found at the first probe.
///
/// RAM: 15 indices for every 8 slots.
template <class Address, std::size_t Slots>
class object_map {
public:
    constexpr object_map() noexcept { slots_.fill(static_cast<index>(Slots)); }

    /// The slot at the home position of `at`, or `Slots`. O(1), one load.
    [[nodiscard]] constexpr std::size_t guess(Address at) const noexcept {
        return slots_[home(at)];
    }
    /// The slot whose object starts at `at`, or `Slots`. O(1) expected, O(Slots) worst case.
    template <class AddressOf>
    [[nodiscard]] constexpr std::size_t search(Address at, AddressOf address_of) noexcept {
        return slots_[find(at, address_of)];
    }

    /// Precondition: no slot has `at`, and fewer than `Slots` are in the map. O(1) expected,
    /// O(Slots) worst case.
    template <class AddressOf>
    constexpr void insert(Address at, std::size_t slot, AddressOf address_of) noexcept {
        slots_[find(at, address_of)] = static_cast<index>(slot);
    }
    /// Precondition: a slot has `at`. O(1) expected, O(Slots) worst case.
    template <class AddressOf>
    constexpr void erase(Address at, AddressOf address_of) noexcept {
        std::size_t i = find(at, address_of);
        slots_[i] = static_cast<index>(Slots);
        // Whatever follows may have made way for it.
        for (i = next(i); slots_[i] != Slots; i = next(i)) {
            const index follower = slots_[i];
            slots_[i] = static_cast<index>(Slots);
            insert(address_of(follower), follower, address_of);
        }
    }

private:
    using index = detail::smallest_uint<Slots>;
    static_assert(Slots < 0x7FFFFFFF, "resident_objects: more objects than can be told apart");
    static constexpr std::size_t capacity = Slots * 15 / 8 + 1;

    /// Blocks start at multiples of powers of two, often one after the other. Multiples of the
    /// golden ratio lie apart in the unit interval (Knuth, TAOCP 3, 6.4, theorem S).
    [[nodiscard]] static constexpr std::size_t home(Address at) noexcept {
        auto folded = static_cast<std::uint32_t>(at);
        if constexpr (sizeof(Address) > sizeof(folded)) {
            folded ^= static_cast<std::uint32_t>(at >> 32);
        }
        const std::uint32_t fraction = folded * 0x9E3779B1U;
        return static_cast<std::size_t>(std::uint64_t{fraction} * capacity >> 32);
    }
    [[nodiscard]] static constexpr std::size_t next(std::size_t i) noexcept {
        return i + 1 == capacity ? 0 : i + 1;
    }
    /// Where a slot with `at` is, at its home from then on; or where it would be.
    template <class AddressOf>
    [[nodiscard]] constexpr std::size_t find(Address at, AddressOf address_of) noexcept {
        const std::size_t start = home(at);
        std::size_t i = start;
        while (slots_[i] != Slots && address_of(slots_[i]) != at) {
            i = next(i);
        }
        if (slots_[i] == Slots) {
            return i;
        }
        // Every position between is occupied, so the displaced slot stays reachable.
        const index found = slots_[i];
        slots_[i] = slots_[start];
        slots_[start] = found;
        return start;
    }

    std::array<index, capacity> slots_;
};

} // namespace vmem

#endif
