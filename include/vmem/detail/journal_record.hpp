// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_JOURNAL_RECORD_HPP
#define VMEM_DETAIL_JOURNAL_RECORD_HPP

#include <vmem/config.hpp>
#include <vmem/persist/crc32c.hpp>
#include <vmem/persist/superblock.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace vmem::detail {

/// What precedes some entries of a log, and the bytes they speak of.
struct journal_chunk {
    std::uint32_t entries = 0;
    std::uint32_t unused = 0;
    /// Bytes after the entries.
    std::uint64_t bytes = 0;
};
/// Which bytes of virtual memory changed.
struct journal_entry {
    std::uint64_t at = 0;
    std::uint64_t size = 0;
};
static_assert(sizeof(journal_chunk) == 16 && sizeof(journal_entry) == 16 &&
              std::has_unique_object_representations_v<journal_chunk> &&
              std::has_unique_object_representations_v<journal_entry>);

/// What a commit is about to write, and where it lies in RAM until the commit is complete.
struct commit_list {
    std::span<journal_entry> entries;
    const std::byte** data = nullptr;
    /// Entries in use.
    std::size_t count = 0;
    /// Bytes that they speak of.
    std::uint64_t bytes = 0;
    /// Of the chunks that are written.
    std::uint64_t log_bytes = 0;
    std::uint32_t log_crc = 0;
    /// Some of what is in the log is not in the list any more.
    bool overflowed = false;

    [[nodiscard]] bool is_full() const noexcept { return count == entries.size(); }
    void add(std::uint64_t at, std::span<const std::byte> in) noexcept {
        entries[count] = {.at = at, .size = in.size()};
        data[count] = in.data();
        ++count;
        bytes += in.size();
    }
    [[nodiscard]] std::span<const std::byte> piece(std::size_t n) const noexcept {
        return {data[n], static_cast<std::size_t>(entries[n].size)};
    }
};

/// The memory of a `commit_list`, for the stack: 24 bytes per entry on a 64-bit machine.
template <std::size_t Entries>
struct commit_buffer {
    std::array<journal_entry, Entries> entries;
    std::array<const std::byte*, Entries> data;

    [[nodiscard]] commit_list list() noexcept { return {.entries = entries, .data = data.data()}; }
};

/// Hands out the pieces from one on that lie side by side in virtual memory.
class list_run {
public:
    list_run(const commit_list& list, std::size_t first) noexcept
        : list_(list), next_(first), end_(first + 1) {
        const auto entries = list.entries;
        for (size_ = entries[first].size;
             end_ < list.count && entries[end_].at == entries[first].at + size_; ++end_) {
            size_ += entries[end_].size;
        }
    }
    /// Bytes in all.
    [[nodiscard]] address size() const noexcept { return static_cast<address>(size_); }
    /// The first piece behind it.
    [[nodiscard]] std::size_t end() const noexcept { return end_; }

    /// The next piece; empty at the end.
    [[nodiscard]] std::span<const std::byte> operator()() noexcept {
        return next_ == end_ ? std::span<const std::byte>() : list_.piece(next_++);
    }

private:
    const commit_list& list_;
    std::size_t next_;
    std::size_t end_;
    std::uint64_t size_ = 0;
};

/// Bytes of a chunk, in units of `Unit`.
template <std::size_t Unit>
[[nodiscard]] constexpr std::uint64_t chunk_head(std::size_t entries) noexcept {
    return align_up<std::uint64_t>(sizeof(journal_chunk) + entries * sizeof(journal_entry), Unit);
}

/// Hands out the bytes of a commit piece by piece: the superblock and the roots if there is one,
/// then a chunk of the log if it is not empty.
template <std::size_t Unit, std::size_t HeadBytes>
class record_pieces {
public:
    record_pieces(const superblock* head, std::span<const root_entry> roots,
                  const commit_list& list) noexcept
        : head_(head), roots_(roots), list_(list),
          chunk_{.entries = static_cast<std::uint32_t>(list.count), .bytes = list.bytes},
          stage_(head != nullptr ? stage::superblock : stage::chunk) {}

    /// The next piece; empty at the end.
    [[nodiscard]] std::span<const std::byte> operator()() noexcept {
        for (;;) {
            const stage now = stage_;
            if (now == stage::end || (now == stage::chunk && list_.count == 0)) {
                return {};
            }
            const auto piece = piece_of(now);
            if (now == stage::data && ++number_ < list_.count) {
                return piece;
            }
            stage_ = static_cast<stage>(static_cast<unsigned>(now) + 1);
            if (!piece.empty()) {
                return piece;
            }
        }
    }

private:
    enum class stage : std::uint8_t {
        superblock,
        roots,
        head_fill,
        chunk,
        entries,
        fill,
        data,
        end
    };

    static constexpr std::array<std::byte, Unit> zeros{};

    [[nodiscard]] std::span<const std::byte> piece_of(stage now) const noexcept {
        switch (now) {
        case stage::superblock:
            return std::as_bytes(std::span(head_, 1));
        case stage::roots:
            return std::as_bytes(roots_);
        case stage::head_fill:
            return std::span(zeros).first(HeadBytes - sizeof(superblock) - roots_.size_bytes());
        case stage::chunk:
            return std::as_bytes(std::span(&chunk_, 1));
        case stage::entries:
            return std::as_bytes(list_.entries.first(list_.count));
        case stage::fill:
            return std::span(zeros).first(
                static_cast<std::size_t>(chunk_head<Unit>(list_.count) - sizeof(chunk_) -
                                         list_.count * sizeof(journal_entry)));
        case stage::data:
            return list_.piece(number_);
        case stage::end:
            break;
        }
        return {};
    }

    const superblock* head_;
    std::span<const root_entry> roots_;
    const commit_list& list_;
    journal_chunk chunk_;
    std::size_t number_ = 0;
    stage stage_;
};

} // namespace vmem::detail

#endif
