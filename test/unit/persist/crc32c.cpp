// SPDX-License-Identifier: BSL-1.0
#include <vmem/persist/crc32c.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <doctest/doctest.h>
#include <numeric>
#include <random>
#include <span>
#include <string_view>
#include <vector>

namespace {

using vmem::crc32c;

std::uint32_t of(std::string_view text, std::uint32_t crc = 0) {
    return crc32c(std::as_bytes(std::span(text)), crc);
}

/// Bit by bit, as the polynomial division is defined.
std::uint32_t reference(std::span<const std::byte> bytes) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (const std::byte value : bytes) {
        crc ^= std::to_integer<std::uint32_t>(value);
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
        }
    }
    return ~crc;
}

/// Every method, and the free function that chooses one.
std::vector<std::uint32_t> all_of(std::span<const std::byte> bytes, std::uint32_t crc = 0) {
    std::vector<std::uint32_t> sums{crc32c(bytes, crc), crc32c<vmem::crc32c_nibbles>(bytes, crc),
                                    crc32c<vmem::crc32c_slices>(bytes, crc)};
    if (vmem::crc32c_instruction::available()) {
        sums.push_back(crc32c<vmem::crc32c_instruction>(bytes, crc));
    }
    return sums;
}

constexpr std::array<std::byte, 3> abc{std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
static_assert(crc32c(abc) == 0x364B3FB7);
static_assert(crc32c<vmem::crc32c_nibbles>(abc) == 0x364B3FB7);
static_assert(crc32c<vmem::crc32c_slices>(std::array<std::byte, 32>{}) == 0x8A9136AA);

TEST_CASE("crc32c: published values") {
    CHECK(of("") == 0);
    CHECK(of("a") == 0xC1D04330);
    CHECK(of("abc") == 0x364B3FB7);
    CHECK(of("123456789") == 0xE3069283);
    // RFC 3720, appendix B.4.
    std::array<std::byte, 32> bytes{};
    CHECK(crc32c(bytes) == 0x8A9136AA);
    bytes.fill(std::byte{0xFF});
    CHECK(crc32c(bytes) == 0x62A8AB43);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(i);
    }
    CHECK(crc32c(bytes) == 0x46DD794E);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(31 - i);
    }
    CHECK(crc32c(bytes) == 0x113FDB5C);
}

TEST_CASE("crc32c: agrees with the division bit by bit, whole and continued") {
    std::mt19937_64 random;
    for (std::size_t length = 0; length < 200; ++length) {
        CAPTURE(length);
        std::vector<std::byte> bytes(length);
        for (std::byte& value : bytes) {
            value = static_cast<std::byte>(random());
        }
        const std::span<const std::byte> all(bytes);
        CHECK(crc32c(all) == reference(all));
        for (const std::uint32_t sum : all_of(all)) {
            CHECK(sum == reference(all));
        }
        const std::size_t cut = length == 0 ? 0 : random() % length;
        for (const std::uint32_t sum : all_of(all.subspan(cut), crc32c(all.first(cut)))) {
            CHECK(sum == reference(all));
        }
    }
}

#if defined(__x86_64__) && defined(__linux__)
TEST_CASE("crc32c: a processor that has the instruction is found to have it") {
    // The system's own account of the processor.
    bool has = false;
    if (std::FILE* const file = std::fopen("/proc/cpuinfo", "r"); file != nullptr) {
        std::array<char, 4096> line{};
        while (!has && std::fgets(line.data(), static_cast<int>(line.size()), file) != nullptr) {
            has = std::strstr(line.data(), " sse4_2") != nullptr;
        }
        std::fclose(file);
        CHECK(vmem::crc32c_instruction::available() == has);
    }
}
#endif

TEST_CASE("crc32c: one flipped bit, or two, always show") {
    std::array<std::byte, 24> bytes{};
    const std::uint32_t whole = crc32c(bytes);
    const auto flip = [&](std::size_t bit) {
        bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    };
    bool shown = true;
    for (std::size_t first = 0; first < 8 * bytes.size(); ++first) {
        flip(first);
        shown = shown && crc32c(bytes) != whole;
        for (std::size_t second = 0; second < first; ++second) {
            flip(second);
            shown = shown && crc32c(bytes) != whole;
            flip(second);
        }
        flip(first);
    }
    CHECK(shown);
}

} // namespace
