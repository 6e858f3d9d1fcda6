// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_PERSIST_CONTENT_SUM_HPP
#define VMEM_PERSIST_CONTENT_SUM_HPP

#include <vmem/config.hpp>
#include <vmem/persist/crc32c.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace vmem {

/// How to compute a `content_sum` in the least code: the upper half of each byte first.
struct content_sum_nibbles {
    /// The remainder (the sum's complement) after `bytes`. O(n).
    [[nodiscard]] static constexpr std::uint32_t update(std::uint32_t remainder,
                                                        std::span<const std::byte> bytes) noexcept {
        const auto& table = detail::crc32c_tables<1, 4>[0];
        for (const std::byte value : bytes) {
            remainder ^= std::to_integer<std::uint32_t>(value) * 0x101 >> 4 & 0xFF;
            remainder = (remainder >> 4) ^ table[remainder & 15];
            remainder = (remainder >> 4) ^ table[remainder & 15];
        }
        return remainder;
    }
};

/// How to compute a `content_sum` with the fastest CRC-32C there is, of bytes turned on the stack.
struct content_sum_blocks {
    /// The remainder after `bytes`. O(n).
    [[nodiscard]] static constexpr std::uint32_t update(std::uint32_t remainder,
                                                        std::span<const std::byte> bytes) noexcept {
        std::array<std::byte, 256> turned{};
        while (!bytes.empty()) {
            const auto part = bytes.first(detail::lesser(bytes.size(), turned.size()));
            for (std::size_t n = 0; n < part.size(); ++n) {
                turned[n] = part[n] << 4 | part[n] >> 4;
            }
            remainder = crc32c_automatic::update(remainder, std::span(turned).first(part.size()));
            bytes = bytes.subspan(part.size());
        }
        return remainder;
    }
};

/// Tells contents apart that are somebody else's: CRC-32C of `bytes` with the halves of each
/// swapped, continued from `sum` of what came before.
///
/// Why not of the bytes as they are: a record that ends with its own CRC-32C, as records often do,
/// leaves the same remainder whatever it says. So one could be taken for another, older one at the
/// same place, and a log that is not there for one that is.
template <
    class Method = std::conditional_t<sizeof(void*) >= 8, content_sum_blocks, content_sum_nibbles>>
[[nodiscard]] constexpr std::uint32_t content_sum(std::span<const std::byte> bytes,
                                                  std::uint32_t sum = 0) noexcept {
    return crc32c<Method>(bytes, sum);
}

} // namespace vmem

#endif
