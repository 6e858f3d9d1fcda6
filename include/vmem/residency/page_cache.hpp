// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_PAGE_CACHE_HPP
#define VMEM_RESIDENCY_PAGE_CACHE_HPP

#include <vmem/config.hpp>
#include <vmem/eviction/concept.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

/// What `page_cache` knows of one page.
struct page_state {
    bool resident = false;
    bool dirty = false;
    bool pinned = false;
};

/// A write-back cache of `Frames` pages of `PageSize` bytes over a storage, and itself a storage.
///
/// - A look-up is O(1) and independent of how much is resident: one load to guess the frame, one
///   comparison with its tag.
/// - A miss costs at most one storage write, of the dirty byte range of the page that leaves, and
/// one
///   storage read of the page that comes; a page that is overwritten whole is not read.
/// - A page that was only read is never written. A failed write-back keeps the dirty page.
/// - The first page is reserved: no address in it is ever resident, so a null pointer, with or
/// without a
///   member offset, always misses and is then named.
///
/// RAM per frame: the page, a tag of an address, 2 bytes of pins, 2 dirty bounds, and what
/// `Eviction` and `Translation` take. Usable alone as a cache; `heap<>` makes one from `paged<>`.
template <class Storage, class Address, std::size_t PageSize, std::size_t Frames,
          template <std::size_t> class Eviction, class Translation, bool Statistics>
class page_cache {
    static_assert((check_storage<Storage>(), true));
    static_assert((check_eviction_policy<Eviction<Frames>>(), true));

    using traits = storage_traits<Storage>;
    using map_type = typename Translation::template bind<Frames>;
    using offset_type = detail::smallest_uint<PageSize>;
    /// A type that user data hardly ever has: the compiler then knows that an access between a pin
    /// and its release cannot see the count, and drops the pair.
    using pin_count = char16_t;

    static_assert(std::has_single_bit(PageSize), "paged: PageSize must be a power of two");
    static_assert(PageSize >= 64, "paged: PageSize must be at least 64 bytes");
    static_assert(Frames >= 1, "paged: needs at least one frame");
    static_assert(PageSize % traits::read_size == 0 && PageSize % traits::write_size == 0,
                  "paged: PageSize must be a multiple of the storage's read_size and write_size");

public:
    using storage_type = Storage;
    using address_type = Address;
    /// Bytes.
    static constexpr std::size_t page_size = PageSize;
    static constexpr std::size_t frame_count = Frames;
    /// Bytes at the start that no address reaches.
    static constexpr address reserved = PageSize;
    /// Alignment of raw addresses: that of the most demanding standard type, or the page size if
    /// less.
    static constexpr std::size_t frame_alignment = alignof(std::max_align_t);

    constexpr explicit page_cache(Storage storage) noexcept(
        std::is_nothrow_move_constructible_v<Storage>)
        : storage_(std::move(storage)) {
        tags_.fill(no_page);
        dirty_begin_.fill(PageSize);
    }
    page_cache(const page_cache&) = delete;
    page_cache& operator=(const page_cache&) = delete;

    /// Drops every RAM copy, unsaved ones too, and from now on serves the addresses below `end`,
    /// rounded down to whole pages. Errors: too_large if `end` does not fit `Address` or the
    /// translation; wrong_size if it leaves no page after the reserved one; no_free_frame while
    /// anything is pinned.
    [[nodiscard]] result<void> start(address end) noexcept {
        const address pages = end / PageSize;
        if (pages < 2) {
            return failure(errc::wrong_size);
        }
        if (pages > map_type::max_pages || pages - 1 > last_page) {
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
            if (tags_[frame] != no_page) {
                drop(frame);
            }
        }
        end_ = 0;
    }

    /// End of the addresses served (bytes); 0 before `start`.
    [[nodiscard]] constexpr address size() const noexcept { return end_; }

    [[nodiscard]] constexpr Storage& storage() noexcept { return storage_; }
    [[nodiscard]] constexpr const Storage& storage() const noexcept { return storage_; }

    /// Where an address is in RAM.
    struct place {
        std::size_t frame;
        /// Bytes from the start of the page.
        std::size_t offset;
    };

