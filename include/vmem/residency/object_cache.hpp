// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_CACHE_HPP
#define VMEM_RESIDENCY_OBJECT_CACHE_HPP

#include <vmem/config.hpp>
#include <vmem/persist/critical_section.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/residency/object_views.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

namespace vmem {

/// A write-back cache of objects over a storage, and itself a storage: what `heap<>` takes for its
/// residency. An object is whatever starts at an address and is asked for in one piece: all of it
/// is resident, or nothing.
///
/// For whoever has no more than an address; see `object_access` for all others, and `object_views`
/// for what that costs. Long transfers go past RAM. An access costs at most `worst_case_access`.
template <class Storage, class Address, class Shape, std::size_t DirtyLimit, bool Statistics>
class object_cache : public object_views<Storage, Address, Shape, DirtyLimit, Statistics> {
    using base = object_views<Storage, Address, Shape, DirtyLimit, Statistics>;
    using base::critical_;
    using base::drop;
    using base::end_;
    using base::for_each_resident;
    using base::hold_bytes;
    using base::hold_found;
    using base::locate;
    using base::locate_short;
    using base::mark;
    using base::none;
    using base::ram_;
    using base::raw_at;
    using base::touch;
    using base::view;
    using typename base::byte_range;
    using typename base::table_type;

public:
    using storage_type = Storage;
    using address_type = Address;
    using base::check;
    using base::page_size;
    using base::raw;
    using base::reserved;
    using base::unpin;
    using base::unpinned_frames;
    using typename base::place;

    static constexpr std::size_t frame_count = Shape::max_objects;
    static constexpr std::size_t arena_bytes = Shape::arena_bytes;

    /// Where the allocator's state is at home, which is never resident.
    class medium_type {
    public:
        explicit medium_type(object_cache& owner) noexcept : owner_(owner) {}
        [[nodiscard]] address size() const noexcept { return owner_.end_; }
        [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
            return owner_.storage_.read(from, out);
        }
        [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
            return owner_.write_home(to, in);
        }
        [[nodiscard]] result<void> sync() { return owner_.storage_.sync(); }

    private:
        object_cache& owner_;
    };

    using base::base;

    [[nodiscard]] medium_type& medium() noexcept { return medium_; }
    /// Drops every RAM copy, unsaved ones too, and from now on serves the addresses below `end`.
    /// Errors: too_large if `end` does not fit `Address`; wrong_size if it leaves nothing after the
    /// reserved part; no_free_frame while anything is pinned.
    [[nodiscard]] result<void> start(address end) noexcept {
        if (end <= reserved) {
            return failure(errc::wrong_size);
        }
        if (end - 1 > (std::numeric_limits<Address>::max)()) {
            return failure(errc::too_large);
        }
        if (unpinned_frames() != frame_count) {
            return failure(errc::no_free_frame);
        }
        stop();
        end_ = end;
        return {};
    }
    /// Drops every RAM copy; no address is valid until the next `start`. Both are called in a
    /// critical section.
    void stop() noexcept {
        this->reset();
        end_ = 0;
    }

    /// The hot path; see `object_table::find`.
    template <std::size_t Size, std::size_t Align>
    [[nodiscard, gnu::always_inline]] bool find(Address at, place& where) const noexcept {
        return ram_.table.template find<Size, Align>(at, where);
    }
    /// The same, if the bytes are unsaved already and may change without further ado.
    template <std::size_t Size, std::size_t Align>
    [[nodiscard, gnu::always_inline]] bool find_unsaved(Address at, place& where) const noexcept {
        return find<Size, Align>(at, where) && ram_.table.is_unsaved(where, Size);
    }
    [[nodiscard, gnu::always_inline]] std::byte* use(place where) noexcept {
        touch(where.frame);
        return raw(where.frame) + where.offset;
    }
    /// Either, and `use`, for whoever uses the parts of `Size` bytes of objects of `Whole` one
    /// after the other: the raw address, or null. Soonest if they are in the object in `slot`,
    /// which from then on is where they were.
    template <std::size_t Size, std::size_t Align, std::size_t Whole, access How, class Slot>
    [[nodiscard, gnu::always_inline]] std::byte* use_near(Address at, Slot& slot) noexcept {
        std::byte* found = part_in<Size, Align, Whole, How>(slot, at);
        if (found == nullptr) [[unlikely]] {
            const std::size_t other = ram_.table.guess(at);
            found = part_in<Size, Align, Whole, How>(other, at);
            if (found == nullptr) {
                return nullptr;
            }
            slot = static_cast<Slot>(other);
        }
        touch(slot);
        return found;
    }
    /// Precondition: the slot has fewer than 4095 pins.
    [[gnu::always_inline]] void add_pin(std::size_t slot) noexcept { ++ram_.table[slot].pins; }
    /// The same, for bytes found by `find_unsaved`.
    [[gnu::always_inline]] void add_writer(std::size_t slot) noexcept {
        auto& pins = ram_.table[slot].pins;
        pins = static_cast<std::uint16_t>((pins | table_type::writing) + 1);
    }
    /// Pins the units of `unit` bytes from `at` on, at most `count` of them: as many as lie before
    /// the next multiple of `page_size`, at least one. For `access::write` they count as unsaved
    /// from now on. Errors: those of `check`; zero_size; too_large for a unit beyond `page_size`;
    /// no_free_frame if what is pinned leaves no room, or the object is pinned 2048 times; pinned
    /// if an overlapping piece is; over_dirty_limit; the storage's.
    [[nodiscard]] result<pinned_bytes> pin(address at, std::size_t count, std::size_t unit,
                                           access how) noexcept {
        if (count == 0 || unit == 0) {
            return failure(errc::zero_size);
        }
        if (const auto valid = check(at, unit); !valid) {
            return failure(valid.error());
        }
        if (unit > page_size) {
            return failure(errc::too_large);
        }
        const std::size_t run = detail::lesser(page_size - at % page_size, end_ - at) / unit;
        const std::size_t size = detail::lesser(count, run == 0 ? 1 : run) * unit;
        const critical_guard guard(critical_);
        const byte_range bytes{.at = static_cast<Address>(at), .size = size};
        return hold_found(locate(bytes, bytes, true, unit), size, how);
    }
    /// Pins `part` of the `count` bytes at `at`, which are used one part after the other: if it is
    /// not resident all of them come in as one view, and are not read unless `load` says that one
    /// of them matters. Errors: as `pin`.
    [[nodiscard]] result<pinned_bytes> pin_part(address at, std::size_t count, object_part part,
                                                access how, bool load) noexcept {
        if (const auto valid = check(at, count); !valid) {
            return failure(valid.error());
        }
        if (count > page_size) {
            return failure(errc::too_large);
        }
        const critical_guard guard(critical_);
        const byte_range wanted{.at = static_cast<Address>(at + part.offset), .size = part.size};
        return hold_found(
            locate(wanted, {.at = static_cast<Address>(at), .size = count}, load, part.size),
            part.size, how);
    }

