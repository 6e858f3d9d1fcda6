// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_PERSIST_CRC32C_HPP
#define VMEM_PERSIST_CRC32C_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#if defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace vmem {

namespace detail {

/// `tables[n][value]`: the remainder of `value` followed by `n` zero units of `Bits` bits.
template <std::size_t Tables, unsigned Bits>
inline constexpr auto crc32c_tables = [] {
    std::array<std::array<std::uint32_t, std::size_t{1} << Bits>, Tables> tables{};
    for (std::uint32_t value = 0; value < tables[0].size(); ++value) {
        std::uint32_t remainder = value;
        for (auto& table : tables) {
            for (unsigned bit = 0; bit < Bits; ++bit) {
                remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0x82F63B78U : 0U);
            }
            table[value] = remainder;
        }
    }
    return tables;
}();

} // namespace detail

/// How to compute a CRC-32C: two look-ups per byte in a table of 16 words, 64 bytes of flash.
struct crc32c_nibbles {
    /// The remainder (the CRC's complement) after `bytes`. O(n).
    [[nodiscard]] static constexpr std::uint32_t update(std::uint32_t remainder,
                                                        std::span<const std::byte> bytes) noexcept {
        const auto& table = detail::crc32c_tables<1, 4>[0];
        for (const std::byte value : bytes) {
            remainder ^= std::to_integer<std::uint32_t>(value);
            remainder = (remainder >> 4) ^ table[remainder & 15];
            remainder = (remainder >> 4) ^ table[remainder & 15];
        }
        return remainder;
    }
};

/// How to compute a CRC-32C: eight bytes at a time with eight independent look-ups, in tables of
/// 8 KiB. Source: Kounavis, Berry, "A systematic approach to building high performance
/// software-based CRC generators", ISCC 2005 (slicing-by-8).
struct crc32c_slices {
    /// The remainder (the CRC's complement) after `bytes`. O(n).
    [[nodiscard]] static constexpr std::uint32_t update(std::uint32_t remainder,
                                                        std::span<const std::byte> bytes) noexcept {
        const auto& tables = detail::crc32c_tables<8, 8>;
        for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
            const std::uint32_t low = remainder ^ word(bytes);
            const std::uint32_t high = word(bytes.subspan(4));
            remainder = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^
                        tables[5][low >> 16 & 255] ^ tables[4][low >> 24] ^ tables[3][high & 255] ^
                        tables[2][high >> 8 & 255] ^ tables[1][high >> 16 & 255] ^
                        tables[0][high >> 24];
        }
        for (const std::byte value : bytes) {
            remainder = (remainder >> 8) ^
                        tables[0][(remainder ^ std::to_integer<std::uint32_t>(value)) & 255];
        }
        return remainder;
    }

private:
    /// Little-endian on every machine.
    [[nodiscard]] static constexpr std::uint32_t word(std::span<const std::byte> bytes) noexcept {
        return std::to_integer<std::uint32_t>(bytes[0]) |
               std::to_integer<std::uint32_t>(bytes[1]) << 8 |
               std::to_integer<std::uint32_t>(bytes[2]) << 16 |
               std::to_integer<std::uint32_t>(bytes[3]) << 24;
    }
};

// A compiler for x86-64 may use the instruction in one function although the program as a whole is
// for processors that need not have it; whether this one does is asked at run time.
#if defined(__GNUC__) && defined(__x86_64__) && (defined(__SSE4_2__) || __STDC_HOSTED__)

/// How to compute a CRC-32C: with the processor's instruction for it, eight bytes at a time.
struct crc32c_instruction {
    /// Whether this processor has the instruction. One load.
    [[nodiscard]] static bool available() noexcept {
#if defined(__SSE4_2__)
        return true;
#else
        return __builtin_cpu_supports("sse4.2") != 0;
#endif
    }
    /// Precondition: `available()`.
    [[nodiscard, gnu::target("sse4.2")]] static std::uint32_t
    update(std::uint32_t remainder, std::span<const std::byte> bytes) noexcept {
        unsigned long long wide = remainder;
        for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
            unsigned long long word = 0;
            std::memcpy(&word, bytes.data(), 8);
            wide = __builtin_ia32_crc32di(wide, word);
        }
        remainder = static_cast<std::uint32_t>(wide);
        for (const std::byte value : bytes) {
            remainder = __builtin_ia32_crc32qi(remainder, std::to_integer<unsigned char>(value));
        }
        return remainder;
    }
};

#elif defined(__ARM_FEATURE_CRC32)

/// How to compute a CRC-32C: with the processor's instruction for it, four bytes at a time.
struct crc32c_instruction {
    [[nodiscard]] static constexpr bool available() noexcept { return true; }
    [[nodiscard]] static std::uint32_t update(std::uint32_t remainder,
                                              std::span<const std::byte> bytes) noexcept {
        for (; bytes.size() >= 4; bytes = bytes.subspan(4)) {
            std::uint32_t word = 0;
            std::memcpy(&word, bytes.data(), 4);
            remainder = __crc32cw(remainder, word);
        }
        for (const std::byte value : bytes) {
            remainder = __crc32cb(remainder, std::to_integer<std::uint8_t>(value));
        }
        return remainder;
    }
};

#else

/// This processor has no instruction for it, or the compiler does not know.
struct crc32c_instruction {
    /// Whether the processor at hand has it.
    [[nodiscard]] static constexpr bool available() noexcept { return false; }
    /// The remainder after `bytes`, by look-ups.
    [[nodiscard]] static constexpr std::uint32_t update(std::uint32_t remainder,
                                                        std::span<const std::byte> bytes) noexcept {
        return crc32c_nibbles::update(remainder, bytes);
    }
};

#endif

/// The processor's instruction where it has one; else the tables that suit the machine: nibbles
/// where memory is scarce, slices on 64 bits.
struct crc32c_automatic {
    /// The remainder after `bytes`. O(n).
    [[nodiscard]] static constexpr std::uint32_t update(std::uint32_t remainder,
                                                        std::span<const std::byte> bytes) noexcept {
        using tables = std::conditional_t<sizeof(void*) >= 8, crc32c_slices, crc32c_nibbles>;
        if (std::is_constant_evaluated()) {
            return crc32c_nibbles::update(remainder, bytes);
        }
        return crc32c_instruction::available() ? crc32c_instruction::update(remainder, bytes)
                                               : tables::update(remainder, bytes);
    }
};

/// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected, as in RFC 3720 appendix B.4) of `bytes`,
/// continued from `crc` of what came before. `Method` is how: every one gives the same value.
template <class Method = crc32c_automatic>
[[nodiscard]] constexpr std::uint32_t crc32c(std::span<const std::byte> bytes,
                                             std::uint32_t crc = 0) noexcept {
    return ~Method::update(~crc, bytes);
}

} // namespace vmem

#endif
