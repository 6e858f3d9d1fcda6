// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_CONCEPT_HPP
#define VMEM_RESIDENCY_CONCEPT_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

/// \file
/// Which bytes are in RAM? A residency keeps a part of a storage in RAM and is itself a storage:
/// reading and writing through it gives the same bytes, sooner. `heap<>` names a residency by a
/// descriptor such as `paged<512, 8>`, whose `bind` makes the class for a storage and an address
/// type.
namespace vmem {

/// What a caller means to do with bytes it asks for.
enum class access : bool { read, write };

/// A pinned stretch of RAM: `data[0..size)` stays where it is until `unpin(slot)`.
struct pinned_bytes {
    std::byte* data;
    /// Bytes; at least 1.
    std::size_t size;
    /// Which pin count to give back.
    std::size_t slot;
};

/// Which bytes of an object: `[offset, offset + size)`.
struct object_part {
    std::size_t offset;
    std::size_t size;
};

/// What is known of an object.
struct object_state {
    bool resident = false;
    /// Some of it is unsaved.
    bool dirty = false;
    bool pinned = false;
};

/// Counted when the heap has `statistics<true>`.
struct paging_statistics {
    /// Look-ups of an address, each one element or one contiguous run.
    std::uint64_t accesses = 0;
    /// Pages read from storage.
    std::uint64_t page_ins = 0;
    /// Pages of which a part was written to storage.
    std::uint64_t write_backs = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t bytes_written = 0;
};

namespace detail {

template <class R>
concept has_start = requires(R& r, address end) {
    { r.start(end) } -> std::same_as<result<void>>;
    { r.stop() } noexcept;
};
template <class R>
concept has_pin = requires(R& r, address a, std::size_t n, std::size_t slot) {
    { r.pin(a, n, n, access::read) } -> std::same_as<result<pinned_bytes>>;
    { r.unpin(slot) } noexcept;
};
template <class R>
concept has_copy = requires(R& r, address a, std::size_t n, const pinned_bytes& copy) {
    { r.copy_out(a, n) } -> std::same_as<result<pinned_bytes>>;
    { r.put_back(copy, a) } -> std::same_as<result<void>>;
    { r.discard(copy) } noexcept;
};
template <class R>
concept has_reserved = requires(R& r, std::span<std::byte> out, std::span<const std::byte> in) {
    { r.read_reserved(out) } -> std::same_as<result<void>>;
    { r.write_reserved(in) } -> std::same_as<result<void>>;
};

} // namespace detail

/// A bound residency: a storage that can start over, pin bytes in RAM, and transfer its reserved
/// first page, which holds the superblock and is never visible to a virtual pointer.
template <class R>
concept residency = storage<R> && detail::has_start<R> && detail::has_pin<R> &&
                    detail::has_copy<R> && detail::has_reserved<R>;

/// A residency that keeps whole objects in slots, can save all of them from an interrupt, and lets
/// the allocator's state pass by. See `object_cache`.
template <class R>
concept object_residency = residency<R> && requires(R& r) {
    r.critical();
    r.medium();
    { r.persist() } -> std::same_as<result<void>>;
};

/// Names each member that a bound residency lacks.
template <class R>
consteval void check_residency() {
    check_storage<R>();
    static_assert(
        detail::has_start<R>,
        "residency: missing 'result<void> start(address end)', which drops all RAM copies "
        "and serves addresses below end, or 'void stop() noexcept'");
    static_assert(
        detail::has_pin<R>,
        "residency: missing 'result<pinned_bytes> pin(address, std::size_t count, std::size_t "
        "unit, access)' or "
        "'void unpin(std::size_t slot) noexcept'");
    static_assert(detail::has_copy<R>,
                  "residency: missing 'result<pinned_bytes> copy_out(address, std::size_t)', "
                  "'result<void> put_back(const pinned_bytes&, address)' or 'void discard(const "
                  "pinned_bytes&) noexcept'");
    static_assert(detail::has_reserved<R>,
                  "residency: missing 'read_reserved(std::span<std::byte>)' or "
                  "'write_reserved(std::span<const std::byte>)', each returning result<void>");
}

} // namespace vmem

#endif
