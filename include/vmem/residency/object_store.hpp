// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_STORE_HPP
#define VMEM_RESIDENCY_OBJECT_STORE_HPP

#include <vmem/config.hpp>
#include <vmem/eviction/concept.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/residency/object_images.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace vmem {

/// Which objects are resident, and what of them is unsaved: brings them in, makes room for them,
/// and saves some so that others may change. All of that is the eviction policy's choice among what
/// is not pinned.
template <class Storage, class Address, class Shape, std::size_t DirtyLimit, bool Statistics>
class object_store : public object_images<Storage, Address, Shape, DirtyLimit, Statistics> {
    using base = object_images<Storage, Address, Shape, DirtyLimit, Statistics>;

public:
    using base::dirty_limit;

    /// Bytes that one access moves within the arena, at most, so that what is free lies together.
    static constexpr std::size_t most_moved = 8192;

protected:
    using policy_type = typename Shape::template eviction<Shape::max_objects>;
    using base::none;
    using base::ram_;
    using base::raw;
    using base::save;
    using base::storage_;
    using typename base::table_type;

    using base::base;

    [[nodiscard]] bool is_pinned(std::size_t slot) const noexcept {
        return (ram_.table[slot].pins & table_type::count_mask) != 0;
    }

    /// Brings in what starts at `at`; reads it if `load`. Precondition: nothing of it is resident.
    /// Errors: larger_than_arena, no_free_frame (what is pinned leaves no room), the storage's.
    [[nodiscard]] result<std::size_t> bring(Address at, std::size_t size, bool load,
                                            std::uint16_t flags) noexcept {
        const auto place = make_room(size);
        if (!place) {
            return place;
        }
        if (load) {
            if (const auto loaded = storage_.read(at, {ram_.arena.at(*place), size}); !loaded) {
                ram_.arena.deallocate(*place, size);
                return failure(loaded.error());
            }
            if constexpr (Statistics) {
                ++this->statistics_.page_ins;
                this->statistics_.bytes_read += size;
            }
        }
        const std::size_t slot = ram_.table.free_slot();
        const bool ranked = (ram_.table[slot].pins & table_type::ranked) != 0;
        ram_.table.insert(at, size, *place);
        ram_.table[slot].pins = flags;
        ram_.views += flags != 0 ? 1 : 0;
        if (ranked && !remembers_keys<policy_type>) {
            ram_.policy.on_access(slot);
            return slot;
        }
        if (ranked) {
            ram_.policy.on_remove(slot);
        }
        insert_with_key(ram_.policy, slot, at);
        return slot;
    }

    /// Ends the residence of an object; what is unsaved of it is lost. The slot keeps its rank, for
    /// only of the victim that was just named is it cheap to take away. O(1).
    void drop(std::size_t slot, std::uint16_t rank = table_type::ranked) noexcept {
        const auto& object = ram_.table[slot];
        ram_.views -= (object.pins & table_type::view) != 0 ? 1 : 0;
        this->set_dirty(slot, 0);
        ram_.arena.deallocate(object.place, object.size);
        ram_.table.remove(slot, rank);
    }

    /// Counts bytes of an object as unsaved, and saves others before if need be; its own only where
    /// nothing else helps, and not while it is pinned for writing. Errors: over_dirty_limit, and
    /// then nothing has changed; the storage's.
    [[nodiscard]] result<void> mark(std::size_t slot, std::size_t first,
                                    std::size_t count) noexcept {
        const auto& object = ram_.table[slot];
        const unsigned wanted = table_type::granules(object.size, first, count);
        if ((wanted & ~unsigned{object.dirty}) == 0) {
            return {};
        }
        if (ram_.dirty + more(slot, wanted) > dirty_limit) {
            if (const auto fits = make_allowance(slot, wanted); !fits) {
                return fits;
            }
        }
        this->set_dirty(slot, object.dirty | wanted);
        return {};
    }

