// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_PERSIST_JOURNAL_STORAGE_HPP
#define VMEM_PERSIST_JOURNAL_STORAGE_HPP

#include <vmem/config.hpp>
#include <vmem/detail/journal_commits.hpp>
#include <vmem/detail/journal_record.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
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
/// for a block, with fewer for several; with none nothing is written before a commit, and the
/// residency has to keep it (`no_steal`). RAM: `FilterBits / 8` bytes and about 60.
template <class Storage, class Shape>
class journal_storage : public detail::journal_commits<Storage, Shape> {
    using base = detail::journal_commits<Storage, Shape>;
    using base::directory;
    using base::failed_;
    using base::in_doubt_;
    using base::inner_;
    using base::number_;
    using base::spilled_;

public:
    using base::base;
    using base::block_bytes;
    using base::data_at;
    using base::geometry;
    using base::size;
    /// Changes that a commit can note down without writing them first.
    static constexpr std::size_t list_size = Shape::list_size;

    // --- a storage ---

    /// What was written last, committed or not. Errors: out_of_range, the storage's.
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        const auto ready = check(from, out.size());
        return ready ? this->fetch(from, out) : ready;
    }

    /// Into the journal. During a commit `in` must stay as it is until the commit is complete.
    /// Errors: out_of_range; over_journal, and from then on until a rollback; the storage's.
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        const auto valid = check(to, in.size());
        if (!valid) {
            return valid;
        }
        if (direct_) {
            return inner_.write(data_at + to, in);
        }
        if (failed_ != errc{}) {
            return failure(failed_);
        }
        if (list_ != nullptr) {
            return in.empty() ? valid : this->note(*list_, to, in);
        }
        return this->spill(to, in);
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
        return this->wipe();
    }
    /// Makes it one that does, after what was written since. `head` becomes what was written last.
    /// Errors: the storage's.
    [[nodiscard]] result<void> end_format(superblock& head, std::span<const root_entry> roots) {
        auto done = inner_.sync();
        for (number_ = 0; done && number_ != 2; ++number_) {
            detail::commit_list nothing{.room = {}, .head = &head, .roots = roots};
            head.sequence = number_;
            done = this->write_chunk(nothing, true);
        }
        done = done ? inner_.sync() : done;
        direct_ = !done;
        settled_ = true;
        return done;
    }

    /// Takes up the newest commit, brings home what it wrote, and forgets what was begun after it.
    /// May be cut short at any point and repeated. Returns the bytes of virtual memory that it was
    /// a commit of. Errors: those of `superblock::accepts` for `mine`; corrupt; the storage's.
    [[nodiscard]] result<address> recover(const superblock& mine, std::span<root_entry> roots) {
        forget_all();
        at_home_ = true;
        number_ = 0;
        std::array<detail::raw_object<superblock>, 2> heads;
        const superblock* newest = nullptr;
        const superblock* other = nullptr;
        auto done = this->choose(mine, roots, heads, newest, other);
        if (done && other != nullptr && other->sequence + 1 == newest->sequence) {
            // What it wrote at home may have been lost together with the sync of the newest.
            done = this->apply(*other);
        }
        done = done ? this->apply(*newest) : done;
        done = done ? inner_.sync() : done;
        if (done) {
            number_ = newest->sequence + 1;
            // What is in its place may become whole when the directory is tidied up.
            in_doubt_ = other == nullptr;
            done = forget_transaction(true, *newest, roots);
        }
        if (!done) {
            number_ = 0;
            return failure(done.error());
        }
        direct_ = false;
        settled_ = newest->log_bytes == 0 && newest->spilled == 0;
        return static_cast<address>(newest->size);
    }

    // --- transactions ---

    /// Until the commit ends, what is written is noted down in `list`.
    void begin_commit(detail::commit_list& list) noexcept { list_ = &list; }
    /// Makes everything written since the last commit durable, with the roots, in one sync; does
    /// nothing if there is nothing new. Errors: over_journal, the storage's; then `rollback` is
    /// next. That what is committed cannot be brought home is not an error: that is tried again at
    /// the next access.
    [[nodiscard]] result<void> end_commit(bool roots_changed) {
        detail::commit_list& list = *std::exchange(list_, nullptr);
        if (failed_ != errc{}) {
            return failure(failed_);
        }
        const bool nothing = list.is_empty() && !base::has_overflowed(list) && spilled_ == 0;
        if (nothing && !roots_changed) {
            return {};
        }
        const auto committed = this->write_record(list);
        if (!committed) {
            failed_ = committed.error();
            return committed;
        }
        settled_ = nothing;
        at_home_ = this->bring_home(list).has_value();
        ++number_;
        this->forget_spilled();
        return {};
    }
    /// What was noted down so far is not to be committed.
    void abandon_commit() noexcept {
        list_ = nullptr;
        doom(errc::rolled_back);
    }

    /// Forgets everything written since the last commit, whose roots become `roots`. Errors: the
    /// storage's; then nothing can be written until another try succeeds.
    [[nodiscard]] result<void> rollback(std::span<root_entry> roots) {
        abandon_commit();
        detail::raw_object<superblock> head;
        const auto read = this->read_head(last_at(), head);
        return read ? forget_transaction(spilled_ != 0, head.get(), roots) : read;
    }
    /// Fails every write until a rollback.
    void doom(errc code) noexcept { failed_ = failed_ == errc{} ? code : failed_; }
    /// Why nothing can be written until a rollback; no errc if it can.
    [[nodiscard]] errc failed() const noexcept { return failed_; }

    /// What was begun is as good as forgotten. Leaves the storage so that damage to the journal
    /// while nobody uses it does no harm: an empty commit after the last one makes what that wrote
    /// durable at home. Errors: the storage's. One sync, or none.
    [[nodiscard]] result<void> close() {
        if (direct_ || settled_ || in_doubt_ || number_ == 0) {
            return {};
        }
        detail::raw_object<superblock> head;
        std::array<root_entry, Shape::roots == 0 ? 1 : Shape::roots> buffer;
        const auto roots = std::span(buffer).first(Shape::roots);
        auto done = at_home();
        done = done ? this->read_head(last_at(), head) : done;
        done = done ? detail::read_roots(inner_, last_at(), head.get(), roots) : done;
        if (done) {
            forget_all();
            detail::commit_list nothing{.room = {}, .head = &head.get(), .roots = roots};
            begin_commit(nothing);
            done = end_commit(true);
        }
        return done;
    }

private:
    [[nodiscard]] result<void> check(address at, std::size_t count) {
        const auto fits = detail::check_range(size(), at, count);
        return fits ? at_home() : fits;
    }
    /// Repeats what the last commit left undone.
    [[nodiscard]] result<void> at_home() {
        if (at_home_) {
            return {};
        }
        const auto applied = this->apply(last_at());
        at_home_ = applied.has_value();
        return applied;
    }

    /// Where the superblock of the last commit is.
    [[nodiscard]] address last_at() const noexcept { return base::head_at(number_ + 1); }
    /// Makes sure that nothing is left of what was begun after a commit, and reads its roots.
    [[nodiscard]] result<void> forget_transaction(bool has_spilled, const superblock& last,
                                                  std::span<root_entry> roots) {
        result<void> done;
        if (in_doubt_) {
            // It may be complete on the storage, and must not come back.
            done = this->wipe_head(base::head_at(number_));
            in_doubt_ = !done;
        }
        if (base::steals && done && has_spilled) {
            done = directory(number_).forget();
        }
        done = done ? detail::read_roots(inner_, last_at(), last, roots) : done;
        if (done) {
            forget_all();
        }
        return done;
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