    /// The hot path: whether an object of `Size` bytes at `at`, a multiple of `Align`, lies in one
    /// resident page; then `where` tells. Anything unusual answers false: not resident, out of
    /// range, null, misaligned, straddling two pages.
    template <std::size_t Size, std::size_t Align>
    [[nodiscard, gnu::always_inline]] bool find(Address at, place& where) const noexcept {
        static_assert(Align < PageSize && Align <= frame_alignment,
                      "paged: T is aligned more strictly than a page frame; use larger pages or a "
                      "less aligned T");
        // The offset comes from the address alone, so that the load of the data waits for the
        // frame's number but not for its tag.
        where = {.frame = map_.guess(page_of(at)), .offset = offset_of(at)};
        if constexpr (Size > Align && sizeof(tag) > sizeof(Address)) {
            // One comparison: what lies below the page, or beyond it, or in no page is far away,
            // and rotating moves the low bits of a misaligned offset to the top, where they are far
            // away too.
            const tag distance = at - tags_[where.frame];
            return Size <= PageSize &&
                   std::rotr(distance, std::countr_zero(Align)) <= (PageSize - Size) / Align;
        } else {
            // With its alignment bits kept, a misaligned address equals no page address.
            constexpr auto mask = static_cast<Address>(~(PageSize - 1) | (Align - 1));
            return tags_[where.frame] == (at & mask) &&
                   (Size == Align || where.offset + Size <= PageSize);
        }
    }

    /// Raw address of a place found before. Counts as a use of the page.
    [[nodiscard, gnu::always_inline]] std::byte* use(place where) noexcept {
        eviction_.on_access(where.frame);
        if constexpr (Statistics) {
            ++statistics_.accesses;
        }
        return &frames_[where.frame * PageSize + where.offset];
    }

    /// Records that `count` bytes at a place change. Precondition: they lie in its page.
    [[gnu::always_inline]] void mark_dirty(place where, std::size_t count) noexcept {
        // Branches, not stores: once a page is dirty from end to end they are all predicted.
        if (where.offset < dirty_begin_[where.frame]) {
            dirty_begin_[where.frame] = static_cast<offset_type>(where.offset);
        }
        if (where.offset + count > dirty_end_[where.frame]) {
            dirty_end_[where.frame] = static_cast<offset_type>(where.offset + count);
        }
    }

    /// Adds a pin to a frame found before. Precondition: it has fewer than 65535.
    [[gnu::always_inline]] void add_pin(std::size_t frame) noexcept { ++pins_[frame]; }

    /// Gives a pin back. Precondition: `frame` is pinned.
    [[gnu::always_inline]] void unpin(std::size_t frame) noexcept { --pins_[frame]; }

    /// Brings the page of `at` into RAM and pins the whole units of `unit` bytes that follow `at`
    /// in this page, at most `count` of them. For `access::write` they count as changed from now
    /// on. Errors: those of `check`; zero_size; not_contiguous if the first unit straddles the end
    /// of the page; no_free_frame if all frames are pinned; the storage's. At most one storage
    /// write and one read.
    [[nodiscard]] result<pinned_bytes> pin(address at, std::size_t count, std::size_t unit,
                                           access how) noexcept {
        if (count == 0) {
            return failure(errc::zero_size);
        }
        if (const auto valid = check(at, unit); !valid) {
            return failure(valid.error());
        }
        const std::size_t whole = (PageSize - offset_of(at)) / unit;
        if (whole == 0) {
            return failure(errc::not_contiguous);
        }
        const auto where = resident(at, true);
        if (!where) {
            return failure(where.error());
        }
        if (pins_[where->frame] == (std::numeric_limits<pin_count>::max)()) {
            return failure(errc::no_free_frame);
        }
        add_pin(where->frame);
        const std::size_t size = detail::lesser(count, whole) * unit;
        if (how == access::write) {
            mark_dirty(*where, size);
        }
        return pinned_bytes{.data = use(*where), .size = size, .slot = where->frame};
    }

