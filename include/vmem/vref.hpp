// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_VREF_HPP
#define VMEM_VREF_HPP

#include <vmem/fwd.hpp>
#include <vmem/storable.hpp>

#include <compare>
#include <concepts>
#include <type_traits>
#include <utility>

namespace vmem {

namespace detail {

template <class X>
inline constexpr bool is_vref = false;
template <class T, class Heap>
inline constexpr bool is_vref<vref<T, Heap>> = true;

/// The type of what `value_of` gives.
template <class X>
struct referred_type {
    using type = X;
};
template <class X>
    requires is_vref<X>
struct referred_type<X> {
    using type = typename X::value_type;
};
template <class X>
using referred = typename referred_type<X>::type;

/// The value behind a reference, so that an argument is fetched before its target is touched.
template <class X>
[[nodiscard, gnu::always_inline]] constexpr decltype(auto) value_of(const X& x) {
    if constexpr (is_vref<X>) {
        return x.get();
    } else {
        return (x);
    }
}

} // namespace detail

/// A reference to a `T` in virtual memory, what `*p` and `p[i]` are: converts to `T`, assigns
/// through, and has the compound operators of `T`. `auto x = *p` is another reference; write `int x
/// = *p` or `auto x = (*p).get()` for the value. Failing accesses go to the heap's fault handler.
template <class T, class Heap>
class vref {
public:
    using value_type = std::remove_const_t<T>;

    vref(const vref&) = default;
    constexpr explicit vref(typename Heap::address_type at) noexcept : at_(at) {}

    /// A copy of the object. Resident: O(1).
    [[nodiscard, gnu::always_inline]] value_type get() const noexcept(Heap::nothrow_access) {
        return Heap::template load<value_type>(at_);
    }
    [[gnu::always_inline]] operator value_type() const noexcept(Heap::nothrow_access) {
        return get();
    }

    [[nodiscard]] constexpr vptr<T, Heap> operator&() const noexcept {
        return vptr<T, Heap>::from_address(at_);
    }

    [[gnu::always_inline]] const vref& operator=(const value_type& value) const
        noexcept(Heap::nothrow_access)
        requires(!std::is_const_v<T>)
    {
        Heap::template store<value_type>(at_, value);
        return *this;
    }
    [[gnu::always_inline]] const vref& operator=(const vref& other) const
        noexcept(Heap::nothrow_access)
        requires(!std::is_const_v<T>)
    {
        return *this = other.get();
    }
    /// A `vptr<const T>` reads only.
    const vref& operator=(const value_type& value) const
        requires std::is_const_v<T>
    = delete;

    // `T op= U` narrows exactly as it does on a `T` in RAM; the warning is for the caller's own
    // code.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wfloat-conversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
    template <class U>
    const vref& operator+=(const U& rhs) const {
        return change(rhs, [](auto& lhs, const auto& value) { lhs += value; });
    }
    template <class U>
    const vref& operator-=(const U& rhs) const {
        return change(rhs, [](auto& lhs, const auto& value) { lhs -= value; });
    }
    template <class U>
    const vref& operator*=(const U& rhs) const {
        return change(rhs, [](auto& lhs, const auto& value) { lhs *= value; });
    }
    template <class U>
    const vref& operator/=(const U& rhs) const {
        return change(rhs, [](auto& lhs, const auto& value) { lhs /= value; });
    }
    template <class U>
    const vref& operator%=(const U& rhs) const {
        return change(rhs, [](auto& lhs, const auto& value) { lhs %= value; });
    }
    template <class U>
    const vref& operator&=(const U& rhs) const {
        return change(rhs, [](auto& lhs, const auto& value) { lhs &= value; });
    }
    template <class U>
    const vref& operator|=(const U& rhs) const {
        return change(rhs, [](auto& lhs, const auto& value) { lhs |= value; });
    }
    template <class U>
    const vref& operator^=(const U& rhs) const {
        return change(rhs, [](auto& lhs, const auto& value) { lhs ^= value; });
    }
    template <class U>
    const vref& operator<<=(const U& rhs) const {
        return change(rhs, [](auto& lhs, const auto& value) { lhs <<= value; });
    }
    template <class U>
    const vref& operator>>=(const U& rhs) const {
        return change(rhs, [](auto& lhs, const auto& value) { lhs >>= value; });
    }
#pragma GCC diagnostic pop
    const vref& operator++() const { return *this += 1; }
    const vref& operator--() const { return *this -= 1; }
    value_type operator++(int) const {
        return step([](auto& object) { ++object; }, [](auto& object) { object += 1; });
    }
    value_type operator--(int) const {
        return step([](auto& object) { --object; }, [](auto& object) { object -= 1; });
    }

