// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ANY_PTR_HPP
#define VMEM_ANY_PTR_HPP

#include <vmem/any_ref.hpp>
#include <vmem/arrow.hpp>
#include <vmem/fwd.hpp>
#include <vmem/vptr.hpp>

#include <compare>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <new>
#include <type_traits>

namespace vmem {

namespace detail {

/// The iterator vocabulary of an `any_ptr<T>`; nothing for void.
template <class T, class Heap>
struct any_ptr_types {
    using value_type = std::remove_const_t<T>;
    using reference = any_ref<T, Heap>;
    using iterator_category = std::random_access_iterator_tag;
    using iterator_concept = std::random_access_iterator_tag;
};
template <class T, class Heap>
    requires std::is_void_v<T>
struct any_ptr_types<T, Heap> {
    using reference = void;
};

/// What `p->` is until the end of the full expression: the raw pointer, or the `arrow` of the
/// virtual one.
template <class T, class Heap>
class [[nodiscard]] any_arrow {
public:
    explicit any_arrow(any_ptr<T, Heap> p) noexcept(Heap::nothrow_access) : raw_(p.raw()) {
        if (raw_ == nullptr) {
            ::new (static_cast<void*>(&held)) arrow<T, Heap>(p.virt().to_address());
        }
    }
    ~any_arrow() noexcept(Heap::nothrow_access) {
        if (raw_ == nullptr) {
            held.~arrow();
        }
    }
    any_arrow(const any_arrow&) = delete;
    any_arrow& operator=(const any_arrow&) = delete;

    [[nodiscard]] T* operator->() const noexcept {
        return raw_ != nullptr ? raw_ : held.operator->();
    }

private:
    T* raw_;
    union {
        arrow<T, Heap> held;
    };
};

} // namespace detail

/// A `vptr<T, Heap>` or a raw `T*`, decided at run time: for functions that take both. Converts
/// implicitly from either. It behaves like a `T*` and is a random access iterator whose reference
/// is the proxy `any_ref<T>`. Trivially copyable, the size of both pointers; each access costs one
/// branch more than that of the pointer inside. Errors of the virtual side go to the heap's fault
/// handler; a raw pointer is not checked.
///
/// A raw pointer does not survive a restart: do not store one in virtual memory.
template <class T, class Heap>
class any_ptr : public detail::any_ptr_types<T, Heap> {
    static constexpr bool is_object = !std::is_void_v<T>;

public:
    using typename detail::any_ptr_types<T, Heap>::reference;
    using heap_type = Heap;
    using difference_type = std::ptrdiff_t;
    using pointer = any_ptr;

    /// Null: neither raw nor virtual.
    constexpr any_ptr() noexcept = default;
    constexpr any_ptr(std::nullptr_t) noexcept {}
    constexpr any_ptr(T* raw) noexcept : raw_(raw) {}
    template <class U>
        requires std::convertible_to<vptr<U, Heap>, vptr<T, Heap>>
    constexpr any_ptr(vptr<U, Heap> p) noexcept : virtual_(p) {}
    /// As raw pointers convert: to const, and to void.
    template <class U>
        requires(!std::same_as<U, T> && detail::void_or_const_of<U, T>)
    constexpr any_ptr(any_ptr<U, Heap> other) noexcept
        : raw_(other.raw()), virtual_(other.virt()) {}

    /// Whether it holds a raw pointer that is not null.
    [[nodiscard]] constexpr bool is_raw() const noexcept { return raw_ != nullptr; }
    /// The raw pointer; null if it is virtual.
    [[nodiscard]] constexpr T* raw() const noexcept { return raw_; }
    /// The virtual pointer; null if it is raw.
    [[nodiscard]] constexpr vptr<T, Heap> virt() const noexcept { return virtual_; }

    [[nodiscard]] constexpr explicit operator bool() const noexcept {
        return is_raw() || virtual_ != nullptr;
    }

    [[nodiscard]] constexpr reference operator*() const noexcept
        requires is_object
    {
        return reference(*this);
    }
    [[nodiscard]] constexpr reference operator[](difference_type index) const noexcept
        requires is_object
    {
        return *(*this + index);
    }
    /// The object, in RAM until the end of the full expression. See `vptr::operator->`.
    [[nodiscard]] auto operator->() const noexcept(Heap::nothrow_access)
        requires is_object
    {
        return detail::any_arrow<T, Heap>(*this);
    }

    constexpr any_ptr& operator+=(difference_type count) noexcept
        requires is_object
    {
        if (is_raw()) {
            raw_ += count;
        } else {
            virtual_ += count;
        }
        return *this;
    }
    constexpr any_ptr& operator-=(difference_type count) noexcept
        requires is_object
    {
        return *this += -count;
    }
    constexpr any_ptr& operator++() noexcept
        requires is_object
    {
        return *this += 1;
    }
    constexpr any_ptr& operator--() noexcept
        requires is_object
    {
        return *this += -1;
    }
    constexpr any_ptr operator++(int) noexcept
        requires is_object
    {
        const any_ptr before = *this;
        ++*this;
        return before;
    }
    constexpr any_ptr operator--(int) noexcept
        requires is_object
    {
        const any_ptr before = *this;
        --*this;
        return before;
    }
    [[nodiscard]] friend constexpr any_ptr operator+(any_ptr p, difference_type count) noexcept
        requires is_object
    {
        return p += count;
    }
    [[nodiscard]] friend constexpr any_ptr operator+(difference_type count, any_ptr p) noexcept
        requires is_object
    {
        return p += count;
    }
    [[nodiscard]] friend constexpr any_ptr operator-(any_ptr p, difference_type count) noexcept
        requires is_object
    {
        return p -= count;
    }
    /// Elements between two pointers into one array.
    [[nodiscard]] friend constexpr difference_type operator-(any_ptr a, any_ptr b) noexcept
        requires is_object
    {
        return a.is_raw() ? a.raw_ - b.raw_ : a.virtual_ - b.virtual_;
    }

    /// Whether they point at the same place; a raw and a virtual pointer never do.
    [[nodiscard]] friend constexpr bool operator==(any_ptr a, any_ptr b) noexcept {
        return a.raw_ == b.raw_ && a.virtual_ == b.virtual_;
    }
    /// Total: virtual pointers before raw ones.
    [[nodiscard]] friend constexpr std::strong_ordering operator<=>(any_ptr a, any_ptr b) noexcept {
        const auto raw = std::compare_three_way{}(a.raw_, b.raw_);
        return raw != 0 ? raw : a.virtual_ <=> b.virtual_;
    }

private:
    T* raw_ = nullptr;
    vptr<T, Heap> virtual_;
};

} // namespace vmem

#endif
