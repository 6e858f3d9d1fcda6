// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_ADAPTED_STORAGE_HPP
#define VMEM_DETAIL_ADAPTED_STORAGE_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <bit>
#include <concepts>
#include <cstddef>

/// \file
/// What the adaptors, storages made of other storages, have in common.
namespace vmem::detail {

/// Whether `S` has the optional `result<void> erase(address at, address count)`.
template <class S>
concept has_storage_erase = requires(S& s, address a) {
    { s.erase(a, a) } -> std::same_as<result<void>>;
};

/// Base of an adaptor of `Storages`: has `capacity`, their sum, only if each of them has one.
template <bool AllFixed, class... Storages>
struct capacity_of_all {};
template <class... Storages>
struct capacity_of_all<true, Storages...> {
    /// Bytes.
    static constexpr address capacity = (static_cast<address>(Storages::capacity) + ...);
};
template <class... Storages>
using adapted_capacity = capacity_of_all<(fixed_size_storage<Storages> && ...), Storages...>;

[[nodiscard]] constexpr bool is_valid(storage_geometry geometry) noexcept {
    return std::has_single_bit(geometry.read_size) && std::has_single_bit(geometry.write_size) &&
           std::has_single_bit(geometry.atomic_write_size) &&
           (geometry.erase_size == 0 || std::has_single_bit(geometry.erase_size));
}

/// What the place of a border between two storages must be a multiple of, so that an access that
/// is aligned on one side of the border is aligned on the other (bytes). Precondition: valid.
[[nodiscard]] constexpr std::size_t border_alignment(storage_geometry geometry) noexcept {
    // All are powers of two, so the highest bit is the largest, and a multiple of the others.
    return std::bit_floor(geometry.read_size | geometry.write_size | geometry.erase_size |
                          geometry.atomic_write_size);
}

/// `check_range` for a count that may exceed std::size_t, as that of `erase` may.
[[nodiscard]] constexpr bool lies_within(address size, address at, address count) noexcept {
    return at <= size && count <= size - at;
}

} // namespace vmem::detail

#endif
