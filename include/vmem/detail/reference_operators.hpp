// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_REFERENCE_OPERATORS_HPP
#define VMEM_DETAIL_REFERENCE_OPERATORS_HPP

#include <vmem/vref.hpp>

#include <concepts>

namespace vmem::detail {

/// The operators of a proxy reference, as base of it. `Reference` has `value_type`, `get()`, and
/// `change(rhs, operation)`, which calls `operation(object, rhs)` and returns the reference.
template <class Reference>
class reference_operators {
    friend Reference;
    reference_operators() = default;

public:
    // `T op= U` narrows exactly as it does on a `T` in RAM, and a constant that is compared is no
    // longer seen to be one; the warnings are for the caller's own code.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wfloat-conversion"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wsign-conversion"
    template <class U>
    const Reference& operator+=(const U& rhs) const {
        return self().change(rhs, [](auto&& lhs, const auto& value) { lhs += value; });
    }
    template <class U>
    const Reference& operator-=(const U& rhs) const {
        return self().change(rhs, [](auto&& lhs, const auto& value) { lhs -= value; });
    }
    template <class U>
    const Reference& operator*=(const U& rhs) const {
        return self().change(rhs, [](auto&& lhs, const auto& value) { lhs *= value; });
    }
    template <class U>
    const Reference& operator/=(const U& rhs) const {
        return self().change(rhs, [](auto&& lhs, const auto& value) { lhs /= value; });
    }
    template <class U>
    const Reference& operator%=(const U& rhs) const {
        return self().change(rhs, [](auto&& lhs, const auto& value) { lhs %= value; });
    }
    template <class U>
    const Reference& operator&=(const U& rhs) const {
        return self().change(rhs, [](auto&& lhs, const auto& value) { lhs &= value; });
    }
    template <class U>
    const Reference& operator|=(const U& rhs) const {
        return self().change(rhs, [](auto&& lhs, const auto& value) { lhs |= value; });
    }
    template <class U>
    const Reference& operator^=(const U& rhs) const {
        return self().change(rhs, [](auto&& lhs, const auto& value) { lhs ^= value; });
    }
    template <class U>
    const Reference& operator<<=(const U& rhs) const {
        return self().change(rhs, [](auto&& lhs, const auto& value) { lhs <<= value; });
    }
    template <class U>
    const Reference& operator>>=(const U& rhs) const {
        return self().change(rhs, [](auto&& lhs, const auto& value) { lhs >>= value; });
    }
    const Reference& operator++() const { return *this += 1; }
    const Reference& operator--() const { return *this -= 1; }
    auto operator++(int) const {
        const auto before = self().get();
        ++*this;
        return before;
    }
    auto operator--(int) const {
        const auto before = self().get();
        --*this;
        return before;
    }

    // Comparisons are those of the values, with each other or with anything that `T` compares with.
    //
    // The reference is deduced, so that nothing is asked of an expression without one: asking
    // whether its parts compare would ask this again.
    template <std::same_as<Reference> R, class U>
        requires requires(const typename R::value_type& x, const referred<U>& y) { x == y; }
    [[nodiscard]] friend bool operator==(const R& a, const U& b) {
        return static_cast<bool>(a.get() == value_of(b));
    }
    template <std::same_as<Reference> R, class U>
        requires requires(const typename R::value_type& x, const referred<U>& y) { x <=> y; }
    [[nodiscard]] friend auto operator<=>(const R& a, const U& b) {
        return a.get() <=> value_of(b);
    }
    // Types from before <=> have only these.
    template <std::same_as<Reference> R, class U>
        requires requires(const typename R::value_type& x, const referred<U>& y) { x < y; }
    [[nodiscard]] friend bool operator<(const R& a, const U& b) {
        return static_cast<bool>(a.get() < value_of(b));
    }
    template <std::same_as<Reference> R, class U>
        requires requires(const typename R::value_type& x, const referred<U>& y) { x > y; }
    [[nodiscard]] friend bool operator>(const R& a, const U& b) {
        return static_cast<bool>(a.get() > value_of(b));
    }
    template <std::same_as<Reference> R, class U>
        requires requires(const typename R::value_type& x, const referred<U>& y) { x <= y; }
    [[nodiscard]] friend bool operator<=(const R& a, const U& b) {
        return static_cast<bool>(a.get() <= value_of(b));
    }
    template <std::same_as<Reference> R, class U>
        requires requires(const typename R::value_type& x, const referred<U>& y) { x >= y; }
    [[nodiscard]] friend bool operator>=(const R& a, const U& b) {
        return static_cast<bool>(a.get() >= value_of(b));
    }
    template <std::same_as<Reference> R, class U>
        requires(!is_vref<U> && requires(const U& x, const typename R::value_type& y) { x < y; })
    [[nodiscard]] friend bool operator<(const U& a, const R& b) {
        return static_cast<bool>(a < b.get());
    }
    template <std::same_as<Reference> R, class U>
        requires(!is_vref<U> && requires(const U& x, const typename R::value_type& y) { x > y; })
    [[nodiscard]] friend bool operator>(const U& a, const R& b) {
        return static_cast<bool>(a > b.get());
    }
    template <std::same_as<Reference> R, class U>
        requires(!is_vref<U> && requires(const U& x, const typename R::value_type& y) { x <= y; })
    [[nodiscard]] friend bool operator<=(const U& a, const R& b) {
        return static_cast<bool>(a <= b.get());
    }
    template <std::same_as<Reference> R, class U>
        requires(!is_vref<U> && requires(const U& x, const typename R::value_type& y) { x >= y; })
    [[nodiscard]] friend bool operator>=(const U& a, const R& b) {
        return static_cast<bool>(a >= b.get());
    }
#pragma GCC diagnostic pop

private:
    [[nodiscard]] const Reference& self() const noexcept {
        return static_cast<const Reference&>(*this);
    }
};

} // namespace vmem::detail

#endif
