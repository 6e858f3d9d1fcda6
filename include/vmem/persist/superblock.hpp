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
inline constexpr std::uint32_t media_version = 1;

/// What an image says of itself, at address 0. Native byte order: an image of the other order has
/// another magic.
struct superblock {
    static constexpr std::uint64_t magic_number = 0x0A1A0A0D6D656D76; // "vmem\r\n\x1a\n"

    std::uint64_t magic = magic_number;
    std::uint32_t format = media_version;
    /// Bytes; the allocator's region starts at the second page.
    std::uint32_t page_size = 0;
    /// Bytes of virtual memory, the reserved page included.
    std::uint64_t size = 0;
    std::uint32_t address_bits = 0;
    /// `media_id` of the allocator.
    std::uint32_t allocator = 0;
    std::array<std::uint32_t, 7> unused{};
    /// CRC-32C of all before.
    std::uint32_t crc = 0;

    /// With the CRC filled in.
    [[nodiscard]] superblock sealed() const noexcept {
        superblock copy = *this;
        copy.crc = copy.checksum();
        return copy;
    }

    /// Whether an image that `found` describes can be taken up by the composition that would write
    /// `*this`: not_formatted, version_too_old, version_too_new, corrupt, geometry_mismatch, or
    /// truncated when `found` is larger than the storage at hand.
    [[nodiscard]] result<void> accepts(const superblock& found) const noexcept {
        if (found.magic != magic) {
            return failure(errc::not_formatted);
        }
        if (found.crc != found.checksum()) {
            return failure(errc::corrupt);
        }
        if (found.format != format) {
            return failure(found.format < format ? errc::version_too_old : errc::version_too_new);
        }
        if (found.page_size != page_size || found.address_bits != address_bits ||
            found.allocator != allocator) {
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
};
static_assert(sizeof(superblock) == 64 && std::is_trivially_copyable_v<superblock> &&
              std::has_unique_object_representations_v<superblock>);

} // namespace vmem

#endif
