// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_UNIQUE_VPTR_HPP
#define VMEM_UNIQUE_VPTR_HPP

#include <vmem/config.hpp>
#include <vmem/detail/raw_object.hpp>
#include <vmem/detail/slot_or_error.hpp>
#include <vmem/fwd.hpp>
#include <vmem/pin.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>
#include <vmem/vptr.hpp>

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

namespace vmem {

namespace detail {

/// Elements behind a handle: 1, or as many as fit the arena.
template <class T, class Heap>
struct object_count {
    explicit constexpr object_count(std::size_t) noexcept {}
    [[nodiscard]] static constexpr std::size_t get() noexcept { return 1; }
};
template <class T, class Heap>
struct object_count<T[], Heap> {
    explicit constexpr object_count(std::size_t count) noexcept
        : value(static_cast<decltype(value)>(count)) {}
    [[nodiscard]] constexpr std::size_t get() const noexcept { return value; }
    smallest_uint<(Heap::residency_type::arena_bytes - 1) / sizeof(T)> value;
};

/// What a heap gives a `unique_vptr` to own.
struct owned_object {
    address at;
    /// Elements.
    std::size_t count;
    std::size_t slot;
};

/// What a `unique_vptr` is, whatever it owns: an address, and the slot in which that was resident
/// last.
template <class Heap>
class object_handle {
protected:
    using residency = typename Heap::residency_type;
    using slot_type = smallest_uint<residency::frame_count>;

    constexpr object_handle() noexcept = default;
    constexpr object_handle(address at, std::size_t slot) noexcept
        : at_(static_cast<typename Heap::address_type>(at)), slot_(static_cast<slot_type>(slot)) {}

    /// Pins `count` bytes of all `size`, from `first` on, and returns the slot.
    [[nodiscard, gnu::noinline]] slot_or_error
    fetched(Heap& heap, std::size_t size, std::size_t first, std::size_t count, access how) const {
        const auto slot = heap.pin_object(at_, size, {.offset = first, .size = count}, how);
        if (slot) {
            slot_ = static_cast<slot_type>(*slot);
        }
        return slot;
    }

    typename Heap::address_type at_ = 0;
    mutable slot_type slot_ = residency::frame_count;
};

} // namespace detail

/// Owns a `T`, or with `T[]` an array, in the memory of a heap with `resident_objects`; made by
/// `make_unique` and `adopt`. It may not itself be stored in virtual memory: what it holds is an
/// address, and the slot in which the object was resident last, so that finding it there takes one
/// comparison.
///
/// An object that is not resident is loaded by the first access: at most `worst_case_access`.
/// Without a heap of the type alive, each access is a fault, no_heap.
template <class T, class Heap>
class unique_vptr : detail::object_handle<Heap> {
    using base = detail::object_handle<Heap>;
    using base::at_;
    using base::slot_;

public:
    using element_type = std::remove_extent_t<T>;
    using pointer = vptr<element_type, Heap>;
    /// Whether it owns an array.
    static constexpr bool is_array = std::is_array_v<T>;

    /// Owns nothing.
    constexpr unique_vptr() noexcept = default;
    constexpr unique_vptr(std::nullptr_t) noexcept {}
    /// For the heap.
    constexpr explicit unique_vptr(const detail::owned_object& owned) noexcept
        : base(owned.at, owned.slot), count_(owned.count) {}
    constexpr unique_vptr(unique_vptr&& other) noexcept
        : base(std::exchange(other.at_, 0), other.slot_), count_(other.count_) {}
    constexpr unique_vptr& operator=(unique_vptr&& other) noexcept {
        unique_vptr taken(std::move(other));
        swap(*this, taken);
        return *this;
    }
    /// As `reset`, without telling whether that succeeded. What outlives its heap stays on the
    /// storage.
    // NOLINTNEXTLINE(bugprone-exception-escape): whoever lets faults throw ends the program here
    constexpr ~unique_vptr() {
        if (at_ != 0) {
            end();
        }
    }
    friend constexpr void swap(unique_vptr& a, unique_vptr& b) noexcept {
        std::swap(a.at_, b.at_);
        std::swap(a.slot_, b.slot_);
        std::swap(a.count_, b.count_);
    }

    [[nodiscard]] constexpr explicit operator bool() const noexcept { return at_ != 0; }
    /// Elements; 1 unless it is an array, 0 when it owns nothing.
    [[nodiscard]] constexpr std::size_t size() const noexcept {
        return at_ != 0 ? count_.get() : 0;
    }
    /// A plain pointer to the first element. It may be stored in virtual memory; it owns nothing.
    [[nodiscard]] constexpr pointer address() const noexcept { return pointer::from_address(at_); }

