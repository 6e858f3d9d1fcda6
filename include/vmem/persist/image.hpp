// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_PERSIST_IMAGE_HPP
#define VMEM_PERSIST_IMAGE_HPP

#include <vmem/config.hpp>
#include <vmem/persist/content_sum.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

/// \file
/// What a persist writes: a header; a bit for each slot that holds an object; those slots; the
/// unsaved bytes of their objects, in the order of the slots and ascending; a CRC-32C of all that.
/// There are two places for it, and what is written next goes to the one that is older, so that a
/// torn image leaves the one before. An image without objects says that nothing is left to save.
namespace vmem {

/// What an image says of itself. Native byte order: an image of the other order has another magic.
struct image_header {
    static constexpr std::uint64_t magic_number = 0x0A1A0A0D73656A62; // "bjes\r\n\x1a\n"

    std::uint64_t magic = magic_number;
    /// Each image has the number after the one before it; the highest counts.
    std::uint64_t sequence = 0;
    /// Bytes, from the header to the CRC.
    std::uint64_t size = 0;
    /// The raw address of the arena.
    std::uint64_t arena = 0;
    /// A block that was freed, which the allocator may not have written down yet; 0 if none.
    std::uint64_t freed = 0;
    std::uint32_t format = media_version;
    /// Objects.
    std::uint32_t objects = 0;
    // What makes the slots mean the same to whoever reads them.
    std::uint32_t arena_bytes = 0;
    std::uint32_t max_objects = 0;
    std::uint32_t slot_size = 0;
    std::uint32_t unused = 0;
};
static_assert(sizeof(image_header) == 64 && std::is_trivially_copyable_v<image_header> &&
              std::has_unique_object_representations_v<image_header>);

/// Hands out the bytes of an image, piece by piece, as `write_gathered` asks for them. The table
/// and the arena do not change meanwhile.
template <class Table, class Arena>
class image_pieces {
public:
    image_pieces(const image_header& header, const Table& table, const Arena& arena) noexcept
        : header_(header), table_(table), arena_(arena) {}

    /// To be called for each slot that holds an object.
    void add(std::size_t slot) noexcept {
        held_[slot / 8] = static_cast<std::uint8_t>(held_[slot / 8] | 1U << slot % 8);
    }

    /// The next piece; empty at the end.
    [[nodiscard]] std::span<const std::byte> operator()() noexcept {
        const std::span<const std::byte> piece = next();
        crc_ = content_sum(piece, crc_);
        return piece;
    }

private:
    enum class stage : std::uint8_t { header, held, slots, bytes, end };

    [[nodiscard]] std::span<const std::byte> next() noexcept {
        switch (stage_) {
        case stage::header:
            stage_ = header_.objects != 0 ? stage::held : stage::bytes;
            return std::as_bytes(std::span(&header_, 1));
        case stage::held:
            stage_ = stage::slots;
            return std::as_bytes(std::span(held_));
        case stage::slots:
            if (const std::size_t count = next_slots(); count != 0) {
                return std::as_bytes(std::span(&table_[slot_ - count], count));
            }
            stage_ = stage::bytes;
            slot_ = 0;
            [[fallthrough]];
        case stage::bytes:
            for (; header_.objects != 0 && slot_ < Table::none; ++slot_, offset_ = 0) {
                const auto [begin, end] = table_.unsaved(slot_, offset_);
                if (begin != end) {
                    offset_ = end;
                    return {arena_.at(table_[slot_].place) + begin, end - begin};
                }
            }
            stage_ = stage::end;
            all_ = crc_;
            return std::as_bytes(std::span(&all_, 1));
        case stage::end:
            break;
        }
        return {};
    }

    /// As many as lie side by side, and end at `slot_`.
    [[nodiscard]] std::size_t next_slots() noexcept {
        while (slot_ < Table::none && !table_.holds(slot_)) {
            ++slot_;
        }
        const std::size_t first = slot_;
        // The one at the end is none.
        while (table_.holds(slot_)) {
            ++slot_;
        }
        return slot_ - first;
    }

    const image_header& header_;
    const Table& table_;
    const Arena& arena_;
    std::size_t slot_ = 0;
    std::size_t offset_ = 0;
    /// Of the pieces so far.
    std::uint32_t crc_ = 0;
    /// Of all but itself.
    std::uint32_t all_ = 0;
    stage stage_ = stage::header;
    /// A bit for each slot.
    std::array<std::uint8_t, Table::bit_bytes> held_{};
};

/// Reads an image from its start on. An error sticks: after the first failure nothing is read.
template <storage Storage>
class image_reader {
public:
    image_reader(Storage& storage, address at) noexcept : storage_(storage), at_(at) {}

    void read(std::span<std::byte> out) {
        if (outcome_) {
            outcome_ = storage_.read(at_, out);
            at_ += out.size();
        }
    }
    /// The first error of all reads so far.
    [[nodiscard]] const result<void>& outcome() const noexcept { return outcome_; }

private:
    Storage& storage_;
    address at_;
    result<void> outcome_;
};

/// The header of the image at `at`; its magic is 0 if there is no whole image of at most `most`
/// bytes. Errors: the storage's. Reads all of it.
template <storage Storage>
[[nodiscard]] result<image_header> verified_image(Storage& storage, address at, address most) {
    image_header header;
    image_reader reader(storage, at);
    reader.read(std::as_writable_bytes(std::span(&header, 1)));
    constexpr image_header nothing{.magic = 0};
    std::uint32_t crc = 0;
    if (reader.outcome() && (header.magic != image_header::magic_number || header.size > most ||
                             header.size < sizeof(header) + sizeof(crc))) {
        return nothing;
    }
    std::uint32_t found = content_sum(std::as_bytes(std::span(&header, 1)));
    std::array<std::byte, 256> buffer;
    for (auto left = static_cast<address>(header.size) - sizeof(header) - sizeof(crc);
         left != 0 && reader.outcome();) {
        const auto part = std::span(buffer).first(detail::lesser(buffer.size(), left));
        reader.read(part);
        found = content_sum(part, found);
        left -= part.size();
    }
    reader.read(std::as_writable_bytes(std::span(&crc, 1)));
    if (!reader.outcome()) {
        return failure(reader.outcome().error());
    }
    return found == crc ? header : nothing;
}

} // namespace vmem

#endif
