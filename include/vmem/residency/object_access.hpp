// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_ACCESS_HPP
#define VMEM_RESIDENCY_OBJECT_ACCESS_HPP

#include <vmem/config.hpp>
#include <vmem/detail/slot_or_error.hpp>
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
    using base::critical_;
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

    /// Pins a part of the object of `size` bytes at `at`, and returns its slot. Only one may write,
    /// and then nobody else may read. Errors: pinned, by a writer or, for `access::write`, by
    /// anyone; over_dirty_limit, and then nothing has changed; no_free_frame if what is pinned
    /// leaves no room, or the object is pinned 2048 times; larger_than_arena; those of `check`; the
    /// storage's.
    [[nodiscard]] detail::slot_or_error pin_object(Address at, std::size_t size,
                                                   const object_part& part, access how) noexcept {
        if (const auto valid = check(at, size); !valid) {
            return failure(valid.error());
        }
        // What is said again when granules are marked need not be loaded for that.
        if (how == access::write && !can_be_unsaved(part.size)) {
            return failure(errc::over_dirty_limit);
        }
        const critical_guard guard(critical_);
        return pin_whole(at, size, part, how, true);
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

    [[nodiscard]] object_state state_of(Address at) noexcept {
        const critical_guard guard(critical_);
        const std::size_t slot = ram_.table.search(at);
        return slot == none ? object_state{}
                            : object_state{.resident = true,
                                           .dirty = ram_.table[slot].dirty != 0,
                                           .pinned = is_pinned(slot)};
    }
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
        return slot == none ? result<void>() : this->unload(slot);
    }

    // The rest that a heap calls is in its critical section.

    /// Makes room in RAM for a new object, all of which is unsaved and pinned for writing, and not
    /// yet written; returns its slot. If that can never fit the limit, nothing of it counts as
    /// unsaved: then `save_new` follows in the same critical section. Errors: as `pin_object`.
    [[nodiscard]] detail::slot_or_error create(Address at, std::size_t size) noexcept {
        return pin_whole(at, size, {.offset = 0, .size = size},
                         can_be_unsaved(size) ? access::write : access::read, false);
    }
    /// Whether all of an object can be unsaved at a time.
    [[nodiscard]] static constexpr bool can_be_unsaved(std::size_t size) noexcept {
        return size <= dirty_limit - base::slot_bytes;
    }
    [[nodiscard]] result<void> save_new(std::size_t slot) noexcept {
        const auto& object = ram_.table[slot];
        return this->write_home(object.address, {raw(slot), object.size});
    }
    [[nodiscard]] const typename table_type::slot_type& object_in(std::size_t slot) const noexcept {
        return ram_.table[slot];
    }
    /// The slot of an object that starts at `at`, which may end; that of none if it is not
    /// resident. Errors: pinned.
    [[nodiscard]] detail::slot_or_error slot_to_end(Address at) noexcept {
        const std::size_t slot = ram_.table.search(at);
        return is_pinned(slot) ? detail::slot_or_error(failure(errc::pinned)) : slot;
    }
    [[nodiscard]] bool has_views() const noexcept { return ram_.views != 0; }
    /// Forgets what is in the slot, and what starts in `[at, at + size)`, which is not an object
    /// any more. O(1) if there are no views.
    void forget(std::size_t slot, address at, std::size_t size) noexcept {
        if (slot != none) {
            drop(slot);
        }
        // Free slots have address 0.
        for (std::size_t other = 0; ram_.views != 0 && other < none; ++other) {
            if (address{ram_.table[other].address} - at < size) {
                drop(other);
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

    /// Pins some bytes of what is in a slot, with `flags`.
    [[nodiscard]] result<void> hold(std::size_t slot, const object_part& part, access how,
                                    unsigned flags) noexcept {
        auto& pins = ram_.table[slot].pins;
        if ((pins & table_type::full) != 0) {
            return failure(errc::no_free_frame);
        }
        if (how == access::write) {
            if (const auto marked = mark(slot, part.offset, part.size); !marked) {
                return marked;
            }
            flags |= table_type::writing;
        }
        pins = static_cast<std::uint16_t>((pins | flags) + 1);
        return {};
    }

private:
    /// The slot of an object whose extent is known, pinned. What is not loaded stays only if all
    /// goes well.
    [[nodiscard]] detail::slot_or_error pin_whole(Address at, std::size_t size,
                                                  const object_part& part, access how,
                                                  bool load) noexcept {
        const auto slot = object(at, size, load);
        if (!slot) {
            return slot;
        }
        const unsigned others = how == access::write ? table_type::count_mask : 0U;
        if ((ram_.table[*slot].pins & (table_type::exclusive | others)) != 0) {
            return failure(errc::pinned);
        }
        const auto held = hold(*slot, part, how, how == access::write ? table_type::exclusive : 0U);
        if (held) {
            return slot;
        }
        if (!load) {
            drop(*slot);
        }
        return failure(held.error());
    }
    /// The slot of an object whose extent is known.
    [[nodiscard]] detail::slot_or_error object(Address at, std::size_t size, bool load) noexcept {
        const std::size_t slot = ram_.table.search(at);
        if (slot != none && ram_.table[slot].size >= size) {
            auto& pins = ram_.table[slot].pins;
            if ((pins & table_type::view) != 0) {
                --ram_.views;
                pins = static_cast<std::uint16_t>(pins & ~table_type::view);
            }
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
};

} // namespace vmem

#endif
