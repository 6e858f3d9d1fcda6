// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_JOURNAL_COMMITS_HPP
#define VMEM_DETAIL_JOURNAL_COMMITS_HPP

#include <vmem/config.hpp>
#include <vmem/detail/journal_record.hpp>
#include <vmem/detail/journal_spills.hpp>
#include <vmem/detail/unit_io.hpp>
#include <vmem/persist/content_sum.hpp>
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
    using pieces = record_pieces<unit, head_bytes>;
    using base::failed_;
    using base::inner_;
    using base::number_;
    using base::spilled_;

    /// Whether some of what is to be committed is in the log alone.
    [[nodiscard]] static bool has_overflowed(const commit_list& list) noexcept {
        return Shape::list_overflows && list.overflowed;
    }
    /// Notes down what is to be committed.
    [[nodiscard]] result<void> note(commit_list& list, address to, std::span<const std::byte> in) {
        if (Shape::list_overflows && list.is_full()) {
            if (const auto written = overflow(list); !written) {
                return written;
            }
        }
        list.add(to, in);
        return {};
    }

    /// Makes what was noted down, and what was written early, durable as one commit.
    [[nodiscard]] result<void> write_record(commit_list& list) {
        superblock& head = *list.head;
        head.sequence = number_;
        head.spilled = spilled_;
        head.spilled_crc = 0;
        result<void> done;
        if (spilled_ != 0) {
            done = this->sum_or_apply_spilled(number_, &head.spilled_crc);
        }
        if (done && has_overflowed(list) && !list.is_empty()) {
            done = overflow(list);
        }
        if (done) {
            done = write_chunk(list, true);
            done = done ? inner_.sync() : done;
            in_doubt_ = !done && done.error() != errc::over_journal;
        }
        return done;
    }

    /// Writes to where it belongs what has just been committed: later changes last.
    [[nodiscard]] result<void> bring_home(const commit_list& list) {
        if (has_overflowed(list)) {
            return this->apply(base::head_at(number_));
        }
        result<void> done;
        if (spilled_ != 0) {
            done = this->sum_or_apply_spilled(number_, nullptr);
        }
        for (std::uint32_t n = 0; done && n < list.chunk.entries;) {
            pieces side_by_side(list, n);
            const auto to = data_at + static_cast<address>(list.room[n].at);
            done = write_pieces(inner_, to, side_by_side.size(), side_by_side);
            n = side_by_side.end();
        }
        return done;
    }

    /// Appends what is noted down to the log, and puts the superblock before it.
    [[nodiscard]] result<void> write_chunk(commit_list& list, bool with_head) {
        address bytes = 0;
        if (!list.is_empty()) {
            bytes = chunk_head<unit>(list.chunk.entries) + static_cast<address>(list.chunk.bytes);
        }
        address at = base::head_at(number_) + head_bytes + list.log_bytes;
        list.log_bytes += bytes;
        if (list.log_bytes > base::log_room(spilled_) - head_bytes) {
            return failure(errc::over_journal);
        }
        pieces record(list);
        for (auto piece = record(); !piece.empty(); piece = record()) {
            list.log_crc = content_sum(piece, list.log_crc);
        }
        record.rewind(with_head);
        if (with_head) {
            list.head->log_bytes = list.log_bytes;
            list.head->log_crc = list.log_crc;
            list.head->seal(list.roots);
            at = base::head_at(number_);
            bytes += head_bytes;
        }
        return write_pieces(inner_, at, bytes, record);
    }

    /// A commit failed that may be complete on the storage.
    bool in_doubt_ = false;

private:
    /// Moves what is noted down to the log.
    [[nodiscard]] result<void> overflow(commit_list& list) {
        const auto written = write_chunk(list, false);
        if (!written) {
            failed_ = written.error();
        }
        list.overflow();
        return written;
    }
};

} // namespace vmem::detail

#endif
