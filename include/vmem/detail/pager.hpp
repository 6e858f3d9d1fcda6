// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_PAGER_HPP
#define VMEM_DETAIL_PAGER_HPP

#include <vmem/config.hpp>
#include <vmem/detail/page_run.hpp>
#include <vmem/detail/run_mover.hpp>
#include <vmem/detail/slot_or_error.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/residency/frame_table.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace vmem::detail {

/// The lower half of `page_cache`: brings pages of a storage into frames, chooses which leave, and
/// writes back what changed of them. It moves whole pages; what programs ask for is the business of
/// the upper half.
///
/// With `MostPages` above 1 it reads ahead and writes behind: a page that comes in after its
/// predecessors brings its successors along, and a page that is written back takes its changed
/// neighbours with it, each in one storage operation of at most that many pages.
template <class Storage, class Address, std::size_t PageSize, std::size_t Frames,
          template <std::size_t> class Eviction, class Translation, bool Statistics,
          std::size_t MostPages = 1>
class pager {
    static_assert((check_storage<Storage>(), true));

    using traits = storage_traits<Storage>;

    static_assert(MostPages == 1 || (MostPages >= 2 && MostPages <= Frames / 2),
                  "sequential: at least 2 pages at a time, and at most half of the frames");
    static_assert(PageSize % traits::read_size == 0 && PageSize % traits::write_size == 0,
                  "paged: PageSize must be a multiple of the storage's read_size and write_size");

public:
    using storage_type = Storage;
    using address_type = Address;
    using place = frame_place;
    /// Bytes.
    static constexpr std::size_t page_size = PageSize;
    static constexpr std::size_t frame_count = Frames;
    /// Pieces of memory that a `sync` hands to the storage at most.
    static constexpr std::size_t sync_pieces = Frames;
    /// Whether the storage takes changes at a commit only: then what has changed leaves last.
    static constexpr bool keeps_changes = requires { requires Storage::no_steal; };
    /// Bytes at the start that no address reaches.
    static constexpr address reserved = PageSize;

    /// The storage is made in place: it may be too large to pass by value.
    constexpr pager()
        requires std::default_initializable<Storage>
    = default;
    constexpr explicit pager(Storage storage) noexcept(
        std::is_nothrow_move_constructible_v<Storage>)
        : transfer_(std::move(storage)) {}

    /// Drops every RAM copy, unsaved ones too, and from now on serves the addresses below `end`,
    /// rounded down to whole pages. Errors: too_large if `end` does not fit `Address` or the
    /// translation; wrong_size if it leaves no page after the reserved one; no_free_frame while
    /// anything is pinned.
    [[nodiscard]] result<void> start(address end) noexcept {
        const address pages = end / PageSize;
        if (pages < 2) {
            return failure(errc::wrong_size);
        }
        if (pages > table::max_pages) {
            return failure(errc::too_large);
        }
        if (unpinned_frames() != Frames) {
            return failure(errc::no_free_frame);
        }
        stop();
        end_ = pages * PageSize;
        return {};
    }

    /// Drops every RAM copy, unsaved ones too; no address is valid until the next `start`.
    /// Precondition: nothing is pinned.
    void stop() noexcept {
        for (std::size_t frame = 0; frame < Frames; ++frame) {
            if (frames_.holds_page(frame)) {
                frames_.remove(frame);
            }
        }
        end_ = 0;
    }

    /// End of the addresses served (bytes); 0 before `start`.
    [[nodiscard]] constexpr address size() const noexcept { return end_; }

    [[nodiscard]] constexpr Storage& storage() noexcept { return transfer_.storage(); }
    [[nodiscard]] constexpr const Storage& storage() const noexcept { return transfer_.storage(); }

    /// The hot path; see `frame_table::find`.
    template <std::size_t Size, std::size_t Align>
    [[nodiscard, gnu::always_inline]] bool find(Address at, place& where) const noexcept {
        return frames_.template find<Size, Align>(at, where);
    }
    /// Raw address of a place found before. Counts as a use of the page.
    [[nodiscard, gnu::always_inline]] std::byte* use(place where) noexcept {
        frames_.touch(where.frame);
        count_access();
        return raw(where);
    }
    /// Records that `count` bytes at a place found before change.
    [[gnu::always_inline]] void mark_dirty(place where, std::size_t count) noexcept {
        frames_.mark_dirty(where, count);
    }
    /// Precondition: the frame has fewer than 65535 pins.
    [[gnu::always_inline]] void add_pin(std::size_t frame) noexcept { frames_.add_pin(frame); }
    /// Gives a pin back. Precondition: `frame` is pinned.
    [[gnu::always_inline]] void unpin(std::size_t frame) noexcept { frames_.unpin(frame); }

    /// Writes back every dirty page; then nothing but pinned pages is dirty. All pages are tried;
    /// the first error is returned and what could not be written stays dirty. At most `Frames`
    /// writes.
    [[nodiscard]] result<void> flush() noexcept {
        result<void> outcome;
        for (std::size_t frame = 0; frame < Frames; ++frame) {
            if (const auto saved = write_back(frame); !saved && outcome) {
                outcome = saved;
            }
        }
        return outcome;
    }

    /// `flush`, then the storage's `sync`.
    [[nodiscard]] result<void> sync() noexcept {
        if (const auto flushed = flush(); !flushed) {
            return flushed;
        }
        return storage().sync();
    }

    /// What is known of page number `page`. O(Frames).
    [[nodiscard]] page_state state_of(std::size_t page) const noexcept {
        return frames_.state_of(page);
    }
    /// Frames that are not pinned. O(Frames).
    [[nodiscard]] std::size_t unpinned_frames() const noexcept { return frames_.unpinned_frames(); }

