// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_CSTRING_HPP
#define VMEM_CSTRING_HPP

#include <vmem/any_ptr.hpp>
#include <vmem/detail/byte_run.hpp>
#include <vmem/ranges.hpp>
#include <vmem/vptr.hpp>

#include <cstddef>
#include <cstring>
#include <limits>
#include <span>

/// \file
/// The functions of <cstring> where at least one operand is a `vptr` or an `any_ptr`; the others
/// may be raw pointers, or belong to other heaps. Semantics as in C, except that the target comes
/// back as the type it was. Found by argument-dependent look-up; calls with raw pointers only stay
/// the standard library's.
///
/// They run page by page, at the speed of the C library within a page, and pin at most one frame of
/// a heap, two for moments. Where only one is to be had, they go through 128 bytes of stack. An
/// error (null, beyond the end, the storage's) goes to the fault handler of the heap it occurred
/// in; a part of the target may then be written. Storage operations: at most two per page touched,
/// or per 128 bytes of one where a single frame is left.
namespace vmem {

namespace detail {

/// No text is longer.
inline constexpr std::size_t unlimited = (std::numeric_limits<std::ptrdiff_t>::max)();

[[nodiscard]] inline std::size_t text_length(const std::byte* text, std::size_t n) noexcept {
    if (n == unlimited) {
        return std::strlen(reinterpret_cast<const char*>(text));
    }
    const auto* const end = static_cast<const std::byte*>(std::memchr(text, 0, n));
    return end == nullptr ? n : static_cast<std::size_t>(end - text);
}
template <class Heap>
[[nodiscard]] std::size_t text_length(vptr<const std::byte, Heap> text,
                                      std::size_t n) noexcept(Heap::nothrow_access) {
    std::size_t length = 0;
    for (const std::span<const std::byte> chunk : chunks(text, n)) {
        const std::size_t run = text_length(chunk.data(), chunk.size());
        length += run;
        if (run != chunk.size()) {
            break;
        }
    }
    return length;
}

/// Bytes before the terminator, or `n` if there is none among the first `n`.
template <text_source From>
[[nodiscard]] std::size_t length_within(From from, std::size_t n) noexcept(nothrow_operands<From>) {
    return with_bytes<const std::byte>(from, [n](auto text) { return text_length(text, n); });
}

inline void set_bytes(std::byte* to, int value, std::size_t n) noexcept {
    std::memset(to, value, n);
}
template <class Heap>
void set_bytes(vptr<std::byte, Heap> to, int value, std::size_t n) noexcept(Heap::nothrow_access) {
    check_end(to, n);
    for (const std::span<std::byte> chunk : chunks(to, n)) {
        std::memset(chunk.data(), value, chunk.size());
    }
}

} // namespace detail

/// Copies `n` bytes; returns `to`. Unlike in C the two may overlap. A page of virtual memory that
/// is overwritten whole is not read first, if the source is raw or starts at the same place of a
/// page.
template <detail::byte_target To, detail::byte_source From>
    requires detail::some_virtual<To, From>
To memcpy(To to, From from, std::size_t n) noexcept(detail::nothrow_operands<To, From>) {
    detail::move_bytes(to, from, n);
    return to;
}

/// Copies `n` bytes, which may overlap; returns `to`. A raw pointer into a pinned page is not
/// recognised as overlapping that page.
template <detail::byte_target To, detail::byte_source From>
    requires detail::some_virtual<To, From>
To memmove(To to, From from, std::size_t n) noexcept(detail::nothrow_operands<To, From>) {
    detail::move_bytes(to, from, n);
    return to;
}

/// Sets `n` bytes to `value`, converted to unsigned char; returns `to`.
template <detail::byte_target To>
    requires detail::some_virtual<To>
To memset(To to, int value, std::size_t n) noexcept(detail::nothrow_operands<To>) {
    detail::with_bytes<std::byte>(to, [&](auto bytes) { detail::set_bytes(bytes, value, n); });
    return to;
}

/// Compares `n` bytes as unsigned char: negative, 0 or positive.
template <detail::byte_source A, detail::byte_source B>
    requires detail::some_virtual<A, B>
[[nodiscard]] int memcmp(A a, B b, std::size_t n) noexcept(detail::nothrow_operands<A, B>) {
    return detail::compare_bytes<false>(a, b, n);
}

/// Characters before the terminator. Precondition: there is one; a text that runs on to the end of
/// the memory is a fault.
template <detail::text_source Text>
    requires detail::some_virtual<Text>
[[nodiscard]] std::size_t strlen(Text text) noexcept(detail::nothrow_operands<Text>) {
    return detail::length_within(text, detail::unlimited);
}

/// Copies a text with its terminator; returns `to`. Reads `from` twice.
template <detail::text_target To, detail::text_source From>
    requires detail::some_virtual<To, From>
To strcpy(To to, From from) noexcept(detail::nothrow_operands<To, From>) {
    detail::move_bytes(to, from, detail::length_within(from, detail::unlimited) + 1);
    return to;
}

/// Copies a text, but at most `n` characters, and fills up to `n` with zeros: as in C there is no
/// terminator if the text has `n` characters or more. Returns `to`.
template <detail::text_target To, detail::text_source From>
    requires detail::some_virtual<To, From>
To strncpy(To to, From from, std::size_t n) noexcept(detail::nothrow_operands<To, From>) {
    detail::with_bytes<std::byte>(to, [&](auto bytes) { detail::check_end(bytes, n); });
    const std::size_t length = detail::length_within(from, n);
    detail::move_bytes(to, from, length);
    detail::with_bytes<std::byte>(
        to, [&](auto bytes) { detail::set_bytes(detail::ahead(bytes, length), 0, n - length); });
    return to;
}

/// Compares texts: negative, 0 or positive.
template <detail::text_source A, detail::text_source B>
    requires detail::some_virtual<A, B>
[[nodiscard]] int strcmp(A a, B b) noexcept(detail::nothrow_operands<A, B>) {
    return detail::compare_bytes<true>(a, b, detail::unlimited);
}

/// Compares texts, but at most `n` characters: negative, 0 or positive.
template <detail::text_source A, detail::text_source B>
    requires detail::some_virtual<A, B>
[[nodiscard]] int strncmp(A a, B b, std::size_t n) noexcept(detail::nothrow_operands<A, B>) {
    return detail::compare_bytes<true>(a, b, n);
}

} // namespace vmem

#endif