    /// Makes sure that nothing resident shares a byte with `[at, at + count)`. Errors: pinned, the
    /// storage's; then some of it may have left RAM. O(MaxObjects).
    [[nodiscard]] result<void> clear(Address at, std::size_t count) noexcept {
        for (std::size_t slot = 0; (slot = ram_.table.overlapping(at, count, slot)) != none;
             ++slot) {
            if (is_pinned(slot)) {
                return failure(errc::pinned);
            }
            if (const auto saved = save(slot); !saved) {
                return saved;
            }
            drop(slot);
        }
        return {};
    }

private:
    /// What it adds to the unsaved bytes to have some granules more of an object unsaved.
    [[nodiscard]] std::size_t more(std::size_t slot, unsigned granules) const noexcept {
        const auto& object = ram_.table[slot];
        return table_type::cost(object.size, object.dirty | granules) - cost(slot);
    }
    [[nodiscard]] std::size_t cost(std::size_t slot) const noexcept {
        return table_type::cost(ram_.table[slot].size, ram_.table[slot].dirty);
    }
    [[nodiscard]] bool can_be_saved(std::size_t slot) const noexcept {
        return ram_.table[slot].dirty != 0 && (ram_.table[slot].pins & table_type::writing) == 0;
    }

    /// Saves as much as it takes until `granules` of `slot` may be unsaved.
    [[nodiscard]] result<void> make_allowance(std::size_t slot, unsigned granules) noexcept {
        const auto next = [&] {
            return ram_.policy.victim(
                [&](std::size_t other) { return other != slot && can_be_saved(other); });
        };
        std::size_t victim = next();
        if (victim == none || ram_.dirty + more(slot, granules) > dirty_limit + cost(victim)) {
            if (!can_allow(slot, granules)) {
                return failure(errc::over_dirty_limit);
            }
        }
        while (ram_.dirty + more(slot, granules) > dirty_limit) {
            if (const auto saved = save(victim == none ? slot : victim); !saved) {
                return saved;
            }
            victim = next();
        }
        return {};
    }
    /// Whether that is possible. O(MaxObjects).
    [[nodiscard]] bool can_allow(std::size_t slot, unsigned granules) const noexcept {
        std::size_t kept = ram_.dirty;
        for (std::size_t other = 0; other < none; ++other) {
            kept -= can_be_saved(other) ? cost(other) : 0;
        }
        const auto& object = ram_.table[slot];
        return can_be_saved(slot) || object.dirty == 0
                   ? kept + table_type::cost(object.size, granules) <= dirty_limit
                   : kept + more(slot, granules) <= dirty_limit;
    }

    /// A place for `size` bytes in the arena, and a free slot. What is free but scattered is moved
    /// together, as far as `most_moved` allows, before anything has to leave.
    [[nodiscard]] result<std::size_t> make_room(std::size_t size) noexcept {
        if (size > ram_.arena.largest()) {
            return failure(errc::larger_than_arena);
        }
        std::size_t budget = most_moved;
        unsigned rounds = 8;
        for (;;) {
            if (ram_.table.free_slot() != none) {
                if (const std::size_t place = ram_.arena.allocate(size);
                    place != ram_.arena.nowhere) {
                    return place;
                }
                if (rounds != 0 && ram_.arena.is_scattered(size)) {
                    --rounds;
                    ram_.arena.compact(ram_.table, budget);
                    continue;
                }
            }
            if (const auto evicted = evict(); !evicted) {
                return failure(evicted.error());
            }
        }
    }

    [[nodiscard]] result<void> evict() noexcept {
        const auto can_leave = [&](std::size_t slot) {
            return ram_.table.holds(slot) && !is_pinned(slot);
        };
        std::size_t slot = ram_.policy.victim(can_leave);
        if (slot == none) {
            return failure(errc::no_free_frame);
        }
        if (const auto saved = save(slot); !saved) {
            // A storage that takes no more writes can still be read.
            slot = ram_.policy.victim(
                [&](std::size_t s) { return can_leave(s) && ram_.table[s].dirty == 0; });
            if (slot == none) {
                return saved;
            }
        }
        drop(slot, 0);
        ram_.policy.on_remove(slot);
        return {};
    }
};

} // namespace vmem

#endif
