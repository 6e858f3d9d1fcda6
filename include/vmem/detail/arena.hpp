// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_ARENA_HPP
#define VMEM_DETAIL_ARENA_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

/// \file
/// What the RAM allocators have in common. Sizes are in bytes.
namespace vmem::detail {

/// `std::has_single_bit` counts bits, which is a library call on processors that cannot.
[[nodiscard]] constexpr bool is_power_of_two(std::size_t value) noexcept {
    return value != 0 && (value & (value - 1)) == 0;
}

[[nodiscard]] inline std::uintptr_t address_of(const void* p) noexcept {
    return reinterpret_cast<std::uintptr_t>(p);
}

/// False as well where `alignment` is none.
[[nodiscard]] inline bool is_aligned(const void* p, std::size_t alignment) noexcept {
    return is_power_of_two(alignment) && (address_of(p) & (alignment - 1)) == 0;
}

/// The part of `arena` that starts and ends on multiples of `granule`, a power of two, at most
/// `limit` bytes of it.
[[nodiscard]] inline std::span<std::byte>
whole_granules(std::span<std::byte> arena, std::size_t granule, std::size_t limit) noexcept {
    const std::size_t skipped = (0 - address_of(arena.data())) & (granule - 1);
    if (skipped >= arena.size()) {
        return {};
    }
    const std::size_t left = arena.size() - skipped;
    return arena.subspan(skipped, align_down(lesser(left, limit), granule));
}

/// A word of the arena, which may have held an object of any type before.
/// Precondition: `from` is aligned for `Word`.
template <class Word>
[[nodiscard, gnu::always_inline]] inline Word load(const std::byte* from) noexcept {
    Word value;
    // Without the assumption, processors that need alignment would read byte by byte.
    std::memcpy(&value, __builtin_assume_aligned(from, alignof(Word)), sizeof(Word));
    return value;
}

/// Precondition: `to` is aligned for `Word`.
template <class Word>
[[gnu::always_inline]] inline void store(std::byte* to, Word value) noexcept {
    std::memcpy(__builtin_assume_aligned(to, alignof(Word)), &value, sizeof(Word));
}

/// What is wrong with a request for `size` bytes, whatever the arena holds.
[[nodiscard]] constexpr result<void> check_request(std::size_t size,
                                                   std::size_t alignment) noexcept {
    if (size == 0) {
        return failure(errc::zero_size);
    }
    if (!is_power_of_two(alignment)) {
        return failure(errc::misaligned);
    }
    return {};
}

/// Moves a live block of `old_size` bytes to a new one of `new_size`. Where there is no room, the
/// block stays as it is.
template <class Allocator>
[[nodiscard]] result<void*> relocate(Allocator& allocator, void* p, std::size_t old_size,
                                     std::size_t new_size, std::size_t alignment) noexcept {
    const result<void*> moved = allocator.allocate(new_size, alignment);
    if (moved) {
        std::memcpy(*moved, p, lesser(old_size, new_size));
        if (const auto freed = allocator.deallocate(p, old_size, alignment); !freed) {
            return failure(freed.error());
        }
    }
    return moved;
}

} // namespace vmem::detail

#endif