    /// Copies bytes out. Errors: those of `check`, the storage's.
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) noexcept {
        if (const auto valid = check(from, out.size()); !valid || out.empty()) {
            return valid;
        }
        const critical_guard guard(critical_);
        const auto found = locate_short(static_cast<Address>(from), out.size(), true);
        if (found) {
            std::memcpy(out.data(), raw_at(found->where), out.size());
            return {};
        }
        if (found.error() != errc::not_contiguous) {
            return failure(found.error());
        }
        const auto done = this->storage_.read(from, out);
        for_each_resident(from, out.size(), [&](std::byte* here, std::size_t at, std::size_t n) {
            std::memcpy(out.data() + at, here, n);
        });
        return done;
    }
    /// Copies bytes in, to RAM if they can be resident and unsaved, else to storage. Errors: as
    /// `read`.
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) noexcept {
        if (const auto valid = check(to, in.size()); !valid || in.empty()) {
            return valid;
        }
        const critical_guard guard(critical_);
        const auto found = locate_short(static_cast<Address>(to), in.size(), false);
        auto marked = found ? mark(found->where.frame, found->where.offset, in.size())
                            : result<void>(failure(found.error()));
        if (marked) {
            std::memcpy(raw_at(found->where), in.data(), in.size());
            return {};
        }
        if (found && found->fresh) {
            drop(found->where.frame);
        }
        if (marked.error() != errc::not_contiguous && marked.error() != errc::over_dirty_limit) {
            return marked;
        }
        marked = this->write_home(to, in);
        if (marked) {
            for_each_resident(to, in.size(), [&](std::byte* here, std::size_t at, std::size_t n) {
                std::memcpy(here, in.data() + at, n);
            });
        }
        return marked;
    }

    /// Pins the `count` bytes at `from`, which are misaligned, for writing, at an aligned raw
    /// address. End it with `put_back` or `discard`. Errors: as `pin`.
    [[nodiscard]] result<pinned_bytes> copy_out(address from, std::size_t count) noexcept {
        if (const auto valid = check(from, count); !valid) {
            return failure(valid.error());
        }
        if (count > page_size) {
            return failure(errc::too_large);
        }
        const critical_guard guard(critical_);
        const auto at = static_cast<Address>(from);
        std::size_t slot = ram_.table.search(at);
        if (slot == none || ram_.table[slot].size < count) {
            const auto brought = view(at, count, true);
            if (!brought) {
                return failure(brought.error());
            }
            slot = *brought;
        }
        return hold_bytes({.frame = slot, .offset = 0}, count, access::write);
    }
    [[nodiscard]] result<void> put_back(const pinned_bytes& copy, address) noexcept {
        unpin(copy.slot);
        return {};
    }
    void discard(const pinned_bytes& copy) noexcept { unpin(copy.slot); }

    /// The start of the reserved part, which holds the superblock; never resident.
    [[nodiscard]] result<void> read_reserved(std::span<std::byte> out) noexcept {
        return this->storage_.read(0, out);
    }
    [[nodiscard]] result<void> write_reserved(std::span<const std::byte> in) noexcept {
        return this->storage_.write(0, in);
    }

    [[nodiscard]] constexpr paging_statistics statistics() const noexcept
        requires Statistics
    {
        return this->statistics_;
    }
    constexpr void reset_statistics() noexcept
        requires Statistics
    {
        this->statistics_ = {};
    }

private:
    template <std::size_t Size, std::size_t Align, std::size_t Whole, access How>
    [[nodiscard, gnu::always_inline]] std::byte* part_in(std::size_t slot, Address at) noexcept {
        const place where{.frame = slot, .offset = ram_.table.offset_in(slot, at)};
        return ram_.table.template has_part<Size, Align, Whole, How>(at, where) ? raw_at(where)
                                                                                : nullptr;
    }

    medium_type medium_{*this};
};

} // namespace vmem

#endif
