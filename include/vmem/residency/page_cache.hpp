// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_PAGE_CACHE_HPP
#define VMEM_RESIDENCY_PAGE_CACHE_HPP

#include <vmem/config.hpp>
#include <vmem/detail/lending_pager.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

namespace vmem {

/// A write-back cache of `Frames` pages of `PageSize` bytes over a storage, and itself a storage.
///
/// - A look-up is O(1) and independent of how much is resident: one load to guess the frame, one
///   comparison with its tag.
/// - A miss costs at most one storage write, of the dirty byte range of the page that leaves, and
///   one storage read of the page that comes; a page that is overwritten whole is not read.
/// - A page that was only read is never written. A failed write-back keeps the dirty page.
/// - The first page is reserved: no address in it is ever resident, so a null pointer, with or
///   without a member offset, always misses and is then named.
///
/// RAM: see `frame_table`. Usable alone as a cache; `heap<>` makes one from `paged<>`.
template <class Storage, class Address, std::size_t PageSize, std::size_t Frames,
          template <std::size_t> class Eviction, class Translation, bool Statistics,
          std::size_t MostPages = 1>
class page_cache : public detail::lending_pager<Storage, Address, PageSize, Frames, Eviction,
                                                Translation, Statistics, MostPages> {
    using base = detail::lending_pager<Storage, Address, PageSize, Frames, Eviction, Translation,
                                       Statistics, MostPages>;
    using base::bytes;
    using base::count_access;
    using base::fault;
    using base::frames_;
    using base::make_room;
    using base::raw;
    using base::resident;
    using base::write_back;
    using typename base::table;

public:
    using base::base;
    using base::check;
    using typename base::place;

    /// Brings the page of `at` into RAM and pins the whole units of `unit` bytes that follow `at`
    /// in this page, at most `count` of them. For `access::write` they count as changed from now
    /// on. Errors: those of `check`; zero_size; not_contiguous if the first unit straddles the end
    /// of the page; no_free_frame if all frames are pinned, or this one 65280 times; the storage's.
    /// At most one storage write and one read.
    [[nodiscard]] result<pinned_bytes> pin(address at, std::size_t count, std::size_t unit,
                                           access how) noexcept {
        if (count == 0 || unit == 0) {
            return failure(errc::zero_size);
        }
        if (const auto valid = check(at, unit); !valid) {
            return failure(valid.error());
        }
        const std::size_t whole = (PageSize - table::offset_of(at)) / unit;
        if (whole == 0) {
            return failure(errc::not_contiguous);
        }
        const auto frame = resident(at, 0);
        if (!frame) {
            return failure(frame.error());
        }
        if (frames_.pins(*frame) == table::max_pins) {
            return failure(errc::no_free_frame);
        }
        frames_.add_pin(*frame);
        const place where{.frame = *frame, .offset = table::offset_of(at)};
        const std::size_t size = detail::lesser(count, whole) * unit;
        if (how == access::write) {
            frames_.mark_dirty(where, size);
        }
        return pinned_bytes{.data = raw(where), .size = size, .slot = where.frame};
    }

    /// Copies bytes out, page by page. Errors: those of `check`, no_free_frame, the storage's; then
    /// the contents of `out` are unspecified. Storage operations: at most two per page touched.
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) noexcept {
        return copy_bytes(from, out.data(), out.size(), access::read);
    }

