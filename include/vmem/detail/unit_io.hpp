// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_UNIT_IO_HPP
#define VMEM_DETAIL_UNIT_IO_HPP

#include <vmem/config.hpp>
#include <vmem/persist/content_sum.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

/// \file
/// Accesses to a storage at any address, whatever its `read_size` and `write_size`, and of any
/// size, through buffers on the stack.
namespace vmem::detail {

/// The larger of what a storage can read and write at least (bytes).
template <class Storage>
inline constexpr std::size_t access_unit =
    storage_traits<Storage>::read_size < storage_traits<Storage>::write_size
        ? storage_traits<Storage>::write_size
        : storage_traits<Storage>::read_size;

/// Reads any bytes, unit by unit: for few of them. Errors: the storage's.
template <class Storage>
[[nodiscard]] result<void> read_any(Storage& storage, address from, std::span<std::byte> out) {
    constexpr std::size_t unit = storage_traits<Storage>::read_size;
    if constexpr (unit == 1) {
        return storage.read(from, out);
    } else {
        std::array<std::byte, unit> buffer;
        while (!out.empty()) {
            const auto offset = static_cast<std::size_t>(from % unit);
            if (const auto done = storage.read(from - offset, buffer); !done) {
                return done;
            }
            const std::size_t part = lesser(unit - offset, out.size());
            std::memcpy(out.data(), buffer.data() + offset, part);
            out = out.subspan(part);
            from += part;
        }
        return {};
    }
}

/// Writes zeros to whole units. Errors: the storage's.
template <class Storage>
[[nodiscard]] result<void> write_zeros(Storage& storage, address to, address count) {
    constexpr std::size_t most = access_unit<Storage> < 256 ? 256 : access_unit<Storage>;
    constexpr std::array<std::byte, most> zeros{};
    while (count != 0) {
        const auto part = std::span(zeros).first(lesser(most, count));
        if (const auto done = storage.write(to, part); !done) {
            return done;
        }
        to += part.size();
        count -= part.size();
    }
    return {};
}

/// Reads bytes, at most `Most` at a time, and adds them to the `content_sum` `*crc`; if that is
/// null, writes them to another place, `to`. Precondition: both places and the count are multiples
/// of the storage's units. Errors: the storage's.
template <std::size_t Most, class Storage>
[[nodiscard]] result<void> sum_or_copy(Storage& storage, address from, address count, address to,
                                       std::uint32_t* crc) {
    std::array<std::byte, Most> buffer;
    while (count != 0) {
        const auto part = std::span(buffer).first(lesser(Most, count));
        auto done = storage.read(from, part);
        if (crc != nullptr) {
            *crc = content_sum(part, *crc);
        } else if (done) {
            done = storage.write(to, part);
        }
        if (!done) {
            return done;
        }
        from += part.size();
        to += part.size();
        count -= part.size();
    }
    return {};
}

/// Like `vmem::write_gathered`, for any `write_size`: where the storage does not gather, the whole
/// units of pieces that are as long as the buffer are not copied to it. Precondition: `to` and
/// `count` are multiples of `write_size`.
template <class Storage, class Next>
[[nodiscard]] result<void> write_pieces(Storage& storage, address to, address count, Next& next) {
    if constexpr (gathering_storage<Storage>) {
        return storage.write_gathered(to, count, next);
    } else {
        constexpr std::size_t unit = access_unit<Storage>;
        constexpr std::size_t most = unit < 256 ? 256 : unit;
        std::array<std::byte, most> buffer;
        std::size_t filled = 0;
        const auto put = [&](std::span<const std::byte> bytes) {
            const auto done = bytes.empty() ? result<void>() : storage.write(to, bytes);
            to += bytes.size();
            return done;
        };
        for (auto piece = next(); !piece.empty(); piece = piece.empty() ? next() : piece) {
            const bool direct = piece.size() >= most && filled % unit == 0;
            if (direct || filled == most) {
                auto done = put(std::span(buffer).first(filled));
                filled = 0;
                const std::size_t whole = direct ? align_down(piece.size(), unit) : 0;
                done = done ? put(piece.first(whole)) : done;
                if (!done) {
                    return done;
                }
                piece = piece.subspan(whole);
            }
            const std::size_t part = lesser(piece.size(), most - filled);
            std::memcpy(buffer.data() + filled, piece.data(), part);
            piece = piece.subspan(part);
            filled += part;
        }
        return put(std::span(buffer).first(filled));
    }
}

} // namespace vmem::detail

#endif
