// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/sd_protocol.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <vector>

namespace {

TEST_CASE("sd_protocol: checksums of the specification's examples") {
    using bytes = std::array<std::byte, 5>;
    CHECK(vmem::sd_crc7(bytes{std::byte{0x40}}) == std::byte{0x95});
    CHECK(vmem::sd_crc7(bytes{std::byte{0x51}}) == std::byte{0x55});
    CHECK(vmem::sd_crc7(bytes{std::byte{0x48}, {}, {}, std::byte{0x01}, std::byte{0xAA}}) ==
          std::byte{0x87});
    const std::vector<std::byte> ones(512, std::byte{0xFF});
    CHECK(vmem::sd_crc16(ones) == 0x7FA1);
    CHECK(vmem::sd_crc16(std::span(ones).subspan(100),
                         vmem::sd_crc16(std::span(ones).first(100))) == 0x7FA1);
}

TEST_CASE("sd_protocol: sizes of cards") {
    std::array<std::byte, 16> csd{};
    csd[0] = std::byte{0x40};
    csd[8] = std::byte{0x3B};
    csd[9] = std::byte{0x37};
    CHECK(vmem::sd_sectors(csd) == 15'523'840); // 8 GB
    // 1 GB: 3905 times 512 blocks of 512 bytes.
    csd = {};
    csd[5] = std::byte{0x59};
    csd[6] = std::byte{0x03};
    csd[7] = std::byte{0xD0};
    csd[8] = std::byte{0x00};
    csd[9] = std::byte{0x03};
    csd[10] = std::byte{0x80};
    CHECK(vmem::sd_sectors(csd) == 3905u * 512);
}

} // namespace
