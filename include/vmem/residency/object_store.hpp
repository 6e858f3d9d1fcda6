// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_STORE_HPP
#define VMEM_RESIDENCY_OBJECT_STORE_HPP

#include <vmem/config.hpp>
#include <vmem/detail/slot_or_error.hpp>
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
    [[nodiscard]] detail::slot_or_error bring(Address at, std::size_t size, bool load,
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
    void drop(std::size_t slot) noexcept {
        const auto& object = ram_.table[slot];
        ram_.views -= (object.pins & table_type::view) != 0 ? 1 : 0;
        this->set_dirty(slot, 0);
        ram_.arena.deallocate(object.place, object.size);
        ram_.table.remove(slot, table_type::exclusive | table_type::ranked);
    }
    /// The same, once it is saved. Errors: pinned, the storage's.
    [[nodiscard]] result<void> unload(std::size_t slot) noexcept {
        if (is_pinned(slot)) {
            return failure(errc::pinned);
        }
        const auto saved = save(slot);
        if (saved) {
            drop(slot);
        }
        return saved;
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
        for (bool possible = false; this->dirty_with(slot, object.dirty | wanted) > dirty_limit;) {
            const std::size_t next = victim(table_type::writing, state::saved, slot);
            // As a rule one is enough, and there is no need to look at all of them.
            if (!possible && (next == none || !suffices(next, slot, wanted))) {
                possible = can_be_unsaved(slot, wanted);
                if (!possible) {
                    return failure(errc::over_dirty_limit);
                }
            }
            if (const auto done = save(next == none ? slot : next); !done) {
                return done;
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
            if (const auto unloaded = unload(slot); !unloaded) {
                return unloaded;
            }
        }
        return {};
    }

private:
    enum class state : std::uint8_t { saved, unsaved, none };

    /// The policy's choice among all objects whose pins have none of those bits, but for `spared`
    /// and those in such a state; or `none`.
    [[nodiscard]] std::size_t victim(unsigned pins, state unwanted, std::size_t spared) noexcept {
        return ram_.policy.victim([&](std::size_t slot) {
            const auto& object = ram_.table[slot];
            return slot != spared && (object.pins & pins) == 0 &&
                   (object.dirty == 0 ? state::saved : state::unsaved) != unwanted;
        });
    }
    /// Whether `granules` of `slot` may be unsaved as soon as `other` is saved.
    [[nodiscard]] bool suffices(std::size_t other, std::size_t slot,
                                unsigned granules) const noexcept {
        const auto& object = ram_.table[other];
        return this->dirty_with(slot, ram_.table[slot].dirty | granules) <=
               dirty_limit + table_type::cost(object.size, object.dirty);
    }
    /// Whether they may as soon as all is saved that can be. O(MaxObjects).
    [[nodiscard]] bool can_be_unsaved(std::size_t slot, unsigned granules) const noexcept {
        std::size_t kept = 0;
        for (std::size_t other = 0; other < none; ++other) {
            const auto& object = ram_.table[other];
            const unsigned stays = (object.pins & table_type::writing) != 0 ? object.dirty : 0U;
            kept += table_type::cost(object.size, other == slot ? stays | granules : stays);
        }
        return kept <= dirty_limit;
    }

    /// A place for `size` bytes in the arena, and a free slot. What is free but scattered is moved
    /// together, as far as `most_moved` allows, before anything has to leave.
    [[nodiscard]] detail::slot_or_error make_room(std::size_t size) noexcept {
        if (size > ram_.arena.largest()) {
            return failure(errc::larger_than_arena);
        }
        std::size_t budget = most_moved;
        unsigned rounds = 8;
        for (;;) {
            if (ram_.table.free_slot() != none) {
                if (const auto place = ram_.arena.allocate(size); place) {
                    return place;
                }
                if (rounds != 0 && ram_.arena.is_scattered(size)) {
                    --rounds;
                    budget = ram_.arena.compact(ram_.table, budget);
                    continue;
                }
            }
            if (const auto evicted = evict(); !evicted) {
                return failure(evicted.error());
            }
        }
    }

    [[nodiscard]] result<void> evict() noexcept {
        // A free slot is exclusive.
        constexpr unsigned pinned = table_type::exclusive | table_type::count_mask;
        std::size_t slot = victim(pinned, state::none, none);
        if (slot == none) {
            return failure(errc::no_free_frame);
        }
        if (const auto done = save(slot); !done) {
            // A storage that takes no more writes can still be read.
            slot = victim(pinned, state::unsaved, none);
            if (slot == none) {
                return done;
            }
        }
        drop(slot);
        ram_.policy.on_remove(slot);
        ram_.table[slot].pins = table_type::exclusive;
        return {};
    }
};

} // namespace vmem

#endif