    /// Copies bytes out, page by page. Errors: those of `check`, no_free_frame, the storage's; then
    /// the contents of `out` are unspecified. Storage operations: at most two per page touched.
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) noexcept {
        if (const auto valid = check(from, out.size()); !valid) {
            return valid;
        }
        while (!out.empty()) {
            const auto where = resident(from, true);
            if (!where) {
                return failure(where.error());
            }
            const std::size_t count = detail::lesser(out.size(), PageSize - where->offset);
            std::memcpy(out.data(), use(*where), count);
            out = out.subspan(count);
            from += count;
        }
        return {};
    }

    /// Copies bytes in, page by page; a page written whole is not read first. Errors: as `read`;
    /// then a prefix of `in`, in whole pages, has been written.
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) noexcept {
        if (const auto valid = check(to, in.size()); !valid) {
            return valid;
        }
        while (!in.empty()) {
            const std::size_t count = detail::lesser(in.size(), PageSize - offset_of(to));
            const auto where = resident(to, count != PageSize);
            if (!where) {
                return failure(where.error());
            }
            std::memcpy(use(*where), in.data(), count);
            mark_dirty(*where, count);
            in = in.subspan(count);
            to += count;
        }
        return {};
    }

    /// A pinned copy, in a frame of its own, of the `count` bytes at `from`, which straddle two
    /// pages or are misaligned. End it with `put_back` or `discard`. Errors: those of `check`;
    /// too_large for more than a page; no_free_frame if fewer than two frames are not pinned; the
    /// storage's. At most three storage writes and two reads.
    [[nodiscard]] result<pinned_bytes> copy_out(address from, std::size_t count) noexcept {
        if (count > PageSize) {
            return failure(errc::too_large);
        }
        const auto room = make_room();
        if (!room) {
            return failure(room.error());
        }
        ++held_;
        pins_[*room] = 1;
        const pinned_bytes copy{.data = frame_bytes(*room).data(), .size = count, .slot = *room};
        if (const auto done = read(from, {copy.data, count}); !done) {
            discard(copy);
            return failure(done.error());
        }
        return copy;
    }
    /// Writes a copy to where it came from, and ends it. Errors: those of `write`.
    [[nodiscard]] result<void> put_back(const pinned_bytes& copy, address to) noexcept {
        const auto done = write(to, {copy.data, copy.size});
        discard(copy);
        return done;
    }
    void discard(const pinned_bytes& copy) noexcept {
        pins_[copy.slot] = 0;
        --held_;
    }

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
        return storage_.sync();
    }

    /// Reads the start of the reserved page. Precondition: `out` is at most a page. Uses a frame,
    /// and leaves nothing resident.
    [[nodiscard]] result<void> read_reserved(std::span<std::byte> out) noexcept {
        const auto frame = fault(0, true);
        if (!frame) {
            return failure(frame.error());
        }
        std::memcpy(out.data(), &frames_[*frame * PageSize], out.size());
        drop(*frame);
        return {};
    }

    /// Writes the start of the reserved page to storage at once. Precondition: `in` is at most a
    /// page.
    [[nodiscard]] result<void> write_reserved(std::span<const std::byte> in) noexcept {
        const auto frame = fault(0, true);
        if (!frame) {
            return failure(frame.error());
        }
        std::memcpy(&frames_[*frame * PageSize], in.data(), in.size());
        mark_dirty({.frame = *frame, .offset = 0}, in.size());
        const auto saved = write_back(*frame);
        drop(*frame);
        return saved;
    }

    /// What is known of page number `page`. O(Frames).
    [[nodiscard]] page_state state_of(std::size_t page) const noexcept {
        for (std::size_t frame = 0; frame < Frames; ++frame) {
            if (tags_[frame] != no_page && page_in(frame) == page) {
                return {.resident = true, .dirty = dirty(frame), .pinned = pins_[frame] != 0};
            }
        }
        return {};
    }

    /// Frames that are not pinned. O(Frames).
    [[nodiscard]] std::size_t unpinned_frames() const noexcept {
        std::size_t count = 0;
        for (const pin_count pins : pins_) {
            count += pins == 0 ? 1u : 0u;
        }
        return count;
    }

    [[nodiscard]] constexpr paging_statistics statistics() const noexcept
        requires Statistics
    {
        return statistics_;
    }
    constexpr void reset_statistics() noexcept
        requires Statistics
    {
        statistics_ = {};
    }

    /// Why `[at, at + count)` cannot be accessed: not_open before `start`, null_pointer in the
    /// reserved page, out_of_range past the end.
    [[nodiscard]] constexpr result<void> check(address at, std::size_t count) const noexcept {
        if (end_ == 0) {
            return failure(errc::not_open);
        }
        if (at < reserved) {
            return failure(errc::null_pointer);
        }
        return detail::check_range(end_, at, count);
    }