    [[nodiscard]] constexpr paging_statistics statistics() const noexcept
        requires Statistics
    {
        return transfer_.statistics();
    }
    constexpr void reset_statistics() noexcept
        requires Statistics
    {
        transfer_.statistics() = {};
    }

    /// Why `[at, at + count)` cannot be accessed: not_open before `start`, null_pointer in the
    /// reserved page, out_of_range past the end.
    [[nodiscard]] constexpr result<void> check(address at, std::size_t count) const noexcept {
        if (at >= reserved && at <= end_ && count <= end_ - at) {
            return {};
        }
        return failure(end_ == 0       ? errc::not_open
                       : at < reserved ? errc::null_pointer
                                       : errc::out_of_range);
    }

protected:
    using table = frame_table<Address, PageSize, Frames, Eviction, Translation>;

    /// The frame of the page of `at`, which is valid; brought in if need be, and not read if
    /// `overwritten` bytes are all of it. Counts as a use of the page, except that for a page
    /// brought in the policy sees the insertion alone.
    slot_or_error resident(address at, std::size_t overwritten) noexcept {
        count_access();
        place where;
        if (!find<1, 1>(static_cast<Address>(at), where)) {
            where.frame = frames_.search_on(table::page_of(at));
            if (where.frame == Frames) {
                return fault(table::page_of(at), overwritten);
            }
        }
        frames_.touch(where.frame);
        return where.frame;
    }

    /// Brings in a page that is not resident.
    [[gnu::noinline]] slot_or_error fault(std::size_t page, std::size_t overwritten) noexcept {
        const bool load = overwritten != PageSize;
        if constexpr (MostPages > 1) {
            if (const std::size_t frame = load ? bring_run(page) : Frames; frame != Frames) {
                return frame;
            }
        }
        const auto frame = make_room();
        if (frame) {
            if (load) {
                if (const auto loaded =
                        transfer_.load(table::address_of(page), {bytes(*frame), PageSize});
                    !loaded) {
                    return failure(loaded.error());
                }
            }
            frames_.insert(page, *frame);
        }
        return frame;
    }

    /// Brings in `page`, which is not resident, and some after it. Its frame; or `Frames` if it
    /// follows no run, or something failed: then it is to be treated like any other page.
    [[nodiscard]] std::size_t bring_run(std::size_t page) noexcept {
        mover pages(frames_, transfer_, bytes(0));
        const std::size_t count = pages.length(page, table::page_of(end_));
        return count < 2 ? Frames
                         : pages.bring(
                               page, count,
                               [this]() -> slot_or_error {
                                   // What nobody has asked for is worth no frame that must not
                                   // leave.
                                   return !keeps_changes || frames_.has_room()
                                              ? make_room()
                                              : failure(errc::no_free_frame);
                               });
    }

    /// An empty frame: one never used, or the victim's.
    slot_or_error make_room() noexcept {
        if (const std::size_t empty = frames_.empty_frame(); empty != Frames) {
            return empty;
        }
        std::size_t frame = keeps_changes ? frames_.unchanged_victim() : Frames;
        // What has changed must leave only if waiting for a pin cannot help.
        if (frame == Frames && (!keeps_changes || unpinned_frames() == Frames)) {
            frame = frames_.victim();
        }
        if (frame == Frames) {
            return failure(errc::no_free_frame);
        }
        if (const auto saved = write_back(frame); !saved) {
            // A storage that takes no more writes can still be read.
            frame = keeps_changes ? Frames : frames_.clean_victim();
            if (frame == Frames) {
                return failure(saved.error());
            }
        }
        frames_.remove(frame);
        return frame;
    }

    /// Empties a frame that is not pinned, and saves what it holds.
    [[nodiscard]] result<void> evict(std::size_t frame) noexcept {
        if (!frames_.holds_page(frame)) {
            return {};
        }
        const auto saved = write_back(frame);
        if (saved) {
            frames_.remove(frame);
        }
        return saved;
    }

    /// Writes the dirty range of a frame, rounded out to the storage's write_size. A pinned page
    /// stays dirty: its holder may go on writing.
    [[nodiscard]] result<void> write_back(std::size_t frame) noexcept {
        if (!frames_.holds_page(frame) || !frames_.dirty().any(frame)) {
            return {};
        }
        const auto [begin, end] = frames_.dirty().rounded(frame, traits::write_size);
        if constexpr (MostPages > 1) {
            if (mover(frames_, transfer_, bytes(0)).write(frame, begin, end)) {
                return {};
            }
        }
        const auto written = transfer_.save(frames_.page_address(frame) + begin,
                                            {bytes(frame) + begin, end - begin});
        if (written && frames_.pins(frame) == 0) {
            frames_.mark_clean(frame);
        }
        return written;
    }

    [[nodiscard, gnu::always_inline]] std::byte* raw(place where) noexcept {
        return &bytes_[where.position(PageSize)];
    }
    /// The `PageSize` bytes of a frame.
    [[nodiscard]] std::byte* bytes(std::size_t frame) noexcept {
        return raw({.frame = frame, .offset = 0});
    }

    [[gnu::always_inline]] void count_access() noexcept {
        if constexpr (Statistics) {
            ++transfer_.statistics().accesses;
        }
    }

    table frames_;

private:
    address end_ = 0;

protected:
    using transfer = page_transfer<Storage, PageSize, Statistics>;
    [[no_unique_address]] transfer transfer_;

private:
    using mover = run_mover<table, transfer, PageSize, Frames, MostPages>;

    // Last, so that all else is near the start of the object, within the reach of one instruction.
    alignas(table::frame_alignment) std::array<std::byte, PageSize * Frames> bytes_;
};

} // namespace vmem::detail

#endif
