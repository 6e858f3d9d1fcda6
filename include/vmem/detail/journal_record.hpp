// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_JOURNAL_RECORD_HPP
#define VMEM_DETAIL_JOURNAL_RECORD_HPP

#include <vmem/config.hpp>
#include <vmem/persist/superblock.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace vmem::detail {

/// What precedes some entries of a log, and the bytes they speak of.
struct journal_chunk {
    std::uint32_t entries;
    std::uint32_t unused;
    /// Bytes after the entries.
    std::uint64_t bytes;
};
/// Which bytes of virtual memory changed.
struct journal_entry {
    std::uint64_t at;
    std::uint64_t size;
};
static_assert(sizeof(journal_chunk) == 16 && sizeof(journal_entry) == 16 &&
              std::has_unique_object_representations_v<journal_chunk> &&
              std::has_unique_object_representations_v<journal_entry>);

/// What a commit is about to write, and where it lies in RAM until the commit is complete.
struct commit_list {
    std::span<journal_entry> room;
    const std::byte** data = nullptr;
    /// What precedes the log.
    superblock* head = nullptr;
    std::span<const root_entry> roots;
    /// How many entries there are, and of how many bytes they speak.
    journal_chunk chunk{};
    /// Of the chunks that are written (bytes).
    address log_bytes = 0;
    std::uint32_t log_crc = 0;
    /// Some of what is in the log is not in the list any more.
    bool overflowed = false;

    [[nodiscard]] bool is_full() const noexcept { return chunk.entries == room.size(); }
    [[nodiscard]] bool is_empty() const noexcept { return chunk.entries == 0; }
    void add(address at, std::span<const std::byte> in) noexcept {
        room[chunk.entries] = {.at = at, .size = in.size()};
        data[chunk.entries] = in.data();
        ++chunk.entries;
        chunk.bytes += in.size();
    }
    /// Now they are in the log alone.
    void overflow() noexcept {
        chunk = {};
        overflowed = true;
    }
    [[nodiscard]] std::span<const std::byte> piece(std::size_t n) const noexcept {
        return {data[n], static_cast<std::size_t>(room[n].size)};
    }
};

/// The memory of a `commit_list`, for the stack: 24 bytes per entry on a 64-bit machine.
template <std::size_t Entries>
struct commit_buffer {
    std::array<journal_entry, Entries> entries;
    std::array<const std::byte*, Entries> data;

    /// For a commit with this superblock, which is filled in when it is written.
    [[nodiscard]] commit_list list(superblock& head, std::span<const root_entry> roots) noexcept {
        return {.room = entries, .data = data.data(), .head = &head, .roots = roots};
    }
};

/// Bytes of a chunk without the data, in units of `Unit`. Precondition: they fit an address.
template <std::size_t Unit>
[[nodiscard]] constexpr address chunk_head(std::uint32_t entries) noexcept {
    return align_up<address>(sizeof(journal_chunk) + entries * sizeof(journal_entry), Unit);
}

/// Hands out the bytes of a commit piece by piece: the superblock and the roots if they are wanted,
/// then a chunk of the log if it is not empty. Superblock and roots, and what precedes the data of
/// the chunk, are filled up to units of `Unit` with zeros.
template <std::size_t Unit, std::size_t HeadBytes>
class record_pieces {
public:
    /// From the chunk on.
    explicit record_pieces(const commit_list& list) noexcept
        : list_(list), end_(list.is_empty() ? chunk : data + list.chunk.entries) {}
    /// Of the data alone: that of an entry and of those after it, as long as they lie side by side
    /// in virtual memory.
    record_pieces(const commit_list& list, std::uint32_t entry) noexcept
        : list_(list), next_(data + entry), end_(next_) {
        const auto begin = static_cast<address>(list.room[entry].at);
        address behind = begin;
        do {
            behind += static_cast<address>(list.room[entry].size);
            ++end_;
            ++entry;
        } while (entry < list.chunk.entries && list.room[entry].at == behind);
        size_ = behind - begin;
    }

    /// Bytes of such a run.
    [[nodiscard]] address size() const noexcept { return size_; }
    /// The first entry behind it.
    [[nodiscard]] std::uint32_t end() const noexcept { return end_ - data; }

    /// Begins anew: from the superblock on, which there must be, or from the chunk on.
    void rewind(bool with_head) noexcept { next_ = with_head ? superblock_part : chunk; }

    /// The next piece; empty at the end.
    [[nodiscard]] std::span<const std::byte> operator()() noexcept {
        std::span<const std::byte> piece;
        while (piece.empty() && (fill_ != 0 || next_ != end_)) {
            if (fill_ != 0) {
                piece = std::span(zeros).first(lesser(fill_, zeros.size()));
                fill_ -= piece.size();
            } else {
                piece = part(next_);
                ++next_;
                fill_ = fill_before(next_);
            }
        }
        return piece;
    }

private:
    /// Numbers of the parts; those of the data follow.
    static constexpr std::uint32_t superblock_part = 0;
    static constexpr std::uint32_t roots_part = 1;
    static constexpr std::uint32_t chunk = 2;
    static constexpr std::uint32_t entries = 3;
    static constexpr std::uint32_t data = 4;

    static constexpr std::array<std::byte, lesser(Unit, 32)> zeros{};

    [[nodiscard]] std::span<const std::byte> part(std::uint32_t number) const noexcept {
        switch (number) {
        case superblock_part:
            return std::as_bytes(std::span(list_.head, 1));
        case roots_part:
            return std::as_bytes(list_.roots);
        case chunk:
            return std::as_bytes(std::span(&list_.chunk, 1));
        case entries:
            return std::as_bytes(list_.room.first(list_.chunk.entries));
        default:
            return list_.piece(number - data);
        }
    }
    /// Bytes that are missing to whole units before a part.
    [[nodiscard]] std::size_t fill_before(std::uint32_t number) const noexcept {
        if (number == chunk) {
            return HeadBytes - sizeof(superblock) - list_.roots.size_bytes();
        }
        const std::size_t bytes =
            sizeof(journal_chunk) + list_.chunk.entries * sizeof(journal_entry);
        return number == data ? (0 - bytes) % Unit : 0;
    }

    const commit_list& list_;
    std::uint32_t next_ = chunk;
    std::uint32_t end_;
    std::size_t fill_ = 0;
    address size_ = 0;
};

} // namespace vmem::detail

#endif