    /// Copies bytes in, page by page; a page written whole is not read first. Errors: as `read`;
    /// then a prefix of `in`, up to the end of a page, has been written.
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) noexcept {
        return copy_bytes(to, const_cast<std::byte*>(in.data()), in.size(), access::write);
    }

    /// As `read`, but past the frames: whole units of the storage are read in one operation,
    /// however many pages they are, and what is not resident stays so. For long transfers into RAM
    /// that the caller has; see `lend`. At most one storage write per frame, one read, and those of
    /// `read` for a unit that is read in part at either end. Where changes have to stay in RAM it
    /// is `read`, and `write_around` is `write`.
    [[nodiscard]] result<void> read_around(address from, std::span<std::byte> out) noexcept {
        if constexpr (base::keeps_changes) {
            return read(from, out);
        }
        if (const auto valid = check(from, out.size()); !valid) {
            return valid;
        }
        const auto [head, middle] = parts(from, out.size(), traits::read_size);
        auto done = read(from, out.first(head));
        if (done && middle != 0) {
            done = this->read_past(from + head, out.subspan(head, middle));
        }
        return done ? read(from + head + middle, out.subspan(head + middle)) : done;
    }

    /// As `write`, but past the frames, as `read_around`. What is written whole leaves its frame.
    /// Errors: as `write`; then each byte is old or new. One storage write, and the operations of
    /// `write` for a unit that is written in part at either end.
    [[nodiscard]] result<void> write_around(address to, std::span<const std::byte> in) noexcept {
        if (const auto valid = check(to, in.size()); !valid) {
            return valid;
        }
        if constexpr (base::keeps_changes) {
            return whole(write(to, in));
        }
        const auto [head, middle] = parts(to, in.size(), traits::write_size);
        auto done = write(to, in.first(head));
        if (done && middle != 0) {
            done = this->write_past(to + head, in.subspan(head, middle));
        }
        return done ? write(to + head + middle, in.subspan(head + middle)) : done;
    }

    /// A pinned copy, in a frame of its own, of the `count` bytes at `from`, which straddle two
    /// pages or are misaligned. Whoever asks for the same bytes meanwhile gets the same copy, so
    /// that neither overwrites what the other changes. End it with `put_back` or `discard`. Errors:
    /// those of `check`; too_large for more than a page; no_free_frame if fewer than two frames are
    /// not pinned; the storage's. At most three storage writes and two reads.
    [[nodiscard]] result<pinned_bytes> copy_out(address from, std::size_t count) noexcept {
        if (count > PageSize) {
            return failure(errc::too_large);
        }
        if (const auto valid = check(from, count); !valid) {
            return failure(valid.error());
        }
        if (const std::size_t shared = frames_.copy_of(from, count);
            shared != Frames && frames_.pins(shared) < table::max_pins) {
            frames_.add_pin(shared);
            return pinned_bytes{.data = bytes(shared), .size = count, .slot = shared};
        }
        const auto room = make_room();
        if (!room) {
            return failure(room.error());
        }
        frames_.borrow(*room);
        const pinned_bytes copy{.data = bytes(*room), .size = count, .slot = *room};
        if (const auto done = read(from, {copy.data, count}); !done) {
            discard(copy);
            return failure(done.error());
        }
        frames_.label_copy(*room, from, count);
        if (keeps_original(copy)) {
            std::memcpy(copy.data + PageSize / 2, copy.data, count);
        }
        return copy;
    }
    /// Writes to where a copy came from what has changed of it (all of it if it is larger than half
    /// a page), and ends it. Errors: those of `write`.
    [[nodiscard]] result<void> put_back(const pinned_bytes& copy, address to) noexcept {
        const auto done =
            keeps_original(copy) ? write_changes(copy, to) : write(to, {copy.data, copy.size});
        discard(copy);
        return whole(done);
    }
    /// Ends a copy without writing it. O(1).
    void discard(const pinned_bytes& copy) noexcept {
        frames_.unpin(copy.slot);
        if (frames_.pins(copy.slot) == 0) {
            frames_.give_back(copy.slot);
        }
    }

    /// Reads the start of the reserved page. Precondition: `out` is at most a page. Uses a frame,
    /// and leaves nothing resident.
    [[nodiscard]] result<void> read_reserved(std::span<std::byte> out) noexcept {
        const auto frame = fault(0, 0);
        if (!frame) {
            return failure(frame.error());
        }
        std::memcpy(out.data(), bytes(*frame), out.size());
        frames_.remove(*frame);
        return {};
    }

    /// Writes the start of the reserved page to storage at once. Precondition: `in` is at most a
    /// page.
    [[nodiscard]] result<void> write_reserved(std::span<const std::byte> in) noexcept {
        const auto frame = fault(0, 0);
        if (!frame) {
            return failure(frame.error());
        }
        std::memcpy(bytes(*frame), in.data(), in.size());
        frames_.mark_dirty({.frame = *frame, .offset = 0}, in.size());
        const auto saved = write_back(*frame);
        frames_.remove(*frame);
        return saved;
    }

