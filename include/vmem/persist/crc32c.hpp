// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_PERSIST_CRC32C_HPP
#define VMEM_PERSIST_CRC32C_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vmem {

/// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected, as in RFC 3720 appendix B.4) of `bytes`,
/// continued from `crc` of what came before. Two look-ups per byte in a table of 16 words: 64 bytes
/// of flash.
[[nodiscard]] constexpr std::uint32_t crc32c(std::span<const std::byte> bytes,
                                             std::uint32_t crc = 0) noexcept {
    constexpr std::array<std::uint32_t, 16> table = [] {
        std::array<std::uint32_t, 16> entries{};
        for (std::uint32_t nibble = 0; nibble < 16; ++nibble) {
            std::uint32_t remainder = nibble;
            for (int bit = 0; bit < 4; ++bit) {
                remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0x82F63B78u : 0u);
            }
            entries[nibble] = remainder;
        }
        return entries;
    }();
    crc = ~crc;
    for (const std::byte value : bytes) {
        crc ^= std::to_integer<std::uint32_t>(value);
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return ~crc;
}

} // namespace vmem

#endif
