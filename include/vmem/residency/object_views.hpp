// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_VIEWS_HPP
#define VMEM_RESIDENCY_OBJECT_VIEWS_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/slot_or_error.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/residency/object_access.hpp>
#include <vmem/result.hpp>

#include <bit>
#include <cstddef>

namespace vmem {

/// Where bytes are of which no more than the address is known, whatever object they belong to.
///
/// What starts at an address and is resident is found in O(1), as is what lies within the object
/// used last; anything else takes O(MaxObjects). What is not resident comes in as a *view* of the
/// bytes that were asked for, which makes way as soon as somebody asks for more, or for other bytes
/// that overlap it.
template <class Storage, class Address, class Shape, std::size_t DirtyLimit, bool Statistics>
class object_views : public object_access<Storage, Address, Shape, DirtyLimit, Statistics> {
    using base = object_access<Storage, Address, Shape, DirtyLimit, Statistics>;

protected:
    using base::bring;
    using base::clear;
    using base::drop;
    using base::hold;
    using base::none;
    using base::ram_;
    using base::raw;
    using base::raw_at;
    using base::touch;
    using typename base::table_type;

public:
    using base::base;
    using typename base::place;

    /// The most that a plain pointer sees in one piece (bytes): a quarter of the arena, if so much
    /// may be unsaved.
    static constexpr std::size_t page_size = std::bit_floor(
        detail::lesser(Shape::arena_bytes / 4, base::dirty_limit - base::slot_bytes));

protected:
    /// Bytes of virtual memory.
    struct byte_range {
        Address at;
        std::size_t size;
    };
    /// Where they are, and whether they came in for this.
    struct found_bytes {
        place where;
        /// Brought in just now.
        bool fresh;
    };

    /// The slot of a view of these bytes, loaded if wanted. Errors: as `bring`.
    [[nodiscard]] detail::slot_or_error view(Address at, std::size_t size, bool load) noexcept {
        const auto cleared = clear(at, size);
        return cleared ? bring(at, size, load, table_type::view)
                       : detail::slot_or_error(failure(cleared.error()));
    }
    /// Pins bytes, some of which others may write as well. Errors: as `hold`.
    [[nodiscard]] result<pinned_bytes> hold_bytes(place where, std::size_t size,
                                                  access how) noexcept {
        const auto held = hold(where.frame, {.offset = where.offset, .size = size}, how, 0);
        if (!held) {
            return failure(held.error());
        }
        return pinned_bytes{.data = raw_at(where), .size = size, .slot = where.frame};
    }
    /// Where bytes are, whatever they belong to; in RAM as well aligned as a type of `unit` bytes
    /// can need it. If they are not resident, a view of `around` comes in.
    [[nodiscard]] result<found_bytes> locate(byte_range wanted, byte_range around, bool load,
                                             std::size_t unit) noexcept {
        const std::size_t slot = ram_.table.containing(wanted.at, wanted.size);
        const std::size_t start = ram_.table[slot].address;
        if (slot != none && start % detail::lesser(unit & (0 - unit), default_alignment) == 0) {
            touch(slot);
            const std::size_t offset = std::size_t{wanted.at} - start;
            return found_bytes{.where = {.frame = slot, .offset = offset}, .fresh = false};
        }
        const auto brought = view(around.at, around.size, load);
        if (!brought) {
            return failure(brought.error());
        }
        const std::size_t offset = std::size_t{wanted.at} - around.at;
        return found_bytes{.where = {.frame = *brought, .offset = offset}, .fresh = true};
    }
    /// Pins what was found; what came in for it in vain is dropped again. Errors: those of `found`,
    /// of `hold`.
    [[nodiscard]] result<pinned_bytes> hold_found(const result<found_bytes>& found,
                                                  std::size_t size, access how) noexcept {
        if (!found) {
            return failure(found.error());
        }
        const auto held = hold_bytes(found->where, size, how);
        if (!held && found->fresh) {
            drop(found->where.frame); // Perhaps it was not read.
        }
        return held;
    }
    /// The same, but not_contiguous if there are too many of them to become resident for one
    /// access, or there is no room.
    [[nodiscard]] result<found_bytes> locate_short(Address at, std::size_t size,
                                                   bool load) noexcept {
        if (size > page_size / 4 && ram_.table.containing(at, size) == none) {
            return failure(errc::not_contiguous);
        }
        const auto found = locate({.at = at, .size = size}, {.at = at, .size = size}, load, 1);
        return found || (found.error() != errc::pinned && found.error() != errc::no_free_frame)
                   ? found
                   : failure(errc::not_contiguous);
    }

    /// Calls `visit(raw, i, n)` for the resident bytes `[at + i, at + i + n)` among `[at, at +
    /// count)`.
    template <class Visit>
    void for_each_resident(address at, std::size_t count, Visit visit) noexcept {
        for (std::size_t slot = 0; (slot = ram_.table.overlapping(at, count, slot)) != none;
             ++slot) {
            const address start = ram_.table[slot].address;
            const address begin = start < at ? at : start;
            const address end = detail::lesser(at + count, start + ram_.table[slot].size);
            visit(raw(slot) + (begin - start), begin - at, end - begin);
        }
    }
};

} // namespace vmem

#endif
