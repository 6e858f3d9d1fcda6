// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ARROW_HPP
#define VMEM_ARROW_HPP

#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <type_traits>

namespace vmem {

/// What `p->` is until the end of the full expression: the object, pinned in its frame, so that two
/// of them in one expression do not evict each other. Each holds one frame. An object that
/// straddles two pages, or is misaligned, is copied to a frame of its own, and back unless it is
/// const. With a const `T` nothing becomes dirty.
template <class T, class Heap>
class [[nodiscard]] arrow {
    static_assert(sizeof(T) <= Heap::residency_type::page_size,
                  "vptr: T is larger than a page, so '->' has no place to show it whole; use "
                  "member(), or larger pages");
    using address_type = typename Heap::address_type;

public:
    [[gnu::always_inline]] explicit arrow(address_type at) noexcept(Heap::nothrow_access)
        : at_(at), object_(Heap::current().template pin_resident<T>(at, slot_)) {
        if (object_ == nullptr) [[unlikely]] {
            const pinned_bytes held = fetch(at);
            object_ = reinterpret_cast<T*>(held.data);
            slot_ = held.slot;
        }
    }
    [[gnu::always_inline]] ~arrow() noexcept(Heap::nothrow_access) {
        if ((slot_ & copied) != 0) [[unlikely]] {
            finish(reinterpret_cast<std::byte*>(const_cast<std::remove_const_t<T>*>(object_)),
                   slot_, at_);
        } else {
            Heap::current().unpin(slot_);
        }
    }
    arrow(const arrow&) = delete;
    arrow& operator=(const arrow&) = delete;

    [[nodiscard, gnu::always_inline]] T* operator->() const noexcept { return object_; }

private:
    /// Set in a slot that holds a copy.
    static constexpr std::size_t copied = ~(static_cast<std::size_t>(-1) >> 1);

    [[nodiscard, gnu::noinline, gnu::cold]] static pinned_bytes
    fetch(address_type at) noexcept(Heap::nothrow_access) {
        Heap& heap = Heap::current();
        auto held = heap.template pin_elements<T>(at, 1);
        if (!held && (held.error() == errc::not_contiguous || held.error() == errc::misaligned)) {
            held = heap.copy_out(at, sizeof(T));
            if (held) {
                held->slot |= copied;
            }
        }
        if (!held) {
            Heap::fault(held.error(), at);
        }
        return *held;
    }

    [[gnu::noinline, gnu::cold]] static void
    finish(std::byte* data, std::size_t slot, address_type at) noexcept(Heap::nothrow_access) {
        const pinned_bytes copy{.data = data, .size = sizeof(T), .slot = slot & ~copied};
        if constexpr (std::is_const_v<T>) {
            Heap::current().discard(copy);
        } else if (const auto written = Heap::current().put_back(copy, at); !written) {
            Heap::fault(written.error(), at);
        }
    }

    address_type at_;
    std::size_t slot_ = 0;
    T* object_;
};

} // namespace vmem

#endif
