// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_VPTR_HPP
#define VMEM_VPTR_HPP

#include <vmem/arrow.hpp>
#include <vmem/detail/raw_object.hpp>
#include <vmem/fwd.hpp>
#include <vmem/pin.hpp>
#include <vmem/result.hpp>
#include <vmem/storable.hpp>
#include <vmem/vref.hpp>

#include <compare>
#include <concepts>
#include <cstddef>
#include <functional>
#include <iosfwd>
#include <iterator>
#include <type_traits>

namespace vmem {

namespace detail {

/// What the iterator vocabulary of a `vptr<T>` is; nothing for void.
template <class T, class Heap>
struct vptr_types {
    using value_type = std::remove_const_t<T>;
    using reference = vref<T, Heap>;
    using iterator_category = std::random_access_iterator_tag;
    using iterator_concept = std::random_access_iterator_tag;
};
template <class T, class Heap>
    requires std::is_void_v<T>
struct vptr_types<T, Heap> {
    using reference = void;
};

template <class From, class To>
concept void_or_const_of =
    std::is_convertible_v<From*, To*> &&
    (std::is_void_v<To> || std::same_as<std::remove_const_t<To>, std::remove_const_t<From>>);

} // namespace detail

/// A pointer to a `T` in the virtual memory of `Heap`: an address and nothing else. Trivially
/// copyable, may itself be stored in virtual memory, still valid after a restart. It behaves like a
/// `T*` and is a random access iterator whose reference is the proxy `vref<T>`. Operators that fail
/// (null, out of range, an I/O error) go to the heap's fault handler; `read` and `write` return the
/// error.
///
/// Any access to a page that is not resident costs at most one storage write and one read.
template <class T, class Heap>
class vptr : public detail::vptr_types<T, Heap> {
    static constexpr bool is_object = !std::is_void_v<T>;
    /// Virtual memory may be larger than what the machine's own pointers reach.
    using wide = std::conditional_t<(sizeof(typename Heap::address_type) > sizeof(std::size_t)),
                                    typename Heap::address_type, std::size_t>;

public:
    using typename detail::vptr_types<T, Heap>::reference;
    using heap_type = Heap;
    using difference_type = std::ptrdiff_t;
    using pointer = vptr;

    /// Null.
    constexpr vptr() noexcept = default;
    constexpr vptr(std::nullptr_t) noexcept {}

    /// As raw pointers convert: to const, and to void.
    template <class U>
        requires(!std::same_as<U, T> && detail::void_or_const_of<U, T>)
    constexpr vptr(vptr<U, Heap> other) noexcept : at_(other.to_address()) {}

    /// Precondition: `at` is an address of the heap's width.
    [[nodiscard]] static constexpr vptr from_address(auto at) noexcept {
        vptr p;
        p.at_ = static_cast<decltype(at_)>(at);
        return p;
    }
    /// The byte offset in virtual memory; 0 for null.
    [[nodiscard]] constexpr auto to_address() const noexcept { return at_; }

    [[nodiscard]] constexpr explicit operator bool() const noexcept { return at_ != 0; }

    [[nodiscard, gnu::always_inline]] constexpr reference operator*() const noexcept
        requires is_object
    {
        check_storable<T>();
        return reference(at_);
    }
    [[nodiscard, gnu::always_inline]] constexpr reference
    operator[](difference_type index) const noexcept
        requires is_object
    {
        return *(*this + index);
    }
    /// The object, in RAM until the end of the full expression; each `->` of it occupies one frame.
    [[nodiscard, gnu::always_inline]] auto operator->() const noexcept(Heap::nothrow_access)
        requires is_object
    {
        check_storable<T>();
        return arrow<T, Heap>(at_);
    }

    /// Pins the object for reading. Errors: null_pointer, out_of_range, misaligned, not_contiguous
    /// (it straddles pages), no_free_frame, not_open, no_heap, the storage's.
    [[nodiscard]] auto read() const
        requires is_object
    {
        return pinned<const T>(1);
    }
    /// Pins the longest prefix of `count` elements that is contiguous in RAM; `size()` tells how
    /// many.
    [[nodiscard]] auto read(std::size_t count) const
        requires is_object
    {
        return pinned<const T>(count);
    }
    /// Pins the object for writing too. Errors: as `read`.
    [[nodiscard]] auto write() const
        requires(is_object && !std::is_const_v<T>)
    {
        return pinned<T>(1);
    }
    [[nodiscard]] auto write(std::size_t count) const
        requires(is_object && !std::is_const_v<T>)
    {
        return pinned<T>(count);
    }

    /// A pointer to a member: `p.member(&point::x)`. A member array gives a pointer to its first
    /// element.
    template <class Class, class Member>
        requires std::derived_from<std::remove_const_t<T>, Class>
    [[nodiscard]] auto member(Member Class::* which) const noexcept {
        using element = std::remove_extent_t<Member>;
        using target = std::conditional_t<std::is_const_v<T>, const element, element>;
        // Only an address is formed, as offsetof would, which takes no pointer to member.
        detail::raw_object<std::remove_const_t<T>> object;
        const auto* const base = object.bytes().data();
        const auto* const part = reinterpret_cast<const std::byte*>(&(object.get().*which));
        return vptr<target, Heap>::from_address(at_ + static_cast<std::size_t>(part - base));
    }

