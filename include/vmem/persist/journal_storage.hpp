// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_PERSIST_JOURNAL_STORAGE_HPP
#define VMEM_PERSIST_JOURNAL_STORAGE_HPP

#include <vmem/config.hpp>
#include <vmem/detail/journal_commits.hpp>
#include <vmem/detail/journal_record.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

/// A storage, all changes of which since the last commit take effect at the next commit, or not at
/// all. It lies between a residency and a storage; see docs/persist/journal.md for what it writes
/// where, and why one sync makes a commit durable.
///
/// Between commits nothing is written to where it is at home: what a residency writes goes to the
/// journal as a copy of its block, and a bit in RAM says that the newest copy may be there. During
/// a commit what the residency writes is only noted down, and stays in its RAM until it is in the
/// log and, after the sync, at home.
///
/// A block is as large as a page, at most 4 KiB. `FilterBits`: with one per block each bit stands
/// for a block, with fewer for several. RAM: `FilterBits / 8` bytes and about 60.
template <class Storage, class Shape>
class journal_storage : public detail::journal_commits<Storage, Shape> {
    using base = detail::journal_commits<Storage, Shape>;
    using base::directory;
    using base::failed_;
    using base::in_doubt_;
    using base::inner_;
    using base::sequence_;
    using base::spilled_;

public:
    using base::base;
    using base::block_bytes;
    using base::data_at;
    using base::geometry;
    using base::size;

    // --- a storage ---

