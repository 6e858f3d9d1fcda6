// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_NONRESIDENT_CONCEPT_HPP
#define VMEM_ALLOCATOR_NONRESIDENT_CONCEPT_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

/// \file
/// Who hands out addresses? A non-resident allocator manages a range of addresses of a storage, the
/// medium, and keeps its state on that medium; each call names the medium, so that the allocator
/// itself is a few words of RAM. `heap<>` hands it the paged memory as the medium; alone, it takes
/// any byte-addressable storage.
namespace vmem {

/// What is asked of a non-resident allocator.
struct block_request {
    /// Bytes; at least 1.
    address size = 0;
    /// A power of two: the block starts at a multiple of it.
    address align = 1;
    /// 0, or a power of two, at least `size` and `align`: the block does not cross a multiple of
    /// it. So an object smaller than a page lies in one page.
    address within = 0;
};

/// What a non-resident allocator knows of itself, in bytes unless named otherwise.
struct nonresident_stats {
    /// Taken by live blocks, their metadata included.
    address in_use = 0;
    /// Number of live blocks.
    address blocks = 0;
    /// What the allocator manages, its own state excluded.
    address capacity = 0;
};

namespace detail {

template <class A, class M>
concept has_nonresident_format = requires(A& a, M& m, address at) {
    { a.format(m, at, at) } -> std::same_as<result<void>>;
};
template <class A, class M>
concept has_nonresident_open = requires(A& a, M& m, address at) {
    { a.open(m, at, at) } -> std::same_as<result<void>>;
};
template <class A, class M>
concept has_nonresident_settle = requires(A& a, M& m) {
    { a.settle(m) } -> std::same_as<result<void>>;
};
template <class A, class M>
concept has_nonresident_allocate = requires(A& a, M& m, block_request r) {
    { a.allocate(m, r) } -> std::same_as<result<address>>;
};
template <class A, class M>
concept has_nonresident_deallocate = requires(A& a, M& m, address at) {
    { a.deallocate(m, at) } -> std::same_as<result<void>>;
};
template <class A, class M>
concept has_nonresident_inspection = requires(A& a, M& m) {
    { a.largest_free(m) } -> std::same_as<result<address>>;
    { a.invariants_hold(m) } -> std::same_as<result<bool>>;
    { a.stats(m) } -> std::same_as<result<nonresident_stats>>;
};
template <class A>
concept has_nonresident_id = requires {
    { A::media_id } -> std::convertible_to<std::uint32_t>;
    { A::max_address } -> std::convertible_to<std::uintmax_t>;
};

} // namespace detail

/// - `format(medium, begin, end)`: starts afresh on `[begin, end)`; `open` takes up what was there.
/// - `settle(medium)`: makes the state on the medium complete, before the medium is flushed.
/// - `allocate`: zero_size, out_of_memory, misaligned (a malformed request), corrupt (the state on
///   the medium is damaged), or the errors of the medium.
/// - `deallocate(medium, block)`: foreign_pointer, double_free, corrupt, or the medium's errors.
/// - After an error of the medium the call has taken effect whole or not at all, as its result
///   says.
/// - `largest_free`: largest size that `allocate` grants at alignment 1.
/// - `most_changed_pages(page_size)`, if it is there: how many pages one call changes at most, if
///   the region begins with one.
/// - `media_id`: names the layout on the medium; `max_address`: the highest address it can manage.
template <class A, class M>
concept nonresident_allocator =
    std::default_initializable<A> && detail::has_nonresident_id<A> &&
    detail::has_nonresident_format<A, M> && detail::has_nonresident_open<A, M> &&
    detail::has_nonresident_settle<A, M> && detail::has_nonresident_allocate<A, M> &&
    detail::has_nonresident_deallocate<A, M> && detail::has_nonresident_inspection<A, M>;

/// Names each member that `A`, used on a medium `M`, lacks.
template <class A, class M>
consteval void check_nonresident_allocator() {
    static_assert(std::default_initializable<A>,
                  "non-resident allocator: missing a default constructor");
    static_assert(detail::has_nonresident_id<A>,
                  "non-resident allocator: missing 'static constexpr std::uint32_t media_id' or "
                  "'static constexpr auto max_address'");
    static_assert(
        detail::has_nonresident_format<A, M>,
        "non-resident allocator: missing 'result<void> format(Medium&, address, address)'");
    static_assert(detail::has_nonresident_open<A, M>,
                  "non-resident allocator: missing 'result<void> open(Medium&, address, address)'");
    static_assert(detail::has_nonresident_settle<A, M>,
                  "non-resident allocator: missing 'result<void> settle(Medium&)'");
    static_assert(
        detail::has_nonresident_allocate<A, M>,
        "non-resident allocator: missing 'result<address> allocate(Medium&, block_request)'");
    static_assert(detail::has_nonresident_deallocate<A, M>,
                  "non-resident allocator: missing 'result<void> deallocate(Medium&, address)'");
    static_assert(detail::has_nonresident_inspection<A, M>,
                  "non-resident allocator: missing 'result<address> largest_free(Medium&)', "
                  "'result<bool> invariants_hold(Medium&)' or 'result<nonresident_stats> "
                  "stats(Medium&)'");
}

/// The smallest thing that is a non-resident allocator: a model to copy from, never called.
struct nonresident_allocator_archetype {
    static constexpr std::uint32_t media_id = 0;
    static constexpr std::uint32_t max_address = 0xFFFFFFFF;

    [[nodiscard]] result<void> format(storage auto& medium, address begin, address end);
    [[nodiscard]] result<void> open(storage auto& medium, address begin, address end);
    [[nodiscard]] result<void> settle(storage auto& medium);
    [[nodiscard]] result<address> allocate(storage auto& medium, block_request request);
    [[nodiscard]] result<void> deallocate(storage auto& medium, address block);
    [[nodiscard]] result<address> largest_free(storage auto& medium);
    [[nodiscard]] result<bool> invariants_hold(storage auto& medium);
    [[nodiscard]] result<nonresident_stats> stats(storage auto& medium);
};
static_assert(nonresident_allocator<nonresident_allocator_archetype, storage_archetype>);

} // namespace vmem

#endif
