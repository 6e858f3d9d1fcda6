// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_RAW_FLASH_HPP
#define VMEM_TEST_SUPPORT_RAW_FLASH_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace vmem::test {

/// The least that behaves as NOR flash does: a write can only clear bits, an erase sets all bits of
/// whole sectors, and nothing goes by single bytes.
template <std::size_t Size, std::size_t WriteSize = 4, std::size_t EraseSize = 64>
class raw_flash {
public:
    static constexpr address capacity = Size;
    static constexpr storage_geometry geometry = {
        .read_size = 1, .write_size = WriteSize, .erase_size = EraseSize, .atomic_write_size = 1};

    raw_flash() { bytes_.fill(erased); }

    [[nodiscard]] address size() const noexcept { return Size; }
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        const auto fits = detail::check_range(Size, from, out.size());
        if (fits) {
            std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(from), out.size(),
                        out.begin());
        }
        return fits;
    }
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        if (const auto fits = detail::check_range(Size, to, in.size()); !fits) {
            return fits;
        }
        if ((to | in.size()) % WriteSize != 0) {
            return failure(errc::misaligned);
        }
        for (std::size_t i = 0; i < in.size(); ++i) {
            bytes_[to + i] &= in[i];
        }
        return {};
    }
    [[nodiscard]] result<void> sync() { return {}; }
    [[nodiscard]] result<void> erase(address at, address count) {
        if (at > Size || count > Size - at) {
            return failure(errc::out_of_range);
        }
        if ((at | count) % EraseSize != 0) {
            return failure(errc::misaligned);
        }
        std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at), count, erased);
        return {};
    }

private:
    static constexpr std::byte erased{0xFF};
    std::array<std::byte, Size> bytes_;
};
static_assert(storage<raw_flash<128>>);

} // namespace vmem::test

#endif
