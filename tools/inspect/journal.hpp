// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TOOLS_INSPECT_JOURNAL_HPP
#define VMEM_TOOLS_INSPECT_JOURNAL_HPP

#include "report.hpp"
#include "superblocks.hpp"

#include <vmem/config.hpp>
#include <vmem/detail/journal_directory.hpp>
#include <vmem/detail/journal_record.hpp>
#include <vmem/persist/content_sum.hpp>
#include <vmem/persist/superblock.hpp>

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>

namespace vmem::inspect {

/// The journal of an image, as `journal_halves` lays it out, for a shape that is known only now.
class journal {
public:
    /// Precondition: `head` is valid.
    journal(std::span<std::byte> bytes, const superblock& head) : bytes_(bytes), head_(head) {}

    /// Whether the superblock speaks of a journal that fits the file.
    [[nodiscard]] bool is_plausible() const {
        return head_.second > sizeof(superblock) && head_.data <= bytes_.size() &&
               head_.second <= head_.data / 2;
    }

    /// Whether all is there that a commit wrote. It also tells the granularity of the storage, of
    /// which the superblock does not speak, where that matters.
    [[nodiscard]] bool is_whole(const superblock& commit) {
        if (commit.log_bytes == 0 && commit.spilled == 0) {
            return true;
        }
        const std::size_t most = keeps_changes(head_) ? 4096 : head_.block;
        for (std::size_t unit = 1; unit <= most; unit *= 2) {
            if (is_whole(commit, unit)) {
                unit_ = unit;
                return true;
            }
        }
        return false;
    }

    /// Copies home what a commit wrote; false if something would not be within the memory.
    /// Precondition: it is whole.
    [[nodiscard]] bool apply(const superblock& commit) {
        const layout lies = where(unit_);
        const address base = base_of(commit.sequence);
        bool fits = true;
        for_spills(lies, commit.sequence, [&](const detail::journal_spill& entry) {
            fits = fits && move(base + lies.slots_end - (address{entry.slot} + 1) * head_.block,
                                std::uint64_t{entry.block} * head_.block, head_.block);
        });
        for_chunks(commit, lies, [&](address from, const detail::journal_entry& entry) {
            fits = fits && move(from, entry.at, entry.size);
        });
        return fits;
    }

    /// Blocks that a transaction wrote early.
    [[nodiscard]] std::size_t spills_of(std::uint64_t sequence) {
        std::size_t count = 0;
        for_spills(where(unit_), sequence, [&](const detail::journal_spill&) { ++count; });
        return count;
    }
    /// Ranges in the log of a commit.
    [[nodiscard]] std::size_t ranges_of(const superblock& commit) {
        std::size_t count = 0;
        for_chunks(commit, where(unit_), [&](address, const detail::journal_entry&) { ++count; });
        return count;
    }

private:
    /// Offsets in a half.
    struct layout {
        std::size_t unit = 1;
        address head_bytes = 0;
        address slots_end = 0;
        address groups = 0;
        address group_bytes = 0;
        address slots = 0;
    };

    [[nodiscard]] layout where(std::size_t unit) const {
        layout lies;
        lies.unit = unit;
        const address half = static_cast<address>(head_.second);
        lies.head_bytes = detail::align_up<address>(
            sizeof(superblock) + address{head_.roots} * sizeof(root_entry), unit);
        if (lies.head_bytes + head_.block >= half) {
            return lies;
        }
        if (keeps_changes(head_)) {
            lies.slots_end = half;
            return lies;
        }
        lies.group_bytes = (std::max)(std::size_t{256}, unit);
        const address most =
            (half - lies.head_bytes) / (head_.block + sizeof(detail::journal_spill));
        const address per_group = lies.group_bytes / sizeof(detail::journal_spill);
        lies.groups = (most + most / 4) / per_group + 1;
        if (lies.groups * lies.group_bytes + lies.head_bytes >= half) {
            lies.groups = 0;
            return lies;
        }
        lies.slots_end =
            detail::align_down<address>(half - lies.groups * lies.group_bytes, head_.block);
        lies.slots =
            lies.slots_end > lies.head_bytes ? (lies.slots_end - lies.head_bytes) / head_.block : 0;
        return lies;
    }
    [[nodiscard]] address base_of(std::uint64_t sequence) const {
        return sequence % 2 * static_cast<address>(head_.second);
    }

    [[nodiscard]] bool is_whole(const superblock& commit, std::size_t unit) {
        const layout lies = where(unit);
        const address base = base_of(commit.sequence);
        if (lies.slots_end == 0 || commit.spilled > lies.slots ||
            commit.log_bytes > lies.slots_end - lies.head_bytes -
                                   (std::min)(lies.slots_end - lies.head_bytes,
                                              address{commit.spilled} * head_.block)) {
            return false;
        }
        const auto log =
            bytes_.subspan(base + lies.head_bytes, static_cast<std::size_t>(commit.log_bytes));
        if (content_sum(log) != commit.log_crc || !is_sound(commit, lies)) {
            return false;
        }
        std::uint32_t crc = 0;
        std::size_t count = 0;
        bool fits = true;
        for_spills(lies, commit.sequence, [&](const detail::journal_spill& entry) {
            fits = fits && entry.slot < lies.slots;
            ++count;
            if (fits) {
                crc = content_sum(std::as_bytes(std::span(&entry, 1)), crc);
                crc = content_sum(
                    bytes_.subspan(base + lies.slots_end - (address{entry.slot} + 1) * head_.block,
                                   head_.block),
                    crc);
            }
        });
        return commit.spilled == 0 ||
               (fits && count == commit.spilled && crc == commit.spilled_crc);
    }
    /// Whether the log divides into chunks of whole entries.
    [[nodiscard]] bool is_sound(const superblock& commit, const layout& lies) {
        return for_chunks(commit, lies, [](address, const detail::journal_entry&) {});
    }

