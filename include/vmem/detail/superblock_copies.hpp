// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_SUPERBLOCK_COPIES_HPP
#define VMEM_DETAIL_SUPERBLOCK_COPIES_HPP

#include <vmem/config.hpp>
#include <vmem/detail/raw_object.hpp>
#include <vmem/detail/unit_io.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vmem::detail {

/// What is in the two places of a superblock.
struct superblock_copies {
    std::array<superblock, 2> copies;
    std::array<bool, 2> valid{};
    /// Why there is no image if neither is valid.
    errc why = errc::not_formatted;

    /// Whether one is valid.
    [[nodiscard]] bool any() const noexcept { return valid[0] || valid[1]; }
    /// The valid copy with the highest number. Precondition: there is one.
    [[nodiscard]] const superblock& newest() const noexcept {
        return copies[valid[1] && (!valid[0] || copies[1].sequence > copies[0].sequence) ? 1 : 0];
    }
    /// Makes the copy one that is not valid, because of an error.
    void reject(std::size_t n, errc code) noexcept {
        valid[n] = false;
        // That there is something damaged says more than that there is something else.
        why = why == errc::corrupt || code == errc::not_formatted ? why : code;
    }
};

/// Whether an error of a storage says that the bytes are damaged, not that it failed.
[[nodiscard]] constexpr bool is_damage(errc code) noexcept {
    return code == errc::corrupt || code == errc::out_of_range;
}

/// Reads the roots that follow the superblock at `at`. Errors: corrupt, the storage's.
template <class Storage>
[[nodiscard]] result<void> read_roots(Storage& storage, address at, const superblock& head,
                                      std::span<root_entry> out) {
    if (const auto read = read_any(storage, at + sizeof(superblock), std::as_writable_bytes(out));
        !read) {
        return read;
    }
    return crc32c(std::as_bytes(out)) == head.roots_crc ? result<void>() : failure(errc::corrupt);
}

/// Reads both copies; `roots` is for their roots, and holds none afterwards. A damaged copy is an
/// invalid one. Errors: the storage's.
template <class Storage>
[[nodiscard]] result<void> read_copies(Storage& storage, address second,
                                       std::span<root_entry> roots, superblock_copies& found) {
    for (std::size_t n = 0; n < 2; ++n) {
        superblock& copy = found.copies[n];
        const address at = n == 0 ? 0 : second;
        auto read = read_any(storage, at, std::as_writable_bytes(std::span(&copy, 1)));
        read = read ? copy.verify() : read;
        if (read && copy.format == media_version && copy.roots == roots.size()) {
            read = copy.sequence % 2 == n ? read_roots(storage, at, copy, roots)
                                          : failure(errc::corrupt);
        }
        found.valid[n] = read.has_value();
        if (!read) {
            const errc code = read.error();
            if (!is_damage(code) && code != errc::not_formatted && code != errc::version_too_old) {
                return read;
            }
            found.reject(n, code == errc::out_of_range ? errc::not_formatted : code);
        }
    }
    return {};
}

/// Makes the copy at `at` invalid. Errors: the storage's.
template <class Storage>
[[nodiscard]] result<void> wipe_copy(Storage& storage, address at) {
    constexpr std::array<std::byte, align_up(sizeof(superblock), access_unit<Storage>)> zeros{};
    return storage.write(at, zeros);
}

/// Makes both copies invalid, the older one first: the image that was there is there until the last
/// step, and as it was. Errors: the storage's. Two syncs.
template <class Storage>
[[nodiscard]] result<void> wipe_copies(Storage& storage, address second) {
    // Of each its number and 1, or 0.
    std::array<std::uint64_t, 2> ages{};
    for (std::size_t n = 0; n < 2; ++n) {
        raw_object<superblock> copy;
        const auto read = read_any(storage, n == 0 ? 0 : second, copy.bytes());
        if (!read && !is_damage(read.error())) {
            return read;
        }
        ages[n] = read && copy.get().verify() ? copy.get().sequence + 1 : 0;
    }
    for (const bool first : {ages[0] <= ages[1], ages[0] > ages[1]}) {
        auto done = wipe_copy(storage, first ? 0 : second);
        done = done ? storage.sync() : done;
        if (!done) {
            return done;
        }
    }
    return {};
}

} // namespace vmem::detail

#endif
