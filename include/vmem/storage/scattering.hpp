// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_SCATTERING_HPP
#define VMEM_STORAGE_SCATTERING_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <concepts>
#include <cstddef>
#include <span>

/// \file
/// Bytes that lie in one place of the storage and go to many places of RAM, in one operation: the
/// counterpart of gathering.hpp, for whoever reads several pages at once. It is an optional ability
/// of a storage; `read_scattered` does the same with every other one, in more operations.
namespace vmem {

namespace detail {

struct no_targets {
    std::span<std::byte> operator()() const noexcept { return {}; }
};

} // namespace detail

/// A storage with `result<void> read_scattered(address from, address count, auto& next)`: one read
/// of `count` bytes into the spans which `next()` returns, one after the other, up to an empty one.
/// Together they have `count` bytes, and all of them stay valid until `read_scattered` returns. The
/// errors are those of `read`.
template <class S>
concept scattering_storage = storage<S> && requires(S& s, address at, detail::no_targets& next) {
    { s.read_scattered(at, at, next) } -> std::same_as<result<void>>;
};

/// Reads the `count` bytes at `from` into the spans that `next()` yields, in ascending order; each
/// starts and ends at a multiple of `read_size` from `from`. Errors: the storage's; then the
/// contents of all spans are unspecified. One operation, or one per span where the storage cannot
/// scatter.
template <storage S, class Next>
[[nodiscard]] result<void> read_scattered(S& storage, address from, address count, Next& next) {
    if constexpr (scattering_storage<S>) {
        return storage.read_scattered(from, count, next);
    } else {
        if (const auto fits = detail::check_range(storage.size(), from, count); !fits) {
            return fits;
        }
        for (std::span<std::byte> piece = next(); !piece.empty(); piece = next()) {
            if (const auto done = storage.read(from, piece); !done) {
                return done;
            }
            from += piece.size();
        }
        return {};
    }
}

} // namespace vmem

#endif
