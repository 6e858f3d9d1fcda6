// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_GATHERING_HPP
#define VMEM_STORAGE_GATHERING_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>

/// \file
/// Bytes that lie in many places of RAM and go to one place of the storage, in one operation. It is
/// an optional ability of a storage; `write_gathered` does the same with every other one.
namespace vmem {

namespace detail {

struct no_pieces {
    std::span<const std::byte> operator()() const noexcept { return {}; }
};

} // namespace detail

/// A storage with `result<void> write_gathered(address to, address count, auto& next)`: one write
/// of the `count` bytes that the spans hold which `next()` returns, one after the other, up to an
/// empty one. All of them stay valid until `write_gathered` returns. The ordering contract is that
/// of `write`, and so are the errors.
template <class S>
concept gathering_storage = storage<S> && requires(S& s, address at, detail::no_pieces& next) {
    { s.write_gathered(at, at, next) } -> std::same_as<result<void>>;
};

/// Bytes that `write_gathered` collects on the stack where the storage cannot gather.
inline constexpr std::size_t gather_buffer = 256;

/// Storage writes that `write_gathered` takes for `count` bytes; exact.
template <storage S>
[[nodiscard]] constexpr address gathered_writes(address count) noexcept {
    return gathering_storage<S> ? 1 : (count + gather_buffer - 1) / gather_buffer;
}

/// Writes the `count` bytes that `next()` yields to `[to, to + count)` in ascending order. Errors:
/// the storage's; then a prefix may have been written. `gathered_writes` operations.
template <storage S, class Next>
[[nodiscard]] result<void> write_gathered(S& storage, address to, address count, Next& next) {
    if constexpr (gathering_storage<S>) {
        return storage.write_gathered(to, count, next);
    } else {
        if (const auto fits = detail::check_range(storage.size(), to, count); !fits) {
            return fits;
        }
        std::array<std::byte, gather_buffer> buffer;
        std::span<const std::byte> piece = next();
        while (count != 0) {
            const std::size_t size = detail::lesser(buffer.size(), count);
            for (std::size_t filled = 0; filled < size; piece = piece.empty() ? next() : piece) {
                const std::size_t part = detail::lesser(piece.size(), size - filled);
                std::memcpy(buffer.data() + filled, piece.data(), part);
                piece = piece.subspan(part);
                filled += part;
            }
            if (const auto done = storage.write(to, std::span(buffer).first(size)); !done) {
                return done;
            }
            to += size;
            count -= size;
        }
        return {};
    }
}

} // namespace vmem

#endif
