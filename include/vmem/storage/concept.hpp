// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_CONCEPT_HPP
#define VMEM_STORAGE_CONCEPT_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>

/// \file
/// Where do the bytes live? A storage is a fixed number of bytes at addresses `0..size()-1`.
///
/// The ordering contract, on which everything that survives a power cut is built:
/// - `read` returns what the last successful `write` put there, synced or not.
/// - Until `sync` returns, any write since the last `sync` may be lost, may land in any order
///   relative to the others, and may be torn: any of its aligned units of
///   `storage_traits<S>::atomic_write_size` bytes may be old or new.
/// - After `sync` returned successfully, all earlier writes are durable.
/// - A failed `write` leaves each byte of its range old or new, and touches no other byte.
/// - A range that does not lie within `0..size()` is `errc::out_of_range` and nothing is
///   transferred; an empty range within it succeeds and transfers nothing.
namespace vmem {

/// Granularity of a storage in bytes, each a power of two. Accesses must start at and span
/// multiples of `read_size` / `write_size`, or may be `errc::misaligned`; `size()` is a multiple of
/// both. Specialise `storage_traits`, or give the storage a `static constexpr storage_geometry
/// geometry` member, where a device is not byte-addressable.
struct storage_geometry {
    std::size_t read_size = 1;
    std::size_t write_size = 1;
    /// 0 where the medium needs no erasing.
    std::size_t erase_size = 0;
    /// What a power cut cannot tear.
    std::size_t atomic_write_size = 1;
};

/// The geometry of a storage: its own, or single bytes.
template <class S>
struct storage_traits {
    static constexpr storage_geometry geometry = [] {
        if constexpr (requires { storage_geometry{S::geometry}; }) {
            return S::geometry;
        } else {
            return storage_geometry{};
        }
    }();
    static constexpr std::size_t read_size = geometry.read_size;
    static constexpr std::size_t write_size = geometry.write_size;
    static constexpr std::size_t erase_size = geometry.erase_size;
    static constexpr std::size_t atomic_write_size = geometry.atomic_write_size;
};

namespace detail {

template <class S>
concept has_storage_size = requires(const S& s) {
    { s.size() } noexcept -> std::convertible_to<address>;
};
template <class S>
concept has_storage_read = requires(S& s, address a, std::span<std::byte> out) {
    { s.read(a, out) } -> std::same_as<result<void>>;
};
template <class S>
concept has_storage_write = requires(S& s, address a, std::span<const std::byte> in) {
    { s.write(a, in) } -> std::same_as<result<void>>;
};
template <class S>
concept has_storage_sync = requires(S& s) {
    { s.sync() } -> std::same_as<result<void>>;
};

} // namespace detail

/// The four operations that every storage has; see the ordering contract above.
template <class S>
concept storage = detail::has_storage_size<S> && detail::has_storage_read<S> &&
                  detail::has_storage_write<S> && detail::has_storage_sync<S>;

/// A storage whose bytes are directly addressable: `data()` points at `size()` bytes.
template <class S>
concept memory_mapped_storage = storage<S> && requires(S& s) {
    { s.data() } noexcept -> std::same_as<std::byte*>;
};

/// A storage whose size is known at compile time as `S::capacity` (bytes).
template <class S>
concept fixed_size_storage = storage<S> && requires {
    requires !std::is_member_object_pointer_v<decltype(&S::capacity)>;
    typename std::integral_constant<address, S::capacity>;
    requires std::integral_constant<address, S::capacity>::value > 0;
};

/// Names each member that `S` lacks, one sentence each, on every compiler. Called in the body of
/// each template that takes a storage.
template <class S>
consteval void check_storage() {
    static_assert(detail::has_storage_size<S>,
                  "storage: missing 'address size() const noexcept', the number of bytes it holds");
    static_assert(detail::has_storage_read<S>,
                  "storage: missing 'result<void> read(address, std::span<std::byte>)'");
    static_assert(detail::has_storage_write<S>,
                  "storage: missing 'result<void> write(address, std::span<const std::byte>)'");
    static_assert(
        detail::has_storage_sync<S>,
        "storage: missing 'result<void> sync()'; return {} where writes are durable at once");
}

/// The smallest thing that is a storage: a model to copy from, never called.
struct storage_archetype {
    [[nodiscard]] address size() const noexcept;
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out);
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in);
    [[nodiscard]] result<void> sync();
};
static_assert(storage<storage_archetype>);

namespace detail {

/// The range check that every storage starts with. Does not overflow.
[[nodiscard]] constexpr result<void> check_range(address size, address at, address count) noexcept {
    if (at > size || count > size - at) {
        return failure(errc::out_of_range);
    }
    return {};
}

} // namespace detail
} // namespace vmem

#endif
