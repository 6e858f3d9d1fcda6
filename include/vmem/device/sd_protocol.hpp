// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_SD_PROTOCOL_HPP
#define VMEM_DEVICE_SD_PROTOCOL_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

/// \file
/// What is said to SD cards, and how it is protected (SD Physical Layer Simplified Specification,
/// sections 4.5, 5.3 and 7.3).
namespace vmem {

/// Commands in SPI mode.
enum class sd_command : std::uint8_t {
    go_idle = 0,
    send_interface = 8,
    send_csd = 9,
    send_cid = 10,
    stop_transmission = 12,
    send_status = 13,
    set_block_size = 16,
    read_single = 17,
    read_multiple = 18,
    write_single = 24,
    write_multiple = 25,
    /// After `application`.
    operate = 41,
    application = 55,
    read_ocr = 58,
    check_crc = 59,
};

/// What begins a data block, and what ends a sequence of blocks that are written.
namespace sd_token {
/// Before a block that is read, or written alone.
inline constexpr std::byte block{0xFE};
/// Before each block of a sequence that is written.
inline constexpr std::byte next_block{0xFC};
/// After the last of them.
inline constexpr std::byte stop{0xFD};
/// What a line shows that nobody drives.
inline constexpr std::byte silence{0xFF};
} // namespace sd_token

/// CRC-7, polynomial x^7 + x^3 + 1, of a command, as it ends the command: shifted up, with the stop
/// bit. Eight steps per byte, no table: a command has five bytes.
[[nodiscard]] constexpr std::byte sd_crc7(std::span<const std::byte> command) noexcept {
    unsigned crc = 0;
    for (const std::byte value : command) {
        crc ^= std::to_integer<unsigned>(value);
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc << 1) ^ ((crc & 0x80) != 0 ? 0x12u : 0u);
        }
        crc &= 0xFF;
    }
    return static_cast<std::byte>(crc | 1);
}

/// CRC-16 of a data block, polynomial x^16 + x^12 + x^5 + 1, continued from `crc` of what came
/// before. No table: the byte's contribution is a few shifts of it.
[[nodiscard]] constexpr std::uint16_t sd_crc16(std::span<const std::byte> bytes,
                                               std::uint16_t crc = 0) noexcept {
    std::uint_fast16_t sum = crc;
    for (const std::byte value : bytes) {
        std::uint_fast16_t top = ((sum >> 8) ^ std::to_integer<std::uint_fast16_t>(value)) & 0xFF;
        top ^= top >> 4;
        sum = ((sum << 8) ^ (top << 12) ^ (top << 5) ^ top) & 0xFFFF;
    }
    return static_cast<std::uint16_t>(sum);
}

/// Sectors of the card that a CSD register describes, of version 1 or 2.
[[nodiscard]] constexpr std::uint32_t sd_sectors(const std::array<std::byte, 16>& csd) noexcept {
    std::uint32_t word = 0;
    for (std::size_t at = 6; at < 10; ++at) {
        word = word << 8 | std::to_integer<std::uint32_t>(csd[at]);
    }
    if (csd[0] >= std::byte{0x40}) {
        return ((word & 0x3F'FFFF) + 1) * 1024;
    }
    const std::uint32_t count = (word >> 14 & 0xFFF) + 1;
    const unsigned shift = ((word & 3) << 1 | std::to_integer<unsigned>(csd[10]) >> 7) + 2;
    return count << (shift + std::to_integer<unsigned>(csd[5] & std::byte{0x0F}) - 9);
}

} // namespace vmem

#endif
