// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_RAM_STORAGE_HPP
#define VMEM_STORAGE_RAM_STORAGE_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>

namespace vmem {

/// `Size` bytes of the processor's own address space, zero at first: for tests, and for memory that
/// is addressable but slow or scarce in another way, such as PSRAM. The bytes are inside the
/// object, so its place decides where they live; they end with it.
///
/// Every access is one copy, O(bytes); writes are durable at once, as far as RAM goes. Errors:
/// out_of_range.
template <address Size>
class ram_storage {
    static_assert(Size > 0, "ram_storage: needs at least one byte");

public:
    /// Bytes.
    static constexpr address capacity = Size;

    [[nodiscard]] constexpr address size() const noexcept { return Size; }

    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) noexcept {
        const auto fits = detail::check_range(Size, from, out.size());
        if (fits && !out.empty()) {
            // Not memcpy: whoever has data() may pass a span of these very bytes.
            std::memmove(out.data(), data() + from, out.size());
        }
        return fits;
    }

    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) noexcept {
        const auto fits = detail::check_range(Size, to, in.size());
        if (fits && !in.empty()) {
            std::memmove(data() + to, in.data(), in.size());
        }
        return fits;
    }

    [[nodiscard]] result<void> write_gathered(address to, address count, auto& next) {
        const auto fits = detail::check_range(Size, to, count);
        for (auto piece = fits ? next() : std::span<const std::byte>(); !piece.empty();
             piece = next()) {
            std::memmove(data() + to, piece.data(), piece.size());
            to += piece.size();
        }
        return fits;
    }

    [[nodiscard]] constexpr result<void> sync() noexcept { return {}; }

    /// The bytes, aligned for every standard type.
    [[nodiscard]] constexpr std::byte* data() noexcept { return bytes_.data(); }
    [[nodiscard]] constexpr const std::byte* data() const noexcept { return bytes_.data(); }

private:
    alignas(std::max_align_t) std::array<std::byte, Size> bytes_{};
};
static_assert(memory_mapped_storage<ram_storage<1>> && fixed_size_storage<ram_storage<1>> &&
              gathering_storage<ram_storage<1>>);

} // namespace vmem

#endif
