// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_ACCESS_HPP
#define VMEM_RESIDENCY_OBJECT_ACCESS_HPP

#include <vmem/config.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/persist/critical_section.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/residency/object_store.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <cstddef>
#include <cstdint>

namespace vmem {

/// Whether `on_access` of an eviction policy is a single store, or nothing: then an interrupt after
/// which the policy starts afresh does no harm in the middle of it. Of all others it is called in a
/// critical section. Specialise it for a policy of your own.
template <class Policy>
inline constexpr bool has_atomic_access = false;
template <std::size_t Slots>
inline constexpr bool has_atomic_access<sieve<Slots>> = true;
template <std::size_t Slots>
inline constexpr bool has_atomic_access<clock<Slots>> = true;

/// The accesses of those who know where an object starts and how large it is, as `unique_vptr`
/// does. O(1) expected, besides what has to leave RAM or to be saved.
///
/// What changes the state is done in critical sections. The rest needs none: a pin count, or a byte
/// that counts as unsaved already, is put back by a restore as it was when the interrupt came.
template <class Storage, class Address, class Shape, std::size_t DirtyLimit, bool Statistics>
class object_access : public object_store<Storage, Address, Shape, DirtyLimit, Statistics> {
    using base = object_store<Storage, Address, Shape, DirtyLimit, Statistics>;

protected:
    using base::bring;
    using base::clear;
    using base::drop;
    using base::end_;
    using base::is_pinned;
    using base::mark;
    using base::none;
    using base::ram_;
    using base::raw;
    using typename base::table_type;

public:
    using place = object_place;
    using base::dirty_limit;
    using base::reserved;

    using base::base;

    [[nodiscard]] critical_section& critical() noexcept { return critical_; }

    /// Pins a part of the object of `size` bytes at `at`. Only one may write, and then nobody else
    /// may read. Errors: pinned, by a writer or, for `access::write`, by anyone; over_dirty_limit,
    /// and then nothing has changed; no_free_frame if what is pinned leaves no room, or the object
    /// is pinned 2048 times; larger_than_arena; those of `check`; the storage's.
    [[nodiscard, gnu::noinline]] result<pinned_bytes>
    pin_object(Address at, std::size_t size, object_part part, access how) noexcept {
        if (const auto valid = check(at, size); !valid) {
            return failure(valid.error());
        }
        if (how == access::write &&
            table_type::cost(size, table_type::granules(size, part.offset, part.size)) >
                dirty_limit) {
            return failure(errc::over_dirty_limit);
        }
        const critical_guard guard(critical_);
        const auto slot = object(at, size, true);
        if (!slot) {
            return failure(slot.error());
        }
        const std::uint16_t pins = ram_.table[*slot].pins;
        if ((pins & table_type::exclusive) != 0 ||
            (how == access::write && (pins & table_type::count_mask) != 0)) {
            return failure(errc::pinned);
        }
        return hold({.frame = *slot, .offset = part.offset}, part.size, how, table_type::exclusive);
    }
    /// Pins for reading an object that is in `slot`, as the caller remembers it; null if it is not,
    /// or if this is not as simple as that. O(1), no call.
    [[nodiscard, gnu::always_inline]] std::byte* pin_known(std::size_t slot, Address at) noexcept {
        auto& object = ram_.table[slot];
        constexpr unsigned other = table_type::exclusive | table_type::full | table_type::view;
        if (object.address != at || (object.pins & other) != 0) [[unlikely]] {
            return nullptr;
        }
        ++object.pins;
        touch(slot);
        return ram_.arena.at(object.place);
    }

    /// Makes room in RAM for a new object, all of which is unsaved and pinned for writing, and not
    /// yet written. If that can never fit the limit, nothing of it counts as unsaved: then
    /// `save_new` follows in the same critical section. Errors: as `pin_object`.
    [[nodiscard]] result<pinned_bytes> create(Address at, std::size_t size) noexcept {
        const critical_guard guard(critical_);
        const auto slot = object(at, size, false);
        if (!slot) {
            return failure(slot.error());
        }
        const bool fits = can_be_unsaved(size);
        const auto held = hold({.frame = *slot, .offset = 0}, size,
                               fits ? access::write : access::read, table_type::exclusive);
        if (!held) {
            drop(*slot);
        }
        return held;
    }
    /// Whether all of an object can be unsaved at a time.
    [[nodiscard]] static constexpr bool can_be_unsaved(std::size_t size) noexcept {
        return size <= dirty_limit - base::slot_bytes;
    }
    [[nodiscard]] result<void> save_new(const pinned_bytes& object) noexcept {
        const critical_guard guard(critical_);
        return this->write_home(ram_.table[object.slot].address, {object.data, object.size});
    }

