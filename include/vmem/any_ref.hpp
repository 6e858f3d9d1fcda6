// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ANY_REF_HPP
#define VMEM_ANY_REF_HPP

#include <vmem/detail/reference_operators.hpp>
#include <vmem/fwd.hpp>
#include <vmem/vref.hpp>

#include <concepts>
#include <type_traits>

namespace vmem {

template <class T, class Heap>
class any_ref;

namespace detail {

/// To a `vref` it is another one: its value is fetched before a target is touched.
template <class T, class Heap>
inline constexpr bool is_vref<any_ref<T, Heap>> = true;

/// Two proxy references to one type of value, with different constness, in two heaps, or of two
/// kinds.
template <class A, class B>
concept other_reference =
    is_vref<A> && is_vref<B> && !std::same_as<A, B> && std::same_as<referred<A>, referred<B>>;

} // namespace detail

/// A reference to a `T` in RAM or in virtual memory, what `*p` and `p[i]` of an `any_ptr` are. As
/// `vref`: converts to `T`, assigns through, and has the compound operators and comparisons of `T`.
template <class T, class Heap>
class any_ref : public detail::reference_operators<any_ref<T, Heap>> {
    friend class detail::reference_operators<any_ref>;
    static constexpr bool nothrow_ =
        Heap::nothrow_access && std::is_nothrow_copy_assignable_v<std::remove_const_t<T>>;

public:
    using value_type = std::remove_const_t<T>;

    any_ref(const any_ref&) = default;
    constexpr explicit any_ref(any_ptr<T, Heap> at) noexcept : at_(at) {}

    /// A copy of the object.
    [[nodiscard]] value_type get() const noexcept(nothrow_) {
        return at_.is_raw() ? *at_.raw() : (*at_.virt()).get();
    }
    operator value_type() const noexcept(nothrow_) { return get(); }

    [[nodiscard]] constexpr any_ptr<T, Heap> operator&() const noexcept { return at_; }

    const any_ref& operator=(const value_type& value) const noexcept(nothrow_)
        requires(!std::is_const_v<T>)
    {
        if (at_.is_raw()) {
            *at_.raw() = value;
        } else {
            *at_.virt() = value;
        }
        return *this;
    }
    const any_ref& operator=(const any_ref& other) const noexcept(nothrow_)
        requires(!std::is_const_v<T>)
    {
        return *this = other.get();
    }
    /// An `any_ptr<const T>` reads only.
    const any_ref& operator=(const value_type& value) const
        requires std::is_const_v<T>
    = delete;

    /// Exchanges the values, as `std::iter_swap` expects of a reference.
    friend void swap(any_ref a, any_ref b) noexcept(nothrow_)
        requires(!std::is_const_v<T>)
    {
        const value_type value = a.get();
        a = b.get();
        b = value;
    }

private:
    template <class U, class Operation>
    const any_ref& change(const U& rhs, Operation operation) const {
        static_assert(!std::is_const_v<T>, "any_ref: assignment through an any_ptr<const T>");
        const auto& value = detail::value_of(rhs);
        if (at_.is_raw()) {
            operation(*at_.raw(), value);
        } else {
            operation(*at_.virt(), value);
        }
        return *this;
    }

    any_ptr<T, Heap> at_;
};

} // namespace vmem

template <class T, class Heap, template <class> class TQual, template <class> class UQual>
struct std::basic_common_reference<vmem::any_ref<T, Heap>, std::remove_const_t<T>, TQual, UQual> {
    using type = std::remove_const_t<T>;
};
template <class T, class Heap, template <class> class TQual, template <class> class UQual>
struct std::basic_common_reference<std::remove_const_t<T>, vmem::any_ref<T, Heap>, TQual, UQual> {
    using type = std::remove_const_t<T>;
};
template <class A, class B, template <class> class TQual, template <class> class UQual>
    requires vmem::detail::other_reference<A, B>
struct std::basic_common_reference<A, B, TQual, UQual> {
    using type = typename A::value_type;
};

#endif
