// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_CONCEPT_HPP
#define VMEM_ALLOCATOR_CONCEPT_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>

#include <concepts>
#include <cstddef>
#include <span>

/// \file
/// Who hands out RAM? A RAM allocator manages an arena, a span of bytes of any size and alignment
/// that outlives it, and keeps its state inside the arena and itself.
///
/// Contract:
/// - `allocate(size, align)`: `size` bytes at a multiple of `align`, a power of two, that overlap
///   no other live block. Errors: zero_size; misaligned (`align` is not a power of two);
///   out_of_memory, for every size that does not fit now, up to the largest `std::size_t`.
/// - `deallocate(p, size, align)`, with what `allocate` was asked: the block is free, and is one
///   with its free neighbours as soon as the allocator's rules allow. Errors: zero_size; misaligned
///   (`p` is not a multiple of `align`, or of what the allocator works in); double_free (the block
///   is free already); foreign_pointer (any other address that is not a live block of that size).
///   A module says which of these it cannot tell; a pointer beyond the arena, a misaligned one and
///   a block that was freed and not handed out again are always told.
/// - `reallocate(p, old_size, new_size, align)`: the block with a new size, at the same place where
///   that is possible, with as much of its contents as fits. Errors: those of both. After an error
///   the block is as it was.
/// - `allocate_at(p, size, align)`: makes these very bytes a live block, as if `allocate` had
///   chosen them, so that a layout that is known can be built again. Errors: zero_size; misaligned;
///   foreign_pointer (not within the arena); out_of_memory (not free).
/// - `sort_free()`: puts what is free into an order that follows from the layout alone. Two
///   allocators with the same live blocks that are both sorted then answer all requests alike: so
///   one that is sorted before its layout is saved can be built again to the same future.
/// - `largest_free()`: the largest size that `allocate` would grant at `default_alignment`; 0 if
///   none.
/// - The same calls on two arenas that are aligned alike give the same offsets.
/// - An arena too small for any block is not an error: each request is out_of_memory.
/// An allocator cannot be copied, and is for one thread at a time.
///
/// An allocator that can has one more member:
/// - `slide(p, size, align)`: moves a live block and its contents towards the start of the arena,
///   over what is free in front of it and up to the block before that; returns where it is then.
namespace vmem {

/// The alignment of blocks for which no other is asked (bytes): that of `malloc`.
inline constexpr std::size_t default_alignment = alignof(std::max_align_t);

/// What a RAM allocator knows of itself, in bytes unless named otherwise.
struct allocator_stats {
    /// Taken by live blocks, rounding included.
    std::size_t in_use = 0;
    /// The largest that `in_use` has been.
    std::size_t peak = 0;
    /// See `largest_free()`.
    std::size_t largest_free = 0;
    /// What is free where no block is live: the arena without the allocator's own state.
    std::size_t capacity = 0;
    /// Number of requests refused as out_of_memory.
    std::size_t failures = 0;
};

namespace detail {

template <class A>
concept has_arena_constructor = std::constructible_from<A, std::span<std::byte>>;
template <class A>
concept has_ram_allocate = requires(A& a, std::size_t n) {
    { a.allocate(n) } -> std::same_as<result<void*>>;
    { a.allocate(n, n) } -> std::same_as<result<void*>>;
};
template <class A>
concept has_ram_deallocate = requires(A& a, void* p, std::size_t n) {
    { a.deallocate(p, n, n) } -> std::same_as<result<void>>;
};
template <class A>
concept has_ram_reallocate = requires(A& a, void* p, std::size_t n) {
    { a.reallocate(p, n, n, n) } -> std::same_as<result<void*>>;
};
template <class A>
concept has_ram_allocate_at = requires(A& a, void* p, std::size_t n) {
    { a.allocate_at(p, n) } -> std::same_as<result<void>>;
    { a.allocate_at(p, n, n) } -> std::same_as<result<void>>;
};
template <class A>
concept has_ram_sort_free = requires(A& a) {
    { a.sort_free() } noexcept -> std::same_as<void>;
};
template <class A>
concept has_ram_largest_free = requires(const A& a) {
    { a.largest_free() } noexcept -> std::same_as<std::size_t>;
};
template <class A>
concept has_ram_invariants = requires(const A& a) {
    { a.invariants_hold() } noexcept -> std::same_as<bool>;
};
template <class A>
concept has_ram_stats = requires(const A& a) {
    { a.stats() } noexcept -> std::same_as<allocator_stats>;
};

} // namespace detail

/// Whether `A` has the member that moves a block.
template <class A>
concept slides_blocks = requires(A& a, void* p, std::size_t n) {
    { a.slide(p, n, n) } noexcept -> std::same_as<void*>;
};

/// See the contract above.
template <class A>
concept ram_allocator =
    detail::has_arena_constructor<A> && detail::has_ram_allocate<A> &&
    detail::has_ram_deallocate<A> && detail::has_ram_reallocate<A> &&
    detail::has_ram_allocate_at<A> && detail::has_ram_sort_free<A> &&
    detail::has_ram_largest_free<A> && detail::has_ram_invariants<A> && detail::has_ram_stats<A>;

/// Names each member that `A` lacks, one sentence each, on every compiler. Called in the body of
/// each template that takes a RAM allocator.
template <class A>
consteval void check_ram_allocator() {
    static_assert(detail::has_arena_constructor<A>,
                  "RAM allocator: missing a constructor from the arena, a 'std::span<std::byte>'");
    static_assert(detail::has_ram_allocate<A>,
                  "RAM allocator: missing 'result<void*> allocate(std::size_t size, std::size_t "
                  "align = default_alignment)'");
    static_assert(detail::has_ram_deallocate<A>,
                  "RAM allocator: missing 'result<void> deallocate(void* p, std::size_t size, "
                  "std::size_t align)'");
    static_assert(detail::has_ram_reallocate<A>,
                  "RAM allocator: missing 'result<void*> reallocate(void* p, std::size_t old_size, "
                  "std::size_t new_size, std::size_t align)'");
    static_assert(detail::has_ram_allocate_at<A>,
                  "RAM allocator: missing 'result<void> allocate_at(void* p, std::size_t size, "
                  "std::size_t align = default_alignment)'");
    static_assert(detail::has_ram_sort_free<A>,
                  "RAM allocator: missing 'void sort_free() noexcept'");
    static_assert(detail::has_ram_largest_free<A>,
                  "RAM allocator: missing 'std::size_t largest_free() const noexcept'");
    static_assert(detail::has_ram_invariants<A>,
                  "RAM allocator: missing 'bool invariants_hold() const noexcept'");
    static_assert(detail::has_ram_stats<A>,
                  "RAM allocator: missing 'allocator_stats stats() const noexcept'");
}

/// The smallest thing that is a RAM allocator: a model to copy from, never called.
struct ram_allocator_archetype {
    explicit ram_allocator_archetype(std::span<std::byte> arena) noexcept;
    [[nodiscard]] result<void*> allocate(std::size_t size, std::size_t align = default_alignment);
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size, std::size_t align);
    [[nodiscard]] result<void*> reallocate(void* p, std::size_t old_size, std::size_t new_size,
                                           std::size_t align);
    [[nodiscard]] result<void> allocate_at(void* p, std::size_t size,
                                           std::size_t align = default_alignment);
    void sort_free() noexcept;
    [[nodiscard]] std::size_t largest_free() const noexcept;
    [[nodiscard]] bool invariants_hold() const noexcept;
    [[nodiscard]] allocator_stats stats() const noexcept;
};
static_assert(ram_allocator<ram_allocator_archetype>);

} // namespace vmem

#endif
