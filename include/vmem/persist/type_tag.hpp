// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_PERSIST_TYPE_TAG_HPP
#define VMEM_PERSIST_TYPE_TAG_HPP

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace vmem {

/// What tells a root's type from others of the same size: the same in every program that opens the
/// image, whatever compiled it. By default the alignment and the kind of type; specialise it for a
/// type whose layout changes from version to version:
///
///     template <>
///     inline constexpr std::uint32_t vmem::type_tag<settings> = 0x53455403;
template <class T>
inline constexpr std::uint32_t type_tag =
    static_cast<std::uint32_t>(alignof(T)) | (std::is_class_v<T> ? 1U << 16 : 0U) |
    (std::is_floating_point_v<T> ? 1U << 17 : 0U) |
    (std::is_integral_v<T> || std::is_enum_v<T> ? 1U << 18 : 0U) |
    (std::is_signed_v<T> ? 1U << 19 : 0U);

} // namespace vmem

#endif
