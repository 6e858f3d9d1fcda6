// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_MIRROR_MARK_HPP
#define VMEM_DETAIL_MIRROR_MARK_HPP

#include <vmem/persist/crc32c.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace vmem::detail {

/// What each half of a mirror says of itself, in its last two units alike. Native byte order.
struct mirror_mark {
    static constexpr std::uint64_t magic_number = 0x0A1A0A0D72726D76; // "vmrr\r\n\x1a\n"

    std::uint64_t magic = magic_number;
    /// One higher on the half that goes on alone.
    std::uint64_t generation = 0;
    std::uint32_t unused = 0;
    std::uint32_t crc = 0;

    [[nodiscard]] std::uint32_t checksum() const noexcept {
        return crc32c(std::as_bytes(std::span(this, 1)).first(offsetof(mirror_mark, crc)));
    }
};
static_assert(sizeof(mirror_mark) == 24 && std::is_trivially_copyable_v<mirror_mark> &&
              std::has_unique_object_representations_v<mirror_mark>);

/// Whether an error says that the caller is to blame, not the medium.
[[nodiscard]] constexpr bool is_refusal(errc code) noexcept {
    return code == errc::out_of_range || code == errc::misaligned || code == errc::read_only;
}

/// The generation that a unit of a half tells, 0 if there is no mark. Errors: corrupt.
[[nodiscard]] inline result<std::uint64_t> generation_in(std::span<const std::byte> unit) noexcept {
    mirror_mark found;
    std::memcpy(&found, unit.data(), sizeof(found));
    if (found.magic != mirror_mark::magic_number) {
        return std::uint64_t{0};
    }
    if (found.crc != found.checksum()) {
        return failure(errc::corrupt);
    }
    return found.generation;
}
/// Tells the units of two halves apart without RAM for both: FNV-1a (Fowler, Noll, Vo), 64 bits.
/// Not a CRC: of all that ends with its own CRC, such as a superblock, the CRC is the same.
[[nodiscard]] inline std::uint64_t digest(std::span<const std::byte> unit) noexcept {
    std::uint64_t found = 0xCBF29CE484222325;
    for (const std::byte value : unit) {
        found = (found ^ std::to_integer<std::uint64_t>(value)) * 0x100000001B3;
    }
    return found;
}

/// Fills a unit with a mark.
inline void write_mark(std::span<std::byte> unit, std::uint64_t generation) noexcept {
    mirror_mark made;
    made.generation = generation;
    made.crc = made.checksum();
    std::memset(unit.data(), 0, unit.size());
    std::memcpy(unit.data(), &made, sizeof(made));
}

} // namespace vmem::detail

#endif