private:
    using traits = storage_traits<Storage>;

    /// The outcome of a write that must not be committed if it is half done.
    [[nodiscard]] result<void> whole(const result<void>& done) noexcept {
        if constexpr (base::keeps_changes) {
            if (!done) {
                this->storage().doom(done.error());
            }
        }
        return done;
    }

    struct unit_parts {
        /// Bytes up to the first whole unit.
        std::size_t head;
        /// Bytes of whole units.
        std::size_t middle;
    };
    [[nodiscard]] static constexpr unit_parts parts(address at, std::size_t count,
                                                    std::size_t unit) noexcept {
        const auto gap = static_cast<std::size_t>((address{0} - at) & (unit - 1));
        const std::size_t head = detail::lesser(gap, count);
        return {.head = head, .middle = detail::align_down(count - head, unit)};
    }

    /// Both directions in one function, out of line, as they are the same walk. Only
    /// `access::read` changes `data`.
    [[nodiscard, gnu::noinline]] result<void> copy_bytes(address at, std::byte* data,
                                                         std::size_t count, access how) noexcept {
        if (const auto valid = check(at, count); !valid) {
            return valid;
        }
        while (count != 0) {
            const std::size_t offset = table::offset_of(at);
            std::size_t part = detail::lesser(count, PageSize - offset);
            const auto frame = resident(at, how == access::write ? part : 0);
            if (!frame) {
                return failure(frame.error());
            }
            const place where{.frame = *frame, .offset = offset};
            if constexpr (copies_runs) {
                part = run_from(at, where, count);
            }
            std::byte* to = data;
            std::byte* from = raw(where);
            if (how == access::write) {
                mark_run(where, part);
                std::swap(to, from);
            }
            std::memcpy(to, from, part);
            data += part;
            at += part;
            count -= part;
        }
        return {};
    }

    /// Pages that came one after the other are often in frames that follow each other. Where
    /// copying a page takes no longer than looking for it, one long copy is faster than several
    /// short ones.
    static constexpr bool copies_runs = !table::is_small_processor;

    /// Bytes at `at`, which is at `where`, that are contiguous in RAM, at most `count`. Each page
    /// counts as used.
    [[nodiscard]] std::size_t run_from(address at, place where, std::size_t count) noexcept {
        std::size_t run = PageSize - where.offset;
        place next;
        while (run < count && frames_.template find<1, 1>(static_cast<Address>(at + run), next) &&
               next.frame == ++where.frame) {
            count_access();
            frames_.touch(next.frame);
            run += PageSize;
        }
        return detail::lesser(run, count);
    }
    /// Records that such a run changes.
    void mark_run(place where, std::size_t count) noexcept {
        if constexpr (copies_runs) {
            for (; count > PageSize - where.offset;
                 where = {.frame = where.frame + 1, .offset = 0}) {
                frames_.mark_dirty(where, PageSize - where.offset);
                count -= PageSize - where.offset;
            }
        }
        frames_.mark_dirty(where, count);
    }

    /// Whether the second half of a copy's frame shows the bytes as they were, so that those that
    /// the holder leaves alone can be changed in virtual memory meanwhile.
    [[nodiscard]] bool keeps_original(const pinned_bytes& copy) const noexcept {
        return frames_.copy_size(copy.slot) <= PageSize / 2;
    }

    [[nodiscard]] result<void> write_changes(const pinned_bytes& copy, address to) noexcept {
        std::byte* const original = copy.data + PageSize / 2;
        for (std::size_t begin = 0, end = 0; begin < copy.size; begin = ++end) {
            while (end < copy.size && copy.data[end] != original[end]) {
                ++end;
            }
            const std::span<const std::byte> changed(copy.data + begin, end - begin);
            if (const auto written = write(to + begin, changed); !written) {
                return written;
            }
            std::memcpy(original + begin, changed.data(), changed.size());
        }
        return {};
    }
};

} // namespace vmem

#endif
