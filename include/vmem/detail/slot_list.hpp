// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_SLOT_LIST_HPP
#define VMEM_DETAIL_SLOT_LIST_HPP

#include <vmem/config.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

/// \file
/// What eviction policies remember of slots `0..Slots-1`: an order (`slot_list`), or only which are
/// held (`slot_set`). Empty is all zero bytes in both, so that a static policy lies in .bss and
/// needs no initial values in flash.
namespace vmem::detail {

/// A doubly linked list of slots. Its links are slot indices, not pointers: 2 * (Slots + 1) indices
/// of one byte each up to 255 slots, of two bytes up to 65535. Copying it copies the order. All
/// operations but `find_from_back` are O(1).
template <std::size_t Slots>
class slot_list {
    static_assert(Slots >= 1, "slot_list: needs at least one slot");

public:
    /// Precondition: `slot` is not in the list.
    constexpr void push_front(std::size_t slot) noexcept {
        const node here = node_of(slot);
        const node front = nodes_[sentinel].toward_back;
        nodes_[here] = {sentinel, front};
        nodes_[front].toward_front = here;
        nodes_[sentinel].toward_back = here;
    }

    /// Precondition: `slot` is in the list.
    constexpr void erase(std::size_t slot) noexcept {
        const links here = nodes_[node_of(slot)];
        nodes_[here.toward_front].toward_back = here.toward_back;
        nodes_[here.toward_back].toward_front = here.toward_front;
    }

    /// Precondition: `slot` is in the list. One comparison where it is in front already.
    constexpr void move_to_front(std::size_t slot) noexcept {
        if (nodes_[sentinel].toward_back == node_of(slot)) {
            return;
        }
        erase(slot);
        push_front(slot);
    }

    /// The slot at the back, or `Slots` where the list is empty.
    [[nodiscard]] constexpr std::size_t back() const noexcept {
        return slot_of(nodes_[sentinel].toward_front);
    }

    /// The neighbour of `slot` on the way from the back to the front, or `Slots` where `slot` is in
    /// front. Precondition: `slot` is in the list.
    [[nodiscard]] constexpr std::size_t toward_front(std::size_t slot) const noexcept {
        return slot_of(nodes_[node_of(slot)].toward_front);
    }

    /// The slot nearest to the back for which `wanted(slot)` is true, or `Slots`. O(Slots).
    template <std::predicate<std::size_t> Wanted>
    [[nodiscard]] constexpr std::size_t find_from_back(Wanted wanted) const noexcept {
        std::size_t slot = back();
        while (slot != Slots && !wanted(slot)) {
            slot = toward_front(slot);
        }
        return slot;
    }

private:
    using node = smallest_uint<Slots>;
    struct links {
        node toward_front;
        node toward_back;
    };

    // Node 0 closes the ring, so that no operation has a special case for an end, and slot s is
    // node s + 1, so that all zero is the empty list.
    static constexpr node sentinel = 0;

    [[nodiscard]] static constexpr node node_of(std::size_t slot) noexcept {
        return static_cast<node>(slot + 1);
    }
    [[nodiscard]] static constexpr std::size_t slot_of(node n) noexcept {
        return n == sentinel ? Slots : n - std::size_t{1};
    }

    std::array<links, Slots + 1> nodes_{};
};

/// A set of slots, one bit each. All operations are O(1).
template <std::size_t Slots>
class slot_set {
    static_assert(Slots >= 1, "slot_set: needs at least one slot");

public:
    constexpr void insert(std::size_t slot) noexcept {
        octets_[slot / 8] = static_cast<std::uint8_t>(octets_[slot / 8] | mask(slot));
    }
    constexpr void erase(std::size_t slot) noexcept {
        octets_[slot / 8] = static_cast<std::uint8_t>(octets_[slot / 8] & ~mask(slot));
    }
    [[nodiscard]] constexpr bool contains(std::size_t slot) const noexcept {
        return (octets_[slot / 8] & mask(slot)) != 0;
    }

private:
    [[nodiscard]] static constexpr unsigned mask(std::size_t slot) noexcept {
        return 1U << (slot % 8);
    }

    std::array<std::uint8_t, (Slots + 7) / 8> octets_{};
};

} // namespace vmem::detail

#endif