    /// What was written last, committed or not. Errors: out_of_range, the storage's.
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        if (const auto ready = check(from, out.size()); !ready) {
            return ready;
        }
        while (!out.empty()) {
            const auto here = this->next_run(from, out.size());
            if (!here) {
                return failure(here.error());
            }
            if (const auto done = inner_.read(here->at, out.first(here->size)); !done) {
                return done;
            }
            from += here->size;
            out = out.subspan(here->size);
        }
        return {};
    }

    /// Into the journal. During a commit `in` must stay as it is until the commit is complete.
    /// Errors: out_of_range; over_journal, and from then on until a rollback; the storage's.
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        if (const auto ready = check(to, in.size()); !ready) {
            return ready;
        }
        if (direct_) {
            return inner_.write(data_at + to, in);
        }
        if (failed_ != errc{}) {
            return failure(failed_);
        }
        while (!in.empty()) {
            const auto part =
                in.first(list_ != nullptr ? in.size() : base::in_block(to, in.size()));
            const auto done =
                list_ != nullptr ? this->note(*list_, to, part) : this->spill(to, part);
            if (!done) {
                return done;
            }
            to += part.size();
            in = in.subspan(part.size());
        }
        return {};
    }
    /// The pieces that `next()` returns, one after the other. As `write`.
    [[nodiscard]] result<void> write_gathered(address to, address, auto& next) {
        for (auto piece = next(); !piece.empty(); piece = next()) {
            if (const auto done = write(to, piece); !done) {
                return done;
            }
            to += piece.size();
        }
        return {};
    }
    /// Nothing of a transaction has to be durable before its commit.
    [[nodiscard]] result<void> sync() { return direct_ ? inner_.sync() : result<void>(); }

    // --- an image ---

    /// Makes the storage one that holds no image; what is written from now on goes home. Errors:
    /// wrong_size (the storage has no room for the journal and a block), the storage's.
    [[nodiscard]] result<void> begin_format() {
        forget_all();
        at_home_ = true;
        direct_ = true;
        sequence_ = 1;
        return this->wipe();
    }
    /// Makes it one that does, after what was written since. Errors: the storage's.
    [[nodiscard]] result<void> end_format(superblock head, std::span<const root_entry> roots) {
        if (const auto saved = inner_.sync(); !saved) {
            return saved;
        }
        for (std::uint64_t number = 0; number < 2; ++number) {
            head.sequence = number;
            if (const auto done = this->write_head(head, roots); !done) {
                return done;
            }
        }
        const auto synced = inner_.sync();
        direct_ = !synced;
        settled_ = true;
        return synced;
    }

    /// Takes up the newest commit, brings home what it wrote, and forgets what was begun after it.
    /// May be cut short at any point and repeated. Errors: those of `superblock::accepts` for
    /// `mine`; corrupt; the storage's.
    [[nodiscard]] result<superblock> recover(const superblock& mine, std::span<root_entry> roots) {
        forget_all();
        at_home_ = true;
        sequence_ = 0;
        const auto newest = this->take_up(mine, roots);
        if (newest) {
            direct_ = false;
            sequence_ = newest->sequence;
            settled_ = newest->log_bytes == 0 && newest->spilled == 0;
        }
        return newest;
    }

    // --- transactions ---

    /// Until the commit ends, what is written is noted down in `list`.
    void begin_commit(detail::commit_list& list) noexcept { list_ = &list; }
    /// Makes everything written since the last commit durable, with `head` and `roots`, in one
    /// sync; does nothing if there is nothing new. Errors: over_journal, the storage's; then
    /// `rollback` is next. That what is committed cannot be brought home is not an error: that is
    /// tried again at the next access.
    [[nodiscard]] result<void> end_commit(superblock head, std::span<const root_entry> roots,
                                          bool roots_changed) {
        detail::commit_list& list = *std::exchange(list_, nullptr);
        if (failed_ != errc{}) {
            return failure(failed_);
        }
        if (list.count == 0 && !list.overflowed && spilled_ == 0 && !roots_changed) {
            return {};
        }
        const auto committed = this->write_record(list, head, roots);
        if (!committed) {
            failed_ = committed.error();
            return committed;
        }
        const std::uint32_t spilled = spilled_;
        this->forget_spilled();
        ++sequence_;
        settled_ = list.count == 0 && !list.overflowed && spilled == 0;
        at_home_ = this->bring_home(list, spilled).has_value();
        return {};
    }
    /// What was noted down so far is not to be committed.
    void abandon_commit() noexcept {
        list_ = nullptr;
        failed_ = failed_ == errc{} ? errc::rolled_back : failed_;
    }

    /// Forgets everything written since the last commit, whose roots become `roots`. Errors: the
    /// storage's; then nothing can be written until another try succeeds.
    [[nodiscard]] result<void> rollback(std::span<root_entry> roots) {
        list_ = nullptr;
        failed_ = failed_ == errc{} ? errc::rolled_back : failed_;
        if (in_doubt_) {
            // It may be complete on the storage, and must not come back.
            const auto done = this->wipe_head(sequence_ + 1);
            if (!done) {
                return done;
            }
            in_doubt_ = false;
        }
        if (spilled_ != 0) {
            if (const auto done = directory(sequence_ + 1).forget(); !done) {
                return done;
            }
        }
        if (const auto read = this->roots_of(sequence_, roots); !read) {
            return read;
        }
        forget_all();
        return {};
    }
    /// Fails every write until a rollback.
    void doom(errc code) noexcept { failed_ = failed_ == errc{} ? code : failed_; }
    /// Why nothing can be written until a rollback; no errc if it can.
    [[nodiscard]] errc failed() const noexcept { return failed_; }

    /// What was begun is as good as forgotten. Leaves the storage so that damage to the journal
    /// while nobody uses it does no harm: an empty commit after the last one makes what that wrote
    /// durable at home. Errors: the storage's. One sync, or none.
    [[nodiscard]] result<void> close() {
        if (direct_ || settled_ || in_doubt_ || sequence_ == 0) {
            return {};
        }
        auto done = at_home();
        done = done ? this->repeat_head(sequence_) : done;
        done = done ? inner_.sync() : done;
        if (done) {
            ++sequence_;
            settled_ = true;
        }
        return done;
    }

private:
    [[nodiscard]] result<void> check(address at, std::size_t count) {
        if (const auto fits = detail::check_range(size(), at, count); !fits) {
            return fits;
        }
        return at_home_ ? result<void>() : at_home();
    }
    /// Repeats what the last commit left undone.
    [[nodiscard]] result<void> at_home() {
        if (!at_home_) {
            const auto applied = this->apply(sequence_);
            at_home_ = applied.has_value();
            return applied;
        }
        return {};
    }

    void forget_all() noexcept {
        this->forget_spilled();
        failed_ = errc{};
        in_doubt_ = false;
    }

    detail::commit_list* list_ = nullptr;
    /// What is written goes home.
    bool direct_ = false;
    /// All that is committed is at home, synced or not.
    bool at_home_ = true;
    /// The last commit was empty.
    bool settled_ = false;
};

} // namespace vmem

#endif
