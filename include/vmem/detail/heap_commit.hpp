// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_HEAP_COMMIT_HPP
#define VMEM_DETAIL_HEAP_COMMIT_HPP

#include <vmem/config.hpp>
#include <vmem/detail/journal_record.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>

namespace vmem::detail {

/// What a `Heap` has more if it has a journal; without one, nothing.
template <class Heap, class Residency, bool Journaled>
class heap_commit {};

template <class Heap, class Residency>
class heap_commit<Heap, Residency, true> {
public:
    /// Makes all changes since the last commit durable: after a power cut either all of them are
    /// there or none. In a `transaction` guard, that of the guard is meant. One sync; nothing at
    /// all if nothing changed. Bytes that are pinned for writing are committed as they are now;
    /// nobody may change them meanwhile.
    ///
    /// Errors: not_open; over_journal if it is too much for half of the journal, or for the frames
    /// with `journaled_no_steal`; rolled_back if a nested transaction was; the allocator's and the
    /// storage's. Then all changes since the last commit are undone, as by `rollback`; if that
    /// fails too, nothing can be written until it succeeds.
    [[nodiscard]] result<void> commit() {
        const auto guard = self().section();
        if (!self().is_open()) {
            return failure(errc::not_open);
        }
        const auto committed = commit_now();
        if (!committed) {
            static_cast<void>(rollback_now());
        }
        return committed;
    }

    /// Undoes all changes since the last commit; what was allocated since is free again, and what
    /// was freed is not. Pointers and handles to it must not be used any more. Errors: not_open;
    /// no_free_frame while anything is pinned, and then nothing can be written until a rollback
    /// succeeds; the storage's, and then the heap is not open.
    [[nodiscard]] result<void> rollback() {
        const auto guard = self().section();
        return self().is_open() ? rollback_now() : failure(errc::not_open);
    }

    // For `transaction`.

    /// A guard begins or ends. Only the outermost one commits or rolls back by itself.
    void begin_nested() noexcept { ++depth_; }
    [[nodiscard]] bool end_nested() noexcept { return --depth_ == 0; }
    /// The outermost guard can only roll back.
    void doom() noexcept { self().residency_.storage().doom(errc::rolled_back); }

protected:
    /// The end of the heap: what is not committed is dropped.
    void close() noexcept { static_cast<void>(self().residency_.storage().close()); }

private:
    [[nodiscard]] Heap& self() noexcept { return static_cast<Heap&>(*this); }

    [[nodiscard]] result<void> commit_now() {
        auto& journal = self().residency_.storage();
        if (journal.failed() != errc{}) {
            return failure(journal.failed());
        }
        if (const auto settled = self().allocator_.settle(self().medium()); !settled) {
            return settled;
        }
        superblock head = self().description(self().size());
        commit_buffer<Residency::storage_type::list_size> buffer;
        commit_list list = buffer.list(head, self().roots_.entries());
        journal.begin_commit(list);
        if (const auto written = self().residency_.write_out(); !written) {
            journal.abandon_commit();
            return written;
        }
        const auto committed = journal.end_commit(self().roots_.changed());
        if (committed) {
            self().roots_.set_changed(false);
        }
        return committed;
    }

    [[nodiscard]] result<void> rollback_now() {
        auto& residency = self().residency_;
        residency.storage().doom(errc::rolled_back);
        const address end = residency.size();
        if (const auto dropped = residency.start(end); !dropped) {
            return dropped;
        }
        auto done = residency.storage().rollback(self().roots_.entries());
        self().roots_.set_changed(false);
        done = done ? self().open_allocator() : done;
        if (!done) {
            residency.stop();
        }
        return done;
    }

    std::uint16_t depth_ = 0;
};

} // namespace vmem::detail

#endif
