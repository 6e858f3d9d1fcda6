// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ARROW_HPP
#define VMEM_ARROW_HPP

#include <vmem/detail/raw_object.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <span>
#include <type_traits>

namespace vmem {

/// What `p->` is until the end of the full expression: the object, pinned in its frame, so that two
/// of them in one expression do not evict each other. Each holds one frame. An object that
/// straddles two pages is copied out, and back when it is not const. With a const `T` nothing
/// becomes dirty.
template <class T, class Heap>
class [[nodiscard]] arrow {
    using value_type = std::remove_const_t<T>;
    using address_type = typename Heap::address_type;

public:
    [[gnu::always_inline]] explicit arrow(address_type at) noexcept(Heap::nothrow_access)
        : object_(Heap::current().template pin_resident<T>(at, slot_)) {
        if (object_ == nullptr) [[unlikely]] {
            object_ = fetch(at, slot_, copy_);
        }
    }
    [[gnu::always_inline]] ~arrow() noexcept(Heap::nothrow_access) {
        if (slot_ == copied) [[unlikely]] {
            put_back();
        } else {
            Heap::current().unpin(slot_);
        }
    }
    arrow(const arrow&) = delete;
    arrow& operator=(const arrow&) = delete;

    [[nodiscard]] T* operator->() const noexcept { return object_; }

private:
    struct straddling {
        address_type at;
        detail::raw_object<value_type> object;
    };
    static constexpr std::size_t copied = static_cast<std::size_t>(-1);

    [[nodiscard, gnu::noinline, gnu::cold]] static T*
    fetch(address_type at, std::size_t& slot, straddling& copy) noexcept(Heap::nothrow_access) {
        Heap& heap = Heap::current();
        const auto held = heap.template pin_elements<T>(at, 1);
        if (held) {
            slot = held->slot;
            return reinterpret_cast<T*>(held->data);
        }
        if (held.error() != errc::not_contiguous && held.error() != errc::misaligned) {
            Heap::fault(held.error(), at);
        }
        if (const auto read = heap.read(at, copy.object.bytes()); !read) {
            Heap::fault(read.error(), at);
        }
        slot = copied;
        copy.at = at;
        return &copy.object.get();
    }

    [[gnu::noinline, gnu::cold]] void put_back() noexcept(Heap::nothrow_access) {
        if constexpr (!std::is_const_v<T>) {
            if (const auto written = Heap::current().write(copy_.at, copy_.object.bytes());
                !written) {
                Heap::fault(written.error(), copy_.at);
            }
        }
    }

    std::size_t slot_;
    T* object_;
    straddling copy_;
};

} // namespace vmem

#endif
