// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORABLE_HPP
#define VMEM_STORABLE_HPP

#include <concepts>
#include <type_traits>

namespace vmem {

/// Opt-in for types that are not trivially copyable and may live in virtual memory all the same: a
/// copy of their bytes, taken at any time and put back at another raw address, must be the same
/// object. Specialise it to `true` for a type that holds no raw pointer into itself or into RAM.
template <class T>
inline constexpr bool enable_storable = false;

/// Types that may live in virtual memory.
template <class T>
concept storable = std::is_object_v<T> && !std::is_array_v<T> && !std::is_volatile_v<T> &&
                   (std::is_trivially_copyable_v<std::remove_const_t<T>> ||
                    enable_storable<std::remove_const_t<T>>);

/// States the reason where a `T` is not storable.
template <class T>
consteval void check_storable() {
    static_assert(
        storable<T>,
        "storable: T must be trivially copyable to live in virtual memory; if a copy of its "
        "bytes is as good as the object, specialise vmem::enable_storable<T> to true");
}

} // namespace vmem

#endif
