// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_JOURNAL_COMMITS_HPP
#define VMEM_DETAIL_JOURNAL_COMMITS_HPP

#include <vmem/config.hpp>
#include <vmem/detail/journal_record.hpp>
#include <vmem/detail/journal_spills.hpp>
#include <vmem/detail/unit_io.hpp>
#include <vmem/persist/crc32c.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace vmem::detail {

/// What a commit writes: what was noted down goes to the log, and then home.
template <class Storage, class Shape>
class journal_commits : public journal_spills<Storage, Shape> {
    using base = journal_spills<Storage, Shape>;

public:
    using base::base;
    using base::data_at;
    using base::head_bytes;
    using base::unit;

protected:
    using base::failed_;
    using base::inner_;
    using base::sequence_;
    using base::spilled_;

    /// Notes down what is to be committed.
    [[nodiscard]] result<void> note(commit_list& list, address to, std::span<const std::byte> in) {
        if (list.is_full()) {
            if (const auto written = write_chunk(list, nullptr, {}); !written) {
                failed_ = written.error();
                return written;
            }
            list.overflowed = true;
            list.count = 0;
            list.bytes = 0;
        }
        list.add(to, in);
        return {};
    }

    [[nodiscard]] result<void> write_record(commit_list& list, superblock head,
                                            std::span<const root_entry> roots) {
        head.sequence = sequence_ + 1;
        head.spilled = spilled_;
        if (spilled_ != 0) {
            const auto crc = this->spilled_crc(head.sequence);
            if (!crc) {
                return failure(crc.error());
            }
            head.spilled_crc = *crc;
        }
        if (list.overflowed && list.count != 0) {
            if (const auto written = write_chunk(list, nullptr, {}); !written) {
                return written;
            }
            list.count = 0;
            list.bytes = 0;
        }
        const auto written = write_chunk(list, &head, roots);
        const auto synced = written ? inner_.sync() : written;
        in_doubt_ = !synced && synced.error() != errc::over_journal;
        return synced;
    }

    /// Writes to where it belongs what has just been committed: later changes last.
    [[nodiscard]] result<void> bring_home(const commit_list& list, std::uint32_t spilled) {
        if (list.overflowed) {
            return this->apply(sequence_);
        }
        if (spilled != 0) {
            if (const auto done = this->apply_spilled(sequence_); !done) {
                return done;
            }
        }
        for (std::size_t n = 0; n < list.count;) {
            list_run side_by_side(list, n);
            const auto to = data_at + static_cast<address>(list.entries[n].at);
            if (const auto done = write_pieces(inner_, to, side_by_side.size(), side_by_side);
                !done) {
                return done;
            }
            n = side_by_side.end();
        }
        return {};
    }

    /// A commit failed that may be complete on the storage.
    bool in_doubt_ = false;

private:
    /// Appends what is noted down to the log, and the superblock before it if there is one.
    [[nodiscard]] result<void> write_chunk(commit_list& list, superblock* head,
                                           std::span<const root_entry> roots) {
        using pieces = record_pieces<unit, head_bytes>;
        const std::uint64_t bytes = list.count == 0 ? 0 : chunk_head<unit>(list.count) + list.bytes;
        const std::uint64_t log = align_up<std::uint64_t>(bytes, unit);
        if (head_bytes + list.log_bytes + log > base::log_room(spilled_)) {
            return failure(errc::over_journal);
        }
        pieces chunk(nullptr, {}, list);
        for (auto piece = chunk(); !piece.empty(); piece = chunk()) {
            list.log_crc = crc32c(piece, list.log_crc);
        }
        // Within a half, so it fits an address.
        const auto before = static_cast<address>(list.log_bytes);
        const address at =
            base::head_at(sequence_ + 1) + (head != nullptr ? 0 : head_bytes + before);
        list.log_bytes += log;
        if (head != nullptr) {
            head->log_bytes = list.log_bytes;
            head->log_crc = list.log_crc;
            *head = head->sealed(roots);
        }
        pieces record(head, roots, list);
        return write_pieces(
            inner_, at, static_cast<address>(bytes + (head != nullptr ? head_bytes : 0)), record);
    }
};

} // namespace vmem::detail

#endif