    template <class Use>
    void for_spills(const layout& lies, std::uint64_t sequence, Use use) {
        if (lies.slots_end == 0) {
            return;
        }
        const address begin = base_of(sequence) + lies.slots_end;
        const address end = begin + lies.groups * lies.group_bytes;
        for (address at = begin; at + sizeof(detail::journal_spill) <= end;
             at += sizeof(detail::journal_spill)) {
            detail::journal_spill entry;
            std::memcpy(&entry, bytes_.data() + at, sizeof(entry));
            if (entry.sequence == sequence) {
                use(entry);
            }
        }
    }
    /// Calls `use(from, entry)` for each range in the log; false if the log is malformed.
    template <class Use>
    bool for_chunks(const superblock& commit, const layout& lies, Use use) {
        address at = base_of(commit.sequence) + lies.head_bytes;
        const address end = at + static_cast<address>(commit.log_bytes);
        while (at < end) {
            detail::journal_chunk chunk;
            if (end - at < sizeof(chunk)) {
                return false;
            }
            std::memcpy(&chunk, bytes_.data() + at, sizeof(chunk));
            const std::uint64_t entries = detail::align_up<std::uint64_t>(
                sizeof(chunk) + std::uint64_t{chunk.entries} * sizeof(detail::journal_entry),
                lies.unit);
            if (chunk.entries == 0 || chunk.unused != 0 || entries > end - at ||
                chunk.bytes > end - at - entries) {
                return false;
            }
            address from = at + static_cast<address>(entries);
            const address behind = from + static_cast<address>(chunk.bytes);
            for (std::uint32_t n = 0; n < chunk.entries; ++n) {
                detail::journal_entry entry;
                std::memcpy(&entry, bytes_.data() + at + sizeof(chunk) + n * sizeof(entry),
                            sizeof(entry));
                if (entry.size > behind - from) {
                    return false;
                }
                use(from, entry);
                from += static_cast<address>(entry.size);
            }
            if (from != behind) {
                return false;
            }
            at = detail::align_up<address>(behind, lies.unit);
        }
        return true;
    }

    [[nodiscard]] bool move(address from, std::uint64_t to, std::uint64_t count) {
        const std::uint64_t size = (std::min)(head_.size, bytes_.size() - head_.data);
        if (count > size || to > size - count) {
            return false;
        }
        std::memmove(bytes_.data() + head_.data + to, bytes_.data() + from,
                     static_cast<std::size_t>(count));
        return true;
    }

    std::span<std::byte> bytes_;
    superblock head_;
    std::size_t unit_ = 1;
};

/// Brings home what the commits left in the journal, as an `open` would, and says what there is.
/// The index of the copy that counts; nothing if none does.
[[nodiscard]] inline std::optional<std::size_t>
take_up(std::span<std::byte> bytes, superblocks& blocks, std::size_t newest, report& out) {
    journal log(bytes, blocks[newest].head);
    if (!log.is_plausible()) {
        out.damage("the superblock speaks of a journal that does not fit the file");
        return std::nullopt;
    }
    const std::size_t older = 1 - newest;
    if (!log.is_whole(blocks[newest].head)) {
        out.line("journal", "commit %" PRIu64 " is not whole: the power went, or it is damaged",
                 blocks[newest].head.sequence);
        if (!blocks[older].valid || !log.is_whole(blocks[older].head)) {
            out.damage("no commit is whole");
            return std::nullopt;
        }
        newest = older;
    } else if (blocks[older].valid &&
               blocks[older].head.sequence + 1 == blocks[newest].head.sequence &&
               log.is_whole(blocks[older].head) && !log.apply(blocks[older].head)) {
        out.damage("commit %" PRIu64 " writes outside of the memory", blocks[older].head.sequence);
    }
    const superblock& head = blocks[newest].head;
    char blocks_of[32] = "";
    if (!keeps_changes(head)) {
        std::snprintf(blocks_of, sizeof(blocks_of), ", blocks of %u", head.block);
    }
    if (head.log_bytes == 0 && head.spilled == 0) {
        out.line("journal", "2 times %" PRIu64 " bytes%s; nothing to bring home", head.second,
                 blocks_of);
    } else {
        out.line("journal",
                 "2 times %" PRIu64 " bytes%s; commit %" PRIu64
                 " is to be brought home: %zu ranges in a log of %" PRIu64 " bytes, %u blocks",
                 head.second, blocks_of, head.sequence, log.ranges_of(head), head.log_bytes,
                 head.spilled);
        if (!log.apply(head)) {
            out.damage("commit %" PRIu64 " writes outside of the memory", head.sequence);
        }
    }
    if (const std::size_t begun = log.spills_of(head.sequence + 1); begun != 0) {
        out.line("", "a transaction of %zu blocks or more was begun and not committed", begun);
    }
    return newest;
}

} // namespace vmem::inspect

#endif
