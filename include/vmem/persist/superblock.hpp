// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_PERSIST_SUPERBLOCK_HPP
#define VMEM_PERSIST_SUPERBLOCK_HPP

#include <vmem/persist/crc32c.hpp>
#include <vmem/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace vmem {

/// Version of the format of the bytes on storage; the library's own version is `vmem::version`.
inline constexpr std::uint32_t media_version = 2;

/// An object that a program finds again after a reboot by its name; follows the superblock.
struct root_entry {
    /// Bytes of a name.
    static constexpr std::size_t name_size = 16;

    /// Filled up with zeros; all zero where there is no root.
    std::array<char, name_size> name{};
    /// `sizeof` of what it points to.
    std::uint32_t size = 0;
    /// Its `type_tag`.
    std::uint32_t tag = 0;
    /// In virtual memory.
    std::uint64_t address = 0;
};
static_assert(sizeof(root_entry) == 32 && std::is_trivially_copyable_v<root_entry> &&
              std::has_unique_object_representations_v<root_entry>);

/// What an image says of itself: at address 0, and again at `second`. Both copies are valid; what
/// is written next goes to the older one. Native byte order: an image of the other order has
/// another magic.
struct superblock {
    static constexpr std::uint64_t magic_number = 0x0A1A0A0D6D656D76; // "vmem\r\n\x1a\n"

    std::uint64_t magic = magic_number;
    std::uint32_t format = media_version;
    /// Bytes at the start of virtual memory that no address reaches.
    std::uint32_t page_size = 0;
    /// Bytes of virtual memory, the reserved ones included.
    std::uint64_t size = 0;
    std::uint32_t address_bits = 0;
    /// `media_id` of the allocator.
    std::uint32_t allocator = 0;
    /// Each copy has the number after the one that was newest when it was written. The copy at
    /// address 0 has even numbers.
    std::uint64_t sequence = 0;
    /// Where virtual memory starts on the storage (bytes).
    std::uint64_t data = 0;
    /// Where the second copy is (bytes).
    std::uint64_t second = 0;
    /// 1: pages, 2: objects.
    std::uint32_t residency = 0;
    /// 0: none, 1: on_persist, 2: journaled.
    std::uint32_t durability = 0;
    // The commit that wrote this copy; see `journal_storage`.
    /// Bytes of its log, which follows the roots.
    std::uint64_t log_bytes = 0;
    std::uint32_t log_crc = 0;
    /// Blocks that it wrote before it was complete.
    std::uint32_t spilled = 0;
    std::uint32_t spilled_crc = 0;
    /// Bytes of such a block; 0 without a journal.
    std::uint32_t block = 0;
    /// Entries that follow this struct.
    std::uint32_t roots = 0;
    std::uint32_t roots_crc = 0;
    std::array<std::uint32_t, 7> unused{};
    /// CRC-32C of all before. It stays here in every version from 2 on.
    std::uint32_t crc = 0;

    /// Fills in both checksums.
    void seal(std::span<const root_entry> entries) noexcept {
        roots = static_cast<std::uint32_t>(entries.size());
        roots_crc = entries.empty() ? 0 : crc32c(std::as_bytes(entries));
        crc = checksum();
    }
    /// With both checksums filled in.
    [[nodiscard]] superblock sealed(std::span<const root_entry> entries = {}) const noexcept {
        superblock copy = *this;
        copy.seal(entries);
        return copy;
    }

    /// Whether these are the bytes of a superblock: not_formatted, version_too_old (a whole one of
    /// version 1), corrupt.
    [[nodiscard]] result<void> verify() const noexcept {
        if (magic != magic_number) {
            return failure(errc::not_formatted);
        }
        if (crc == checksum()) {
            return {};
        }
        // Its superblock had 64 bytes.
        const auto bytes = std::as_bytes(std::span{this, 1});
        const bool is_first = format == 1 && is_first_version(bytes);
        return failure(is_first ? errc::version_too_old : errc::corrupt);
    }

    /// Whether an image that `found` describes can be taken up by the composition that would write
    /// `*this`: the errors of `verify`, version_too_old, version_too_new, geometry_mismatch, or
    /// truncated when `found` is larger than the storage at hand.
    [[nodiscard]] result<void> accepts(const superblock& found) const noexcept {
        if (const auto valid = found.verify(); !valid) {
            return valid;
        }
        if (found.format != format) {
            return failure(found.format < format ? errc::version_too_old : errc::version_too_new);
        }
        const bool same = found.page_size == page_size && found.address_bits == address_bits &&
                          found.allocator == allocator && found.residency == residency &&
                          found.data == data && found.second == second && found.block == block &&
                          found.roots == roots;
        if (!same) {
            return failure(errc::geometry_mismatch);
        }
        if (found.size > size) {
            return failure(errc::truncated);
        }
        return {};
    }

private:
    [[nodiscard]] std::uint32_t checksum() const noexcept {
        return crc32c(std::as_bytes(std::span{this, 1}).first(offsetof(superblock, crc)));
    }
    /// Whether bytes 60 to 63 are the checksum of those before.
    [[nodiscard]] static bool is_first_version(std::span<const std::byte> bytes) noexcept {
        const std::uint32_t sum = crc32c(bytes.first(60));
        return crc32c(bytes.first(64)) == crc32c(std::as_bytes(std::span{&sum, 1}), sum);
    }
};
static_assert(sizeof(superblock) == 128 && std::is_trivially_copyable_v<superblock> &&
              std::has_unique_object_representations_v<superblock>);

} // namespace vmem

#endif