    /// Pins the object for reading. Any number of these may be held at a time. Errors:
    /// null_pointer; pinned (for writing); no_free_frame (what is pinned leaves no room in RAM);
    /// not_open; the storage's. Resident: O(1), no call.
    [[nodiscard, gnu::always_inline]] result<pin<const element_type, Heap>> read() const {
        return pinned<const element_type>(0, count_.get());
    }
    /// The same for `[first, first + count)` of an array. Errors also: out_of_range, zero_size.
    [[nodiscard]] result<pin<const element_type, Heap>> read(std::size_t first,
                                                             std::size_t count) const
        requires is_array
    {
        return part<const element_type>(first, count);
    }
    /// Pins the object for writing; all of it counts as unsaved. Errors: as `read`; pinned (at
    /// all); over_dirty_limit, and then nothing has changed.
    [[nodiscard]] result<pin<element_type, Heap>> write() {
        return pinned<element_type>(0, count_.get());
    }
    /// The same for `[first, first + count)` of an array: only these count as unsaved.
    [[nodiscard]] result<pin<element_type, Heap>> write(std::size_t first, std::size_t count)
        requires is_array
    {
        return part<element_type>(first, count);
    }

    /// A copy. Errors: as `read`.
    [[nodiscard]] result<element_type> get() const
        requires(!is_array)
    {
        const auto held = read();
        return held ? result<element_type>(**held) : failure(held.error());
    }
    /// A copy of an element. Errors: as `read`.
    [[nodiscard]] result<element_type> get(std::size_t index) const
        requires is_array
    {
        const auto held = read(index, 1);
        return held ? result<element_type>(**held) : failure(held.error());
    }
    /// Assigns. Errors: as `write`.
    [[nodiscard]] result<void> set(const element_type& value)
        requires(!is_array)
    {
        return assign(write(), value);
    }
    /// Assigns to an element. Errors: as `write`.
    [[nodiscard]] result<void> set(std::size_t index, const element_type& value)
        requires is_array
    {
        return assign(write(index, 1), value);
    }

    /// Whether it is in RAM. O(1).
    [[nodiscard]] bool is_resident() const { return Heap::current().state_of(at_).resident; }
    /// Whether a part of it is unsaved. O(1).
    [[nodiscard]] bool is_dirty() const { return Heap::current().state_of(at_).dirty; }
    /// Writes what is unsaved of it to the storage, which is not synced. While it is pinned for
    /// writing it stays unsaved all the same. Errors: the storage's.
    [[nodiscard]] result<void> flush() { return Heap::current().save_object(at_); }
    /// Makes it leave RAM. Errors: pinned, the storage's.
    [[nodiscard]] result<void> unload() { return Heap::current().unload_object(at_); }

    /// Gives up the object without destroying it.
    [[nodiscard]] constexpr pointer release() noexcept {
        return pointer::from_address(std::exchange(at_, 0));
    }
    /// Destroys the object, in RAM and on the storage. A destructor that does anything sees a copy,
    /// element by element. Errors: pinned; those of `read` if there is such a destructor; those of
    /// the allocator. Then the object is as it was, unless the destructor has run: then its room is
    /// lost.
    [[nodiscard]] result<void> reset() {
        if (at_ == 0) {
            return {};
        }
        constexpr bool is_trivial = std::is_trivially_destructible_v<element_type>;
        if constexpr (!is_trivial) {
            if (Heap::current().state_of(at_).pinned) {
                return failure(errc::pinned);
            }
            const auto held = read();
            if (!held) {
                return failure(held.error());
            }
            for (const element_type& element : *held) {
                detail::raw_object<element_type> copy;
                std::memcpy(copy.bytes().data(), static_cast<const void*>(&element),
                            sizeof(element_type));
                copy.get().~element_type();
            }
        }
        Heap& heap = Heap::current();
        if constexpr (is_trivial) {
            const auto freed = heap.end_object(at_, count_.get() * sizeof(element_type));
            if (freed) {
                at_ = 0;
            }
            return freed;
        } else {
            return heap.end_object(std::exchange(at_, 0), count_.get() * sizeof(element_type));
        }
    }

private:
    void end() {
        if (Heap::alive()) {
            static_cast<void>(reset());
        }
    }
    template <class U>
    [[nodiscard]] result<pin<U, Heap>> part(std::size_t first, std::size_t count) const {
        if (first > count_.get() || count > count_.get() - first) {
            return failure(errc::out_of_range);
        }
        return count != 0 ? pinned<U>(first, count) : failure(errc::zero_size);
    }
    template <class U>
    [[nodiscard, gnu::always_inline]] result<pin<U, Heap>> pinned(std::size_t first,
                                                                  std::size_t count) const {
        constexpr access how = std::is_const_v<U> ? access::read : access::write;
        const std::size_t offset = first * sizeof(U);
        const std::size_t size = count * sizeof(U);
        Heap& heap = Heap::current();
        std::size_t slot = slot_;
        std::byte* data = how == access::read ? heap.pin_known(slot, at_) : nullptr;
        if (data == nullptr) [[unlikely]] {
            const auto pinned = this->fetched(heap, count_.get() * sizeof(U), offset, size, how);
            if (!pinned) {
                return failure(pinned.error());
            }
            slot = static_cast<typename base::slot_type>(*pinned);
            data = heap.residency().raw(slot);
        }
        // In place: to move a pin takes giving one back.
        return result<pin<U, Heap>>(
            pinned_bytes{.data = data + offset, .size = size, .slot = slot});
    }
    [[nodiscard]] static result<void> assign(const result<pin<element_type, Heap>>& to,
                                             const element_type& value) {
        if (!to) {
            return failure(to.error());
        }
        **to = value;
        return {};
    }

    [[no_unique_address]] detail::object_count<T, Heap> count_{0};
};

} // namespace vmem

#endif