    constexpr vptr& operator+=(difference_type count) noexcept
        requires is_object
    {
        // Unsigned arithmetic wraps, so a negative count needs no branch.
        at_ = static_cast<decltype(at_)>(at_ + static_cast<wide>(count) * sizeof(T));
        return *this;
    }
    constexpr vptr& operator-=(difference_type count) noexcept
        requires is_object
    {
        at_ = static_cast<decltype(at_)>(at_ - static_cast<wide>(count) * sizeof(T));
        return *this;
    }
    constexpr vptr& operator++() noexcept
        requires is_object
    {
        return *this += 1;
    }
    constexpr vptr& operator--() noexcept
        requires is_object
    {
        return *this -= 1;
    }
    constexpr vptr operator++(int) noexcept
        requires is_object
    {
        const vptr before = *this;
        ++*this;
        return before;
    }
    constexpr vptr operator--(int) noexcept
        requires is_object
    {
        const vptr before = *this;
        --*this;
        return before;
    }
    [[nodiscard]] friend constexpr vptr operator+(vptr p, difference_type count) noexcept
        requires is_object
    {
        return p += count;
    }
    [[nodiscard]] friend constexpr vptr operator+(difference_type count, vptr p) noexcept
        requires is_object
    {
        return p += count;
    }
    [[nodiscard]] friend constexpr vptr operator-(vptr p, difference_type count) noexcept
        requires is_object
    {
        return p -= count;
    }
    /// Elements between two pointers into one array.
    [[nodiscard]] friend constexpr difference_type operator-(vptr a, vptr b) noexcept
        requires is_object
    {
        using distance = std::make_signed_t<wide>;
        const auto bytes = static_cast<distance>(wide{a.at_} - wide{b.at_});
        return static_cast<difference_type>(bytes / static_cast<distance>(sizeof(T)));
    }

    [[nodiscard]] friend constexpr bool operator==(vptr a, vptr b) noexcept {
        return a.at_ == b.at_;
    }
    [[nodiscard]] friend constexpr std::strong_ordering operator<=>(vptr a, vptr b) noexcept {
        return a.at_ <=> b.at_;
    }

    /// Prints the address in hexadecimal, as a stream prints a raw pointer.
    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                        vptr p) {
        char text[2 + 2 * sizeof(at_) + 1] = {'0', 'x'};
        char* end = text + 2;
        for (int shift = 8 * static_cast<int>(sizeof(at_)) - 4; shift >= 0; shift -= 4) {
            const auto digit = (p.at_ >> shift) & 15;
            if (digit != 0 || end != text + 2 || shift == 0) {
                *end++ = "0123456789abcdef"[digit];
            }
        }
        *end = '\0';
        return out << static_cast<const char*>(text);
    }

private:
    template <class U>
    [[nodiscard]] result<pin<U, Heap>> pinned(std::size_t count) const {
        check_storable<T>();
        if (!Heap::alive()) {
            return failure(errc::no_heap);
        }
        const auto held = Heap::current().template pin_elements<U>(at_, count);
        if (!held) {
            return failure(held.error());
        }
        return pin<U, Heap>(*held);
    }

    typename Heap::address_type at_ = 0;
};

/// Pointers of two heaps have nothing in common: compare values, or copy with vmem::memcpy.
template <class T, class HeapA, class U, class HeapB>
    requires(!std::same_as<HeapA, HeapB>)
bool operator==(vptr<T, HeapA>, vptr<U, HeapB>) = delete;
template <class T, class HeapA, class U, class HeapB>
    requires(!std::same_as<HeapA, HeapB>)
bool operator<=>(vptr<T, HeapA>, vptr<U, HeapB>) = delete;

/// As the raw casts of the same names. Precondition: the object is of the type, or may be seen as
/// such.
template <class To, class From, class Heap>
[[nodiscard]] constexpr vptr<To, Heap> static_pointer_cast(vptr<From, Heap> p) noexcept
    requires requires(From* raw) { static_cast<To*>(raw); } &&
             (std::is_void_v<From> || std::is_void_v<To> ||
              std::same_as<std::remove_const_t<From>, std::remove_const_t<To>>)
{
    return vptr<To, Heap>::from_address(p.to_address());
}
template <class To, class From, class Heap>
[[nodiscard]] constexpr vptr<To, Heap> reinterpret_pointer_cast(vptr<From, Heap> p) noexcept
    requires(std::is_const_v<To> || !std::is_const_v<From>)
{
    return vptr<To, Heap>::from_address(p.to_address());
}
template <class To, class From, class Heap>
[[nodiscard]] constexpr vptr<To, Heap> const_pointer_cast(vptr<From, Heap> p) noexcept
    requires std::same_as<std::remove_const_t<To>, std::remove_const_t<From>>
{
    return vptr<To, Heap>::from_address(p.to_address());
}

} // namespace vmem

template <class T, class Heap>
struct std::hash<vmem::vptr<T, Heap>> {
    [[nodiscard]] std::size_t operator()(vmem::vptr<T, Heap> p) const noexcept {
        return std::hash<typename Heap::address_type>{}(p.to_address());
    }
};

// What an algorithm that holds both a reference and a value may treat as one.
template <class T, class Heap, template <class> class TQual, template <class> class UQual>
struct std::basic_common_reference<vmem::vref<T, Heap>, std::remove_const_t<T>, TQual, UQual> {
    using type = std::remove_const_t<T>;
};
template <class T, class Heap, template <class> class TQual, template <class> class UQual>
struct std::basic_common_reference<std::remove_const_t<T>, vmem::vref<T, Heap>, TQual, UQual> {
    using type = std::remove_const_t<T>;
};
template <class T, class HeapA, class U, class HeapB, template <class> class TQual,
          template <class> class UQual>
    requires(std::same_as<std::remove_const_t<T>, std::remove_const_t<U>> &&
             !std::same_as<vmem::vref<T, HeapA>, vmem::vref<U, HeapB>>)
struct std::basic_common_reference<vmem::vref<T, HeapA>, vmem::vref<U, HeapB>, TQual, UQual> {
    using type = std::remove_const_t<T>;
};

#endif
