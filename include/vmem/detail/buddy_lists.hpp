// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_BUDDY_LISTS_HPP
#define VMEM_DETAIL_BUDDY_LISTS_HPP

#include <vmem/config.hpp>
#include <vmem/detail/arena.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vmem::detail {

/// The free blocks of a buddy allocator in doubly linked lists, one for each order. A free block
/// starts with links to the next one and the previous one of its list. Granules of `MinBlock`
/// bytes have numbers, counted from anywhere. All operations but `count` are O(1).
template <std::size_t MinBlock>
class buddy_lists {
    /// Offset of a block from `base()`, in the largest unit that an address can be scaled by on
    /// most processors; 0 is none.
    using link = std::uint32_t;
    static constexpr std::size_t unit = 8;
    static constexpr std::size_t units = MinBlock / unit;

public:
    /// Bytes that links reach.
    static constexpr std::uint64_t max_arena = std::uint64_t{unit} << 32;

    /// Room for the heads of the lists of `count` granules, in bytes.
    [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t count) noexcept {
        return static_cast<std::size_t>(std::bit_width(count)) * sizeof(link);
    }

    buddy_lists() noexcept = default;
    /// No block is free. `base` is granule `number`; the heads are in `bytes_for` bytes at `heads`.
    buddy_lists(std::byte* base, std::size_t number, std::byte* heads, std::size_t count) noexcept
        : base_(base), number_(number), heads_(heads) {
        std::memset(heads, 0, bytes_for(count));
    }

    /// No block is in a list. O(log n).
    void clear() noexcept {
        for (; occupied_ != 0; occupied_ &= occupied_ - 1) {
            set_head(static_cast<unsigned>(std::countr_zero(occupied_)), 0);
        }
    }

    [[nodiscard]] std::byte* base() const noexcept { return base_; }
    /// The number of the granule at `base()`.
    [[nodiscard]] std::size_t number() const noexcept { return number_; }
    [[nodiscard]] std::byte* bytes_of(std::size_t at) const noexcept {
        return base_ + (at - number_) * MinBlock;
    }

    /// Bit k is set where a block of order k is free, k >= `order`.
    [[nodiscard]] std::size_t orders_from(unsigned order) const noexcept {
        return occupied_ & (~std::size_t{0} << order);
    }

    [[gnu::always_inline]] void push(std::size_t at, unsigned order) noexcept {
        const link self = link_to(at);
        const link after = head(order);
        set_next(self, after);
        set_previous(self, 0);
        if (after != 0) {
            set_previous(after, self);
        }
        set_head(order, self);
        occupied_ |= std::size_t{1} << order;
    }
    /// Precondition: there is one of that order.
    [[nodiscard, gnu::always_inline]] std::size_t pop(unsigned order) noexcept {
        const link first = head(order);
        remove_first(next(first), order);
        return number_of(first);
    }
    [[gnu::always_inline]] void remove(std::size_t at, unsigned order) noexcept {
        const link self = link_to(at);
        const link after = next(self);
        const link before = previous(self);
        if (before == 0) {
            remove_first(after, order);
            return;
        }
        set_next(before, after);
        if (after != 0) {
            set_previous(after, before);
        }
    }

    /// Number of blocks in the lists of orders below `orders`, if heads, links and bits agree and
    /// `is_right(block, order)` holds for each; else -1.
    template <class Predicate>
    [[nodiscard]] std::ptrdiff_t count(unsigned orders, Predicate is_right) const noexcept {
        std::ptrdiff_t counted = 0;
        for (unsigned order = 0; order < orders; ++order) {
            link before = 0;
            link self = head(order);
            if ((self != 0) != ((occupied_ >> order & 1) != 0)) {
                return -1;
            }
            while (self != 0) {
                if (self % units != 0 || !is_right(number_of(self), order) ||
                    previous(self) != before) {
                    return -1;
                }
                ++counted;
                before = self;
                self = next(self);
            }
        }
        return counted;
    }

private:
    [[nodiscard]] link link_to(std::size_t at) const noexcept {
        return static_cast<link>((at - number_) * units);
    }
    [[nodiscard]] std::size_t number_of(link to) const noexcept { return to / units + number_; }

    [[nodiscard]] std::byte* target(link to) const noexcept {
        return base_ + std::size_t{to} * unit;
    }
    [[nodiscard]] link next(link of) const noexcept { return load<link>(target(of)); }
    [[nodiscard]] link previous(link of) const noexcept {
        return load<link>(target(of) + sizeof(link));
    }
    [[nodiscard]] link head(unsigned order) const noexcept {
        return load<link>(heads_ + order * sizeof(link));
    }
    void set_next(link of, link to) const noexcept { store(target(of), to); }
    void set_previous(link of, link to) const noexcept { store(target(of) + sizeof(link), to); }
    void set_head(unsigned order, link to) const noexcept {
        store(heads_ + order * sizeof(link), to);
    }

    [[gnu::always_inline]] void remove_first(link after, unsigned order) noexcept {
        set_head(order, after);
        if (after != 0) {
            set_previous(after, 0);
        } else {
            occupied_ &= ~(std::size_t{1} << order);
        }
    }

    std::byte* base_ = nullptr;
    std::size_t number_ = 0;
    std::byte* heads_ = nullptr;
    /// Which lists are not empty.
    std::size_t occupied_ = 0;
};

} // namespace vmem::detail

#endif