    [[nodiscard]] object_state state_of(Address at) noexcept {
        const critical_guard guard(critical_);
        const std::size_t slot = ram_.table.search(at);
        return slot == none ? object_state{}
                            : object_state{.resident = true,
                                           .dirty = ram_.table[slot].dirty != 0,
                                           .pinned = is_pinned(slot)};
    }
    [[nodiscard]] bool has_views() const noexcept { return ram_.views != 0; }
    /// Saves an object, if it is resident.
    [[nodiscard]] result<void> save_object(Address at) noexcept {
        const critical_guard guard(critical_);
        const std::size_t slot = ram_.table.search(at);
        return slot == none || ram_.table[slot].dirty == 0 ? result<void>() : this->save(slot);
    }
    /// Ends its residence. Errors: pinned, the storage's.
    [[nodiscard]] result<void> unload_object(Address at) noexcept {
        const critical_guard guard(critical_);
        const std::size_t slot = ram_.table.search(at);
        if (slot == none) {
            return {};
        }
        if (is_pinned(slot)) {
            return failure(errc::pinned);
        }
        const auto saved = this->save(slot);
        if (saved) {
            drop(slot);
        }
        return saved;
    }
    /// Forgets what starts in `[at, at + size)`, which is not an object any more. O(1) if there are
    /// no views, and one object.
    void forget(address at, std::size_t size) noexcept {
        const critical_guard guard(critical_);
        if (const std::size_t slot = ram_.table.search(static_cast<Address>(at)); slot != none) {
            drop(slot);
        }
        for (std::size_t slot = 0; ram_.views != 0 && slot < none; ++slot) {
            if (ram_.table.holds(slot) && address{ram_.table[slot].address} - at < size) {
                drop(slot);
            }
        }
    }

    /// Gives a pin back. Precondition: `slot` is pinned.
    [[gnu::always_inline]] void unpin(std::size_t slot) noexcept { ram_.table.unpin(slot); }

    /// Slots whose objects are not pinned. O(MaxObjects).
    [[nodiscard]] std::size_t unpinned_frames() const noexcept {
        std::size_t count = 0;
        for (std::size_t slot = 0; slot < none; ++slot) {
            count += is_pinned(slot) ? 0 : 1;
        }
        return count;
    }
    /// Why `[at, at + count)` cannot be accessed: not_open before `start`, null_pointer in the
    /// reserved part, out_of_range past the end.
    [[nodiscard]] constexpr result<void> check(address at, std::size_t count) const noexcept {
        if (end_ == 0) {
            return failure(errc::not_open);
        }
        if (at < reserved) {
            return failure(errc::null_pointer);
        }
        return detail::check_range(end_, at, count);
    }

protected:
    [[gnu::always_inline]] void touch(std::size_t slot) noexcept {
        if constexpr (has_atomic_access<decltype(ram_.policy)>) {
            ram_.policy.on_access(slot);
        } else {
            const critical_guard guard(critical_);
            ram_.policy.on_access(slot);
        }
        if constexpr (Statistics) {
            ++this->statistics_.accesses;
        }
    }
    [[nodiscard]] std::byte* raw_at(place where) noexcept {
        return raw(where.frame) + where.offset;
    }

    [[nodiscard]] result<pinned_bytes> hold(place where, std::size_t size, access how,
                                            std::uint16_t flags) noexcept {
        auto& pins = ram_.table[where.frame].pins;
        if ((pins & table_type::full) != 0) {
            return failure(errc::no_free_frame);
        }
        if (how == access::write) {
            if (const auto marked = mark(where.frame, where.offset, size); !marked) {
                return failure(marked.error());
            }
            pins = static_cast<std::uint16_t>(pins | table_type::writing | flags);
        }
        ++pins;
        return pinned_bytes{.data = raw_at(where), .size = size, .slot = where.frame};
    }

    /// The slot of an object whose extent is known.
    [[nodiscard]] result<std::size_t> object(Address at, std::size_t size, bool load) noexcept {
        const std::size_t slot = ram_.table.search(at);
        if (slot != none && ram_.table[slot].size >= size) {
            auto& pins = ram_.table[slot].pins;
            ram_.views -= (pins & table_type::view) != 0 ? 1 : 0;
            pins = static_cast<std::uint16_t>(pins & ~table_type::view);
            touch(slot);
            return slot;
        }
        if (slot != none || ram_.views != 0) {
            if (const auto cleared = clear(at, size); !cleared) {
                return failure(cleared.error());
            }
        }
        return bring(at, size, load, 0);
    }
    critical_section critical_;
};

} // namespace vmem

#endif