private:
    static constexpr std::size_t page_shift = std::countr_zero(PageSize);
    static constexpr address last_page = (std::numeric_limits<Address>::max)() >> page_shift;
    /// A page address; on machines that are wider than `Address` it can be far from all of them.
    using tag = std::conditional_t<(sizeof(std::size_t) > sizeof(Address)), std::size_t, Address>;
    /// What an empty frame has instead. It is no page address, and far from all.
    static constexpr tag no_page = sizeof(tag) > sizeof(Address)
                                       ? ~((std::numeric_limits<tag>::max)() >> 1)
                                       : (std::numeric_limits<tag>::max)();

    [[nodiscard]] static constexpr std::size_t page_of(address at) noexcept {
        return static_cast<std::size_t>(at >> page_shift);
    }
    [[nodiscard]] static constexpr std::size_t offset_of(address at) noexcept {
        return static_cast<std::size_t>(at & (PageSize - 1));
    }
    [[nodiscard]] constexpr std::size_t page_in(std::size_t frame) const noexcept {
        return page_of(tags_[frame]);
    }
    [[nodiscard]] constexpr auto pages() const noexcept {
        return [this](std::size_t frame) { return page_in(frame); };
    }
    [[nodiscard]] constexpr bool dirty(std::size_t frame) const noexcept {
        return dirty_begin_[frame] < dirty_end_[frame];
    }
    [[nodiscard]] std::span<std::byte, PageSize> frame_bytes(std::size_t frame) noexcept {
        return std::span<std::byte, PageSize>{&frames_[frame * PageSize], PageSize};
    }

    /// Where `at`, which is valid, is in RAM; brought in if need be.
    [[nodiscard]] result<place> resident(address at, bool load) noexcept {
        place where;
        if (find<1, 1>(static_cast<Address>(at), where)) {
            return where;
        }
        where = {.frame = map_.search(page_of(at), pages()), .offset = offset_of(at)};
        if (where.frame == Frames) {
            const auto brought = fault(page_of(at), load);
            if (!brought) {
                return failure(brought.error());
            }
            where.frame = *brought;
        }
        return where;
    }

    /// Brings in a page that is not resident.
    [[nodiscard, gnu::noinline]] result<std::size_t> fault(std::size_t page, bool load) noexcept {
        const auto room = make_room();
        if (!room) {
            return room;
        }
        const std::size_t frame = *room;
        const auto at = static_cast<address>(page) << page_shift;
        if (load) {
            if (const auto loaded = storage_.read(at, frame_bytes(frame)); !loaded) {
                return failure(loaded.error());
            }
            if constexpr (Statistics) {
                ++statistics_.page_ins;
                statistics_.bytes_read += PageSize;
            }
        }
        tags_[frame] = static_cast<tag>(at);
        map_.insert(page, frame);
        eviction_.on_insert(frame);
        ++held_;
        return frame;
    }

    /// An empty frame: one never used, or the victim's.
    [[nodiscard]] result<std::size_t> make_room() noexcept {
        if (held_ < Frames) {
            std::size_t frame = held_;
            while (tags_[frame] != no_page || pins_[frame] != 0) {
                frame = frame + 1 == Frames ? 0 : frame + 1;
            }
            return frame;
        }
        const std::size_t frame =
            eviction_.victim([this](std::size_t slot) { return pins_[slot] == 0; });
        if (frame == Frames) {
            return failure(errc::no_free_frame);
        }
        if (const auto saved = write_back(frame); !saved) {
            return failure(saved.error());
        }
        drop(frame);
        return frame;
    }

    /// Writes the dirty range of a frame, rounded out to the storage's write_size. A pinned page
    /// stays dirty: its holder may go on writing.
    [[nodiscard]] result<void> write_back(std::size_t frame) noexcept {
        if (!dirty(frame)) {
            return {};
        }
        const auto begin = detail::align_down(std::size_t{dirty_begin_[frame]}, traits::write_size);
        const auto end = detail::align_up(std::size_t{dirty_end_[frame]}, traits::write_size);
        if (const auto written = storage_.write(tags_[frame] + begin,
                                                frame_bytes(frame).subspan(begin, end - begin));
            !written) {
            return written;
        }
        if constexpr (Statistics) {
            ++statistics_.write_backs;
            statistics_.bytes_written += end - begin;
        }
        if (pins_[frame] == 0) {
            mark_clean(frame);
        }
        return {};
    }

    void mark_clean(std::size_t frame) noexcept {
        dirty_begin_[frame] = static_cast<offset_type>(PageSize);
        dirty_end_[frame] = 0;
    }

    /// Empties a frame without saving it.
    void drop(std::size_t frame) noexcept {
        map_.erase(page_in(frame), frame, pages());
        eviction_.on_remove(frame);
        tags_[frame] = no_page;
        mark_clean(frame);
        --held_;
    }

    struct nothing {};

    map_type map_;
    /// Page address per frame; one more, never valid, for the map's guess "none".
    std::array<tag, Frames + 1> tags_;
    Eviction<Frames> eviction_;
    std::array<pin_count, Frames> pins_{};
    std::array<offset_type, Frames> dirty_begin_;
    std::array<offset_type, Frames> dirty_end_{};
    std::size_t held_ = 0;
    address end_ = 0;
    [[no_unique_address]] Storage storage_;
    [[no_unique_address]] std::conditional_t<Statistics, paging_statistics, nothing> statistics_;
    alignas(frame_alignment) std::array<std::byte, PageSize * Frames> frames_;
};

} // namespace vmem

#endif