    /// Exchanges the values, as `std::iter_swap` expects of a reference.
    friend void swap(vref a, vref b) noexcept(Heap::nothrow_access)
        requires(!std::is_const_v<T>)
    {
        const value_type value = a.get();
        a = b.get();
        b = value;
    }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wsign-conversion"
    /// Compares the values, with each other or with anything that `T` compares with, as far as `T`
    /// has the operator.
    //
    // No warnings: where `*p == 1` compares an unsigned with an int, the 1 is no longer seen to be
    // a constant.
    //
    // The reference is deduced, so that nothing is asked of an expression without one: asking
    // whether its parts compare would ask this again.
    template <std::same_as<vref> Reference, class U>
        requires requires(const value_type& x, const detail::referred<U>& y) { x == y; }
    [[nodiscard]] friend bool operator==(const Reference& a, const U& b) {
        return static_cast<bool>(a.get() == detail::value_of(b));
    }
    template <std::same_as<vref> Reference, class U>
        requires requires(const value_type& x, const detail::referred<U>& y) { x <=> y; }
    [[nodiscard]] friend auto operator<=>(const Reference& a, const U& b) {
        return a.get() <=> detail::value_of(b);
    }
    // Types from before <=> have only these.
    template <std::same_as<vref> Reference, class U>
        requires requires(const value_type& x, const detail::referred<U>& y) { x < y; }
    [[nodiscard]] friend bool operator<(const Reference& a, const U& b) {
        return static_cast<bool>(a.get() < detail::value_of(b));
    }
    template <std::same_as<vref> Reference, class U>
        requires requires(const value_type& x, const detail::referred<U>& y) { x > y; }
    [[nodiscard]] friend bool operator>(const Reference& a, const U& b) {
        return static_cast<bool>(a.get() > detail::value_of(b));
    }
    template <std::same_as<vref> Reference, class U>
        requires requires(const value_type& x, const detail::referred<U>& y) { x <= y; }
    [[nodiscard]] friend bool operator<=(const Reference& a, const U& b) {
        return static_cast<bool>(a.get() <= detail::value_of(b));
    }
    template <std::same_as<vref> Reference, class U>
        requires requires(const value_type& x, const detail::referred<U>& y) { x >= y; }
    [[nodiscard]] friend bool operator>=(const Reference& a, const U& b) {
        return static_cast<bool>(a.get() >= detail::value_of(b));
    }
    template <std::same_as<vref> Reference, class U>
        requires(!detail::is_vref<U> && requires(const U& x, const value_type& y) { x < y; })
    [[nodiscard]] friend bool operator<(const U& a, const Reference& b) {
        return static_cast<bool>(a < b.get());
    }
    template <std::same_as<vref> Reference, class U>
        requires(!detail::is_vref<U> && requires(const U& x, const value_type& y) { x > y; })
    [[nodiscard]] friend bool operator>(const U& a, const Reference& b) {
        return static_cast<bool>(a > b.get());
    }
    template <std::same_as<vref> Reference, class U>
        requires(!detail::is_vref<U> && requires(const U& x, const value_type& y) { x <= y; })
    [[nodiscard]] friend bool operator<=(const U& a, const Reference& b) {
        return static_cast<bool>(a <= b.get());
    }
    template <std::same_as<vref> Reference, class U>
        requires(!detail::is_vref<U> && requires(const U& x, const value_type& y) { x >= y; })
    [[nodiscard]] friend bool operator>=(const U& a, const Reference& b) {
        return static_cast<bool>(a >= b.get());
    }
#pragma GCC diagnostic pop

private:
    /// In place where the operator is the language's own; a class, on either side, may reach for
    /// virtual memory itself, and move the page away.
    template <class U, class Operation>
    [[gnu::always_inline]] const vref& change(const U& rhs, Operation operation) const {
        static_assert(!std::is_const_v<T>, "vref: assignment through a vptr<const T>");
        const auto& value = detail::value_of(rhs);
        if constexpr (std::is_arithmetic_v<value_type> &&
                      std::is_scalar_v<std::remove_cvref_t<decltype(value)>>) {
            Heap::template update<value_type>(
                at_, [&](value_type& object) { operation(object, value); });
        } else {
            value_type object = get();
            operation(object, value);
            *this = object;
        }
        return *this;
    }

    /// As `change`, for a number or for a class; the value before it.
    template <class OfNumber, class OfClass>
    [[gnu::always_inline]] value_type step(OfNumber of_number, OfClass of_class) const {
        static_assert(!std::is_const_v<T>, "vref: assignment through a vptr<const T>");
        if constexpr (std::is_arithmetic_v<value_type>) {
            value_type before{};
            Heap::template update<value_type>(at_, [&](value_type& object) {
                before = object;
                of_number(object);
            });
            return before;
        } else {
            const value_type before = get();
            value_type object = before;
            of_class(object);
            *this = object;
            return before;
        }
    }

    typename Heap::address_type at_;
};

} // namespace vmem

#endif
