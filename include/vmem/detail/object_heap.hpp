// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_OBJECT_HEAP_HPP
#define VMEM_DETAIL_OBJECT_HEAP_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/object_maker.hpp>
#include <vmem/detail/slot_or_error.hpp>
#include <vmem/persist/critical_section.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <type_traits>

namespace vmem::detail {

/// What a `Heap` has more if its residency keeps whole objects; without one, only what containers
/// need of every heap.
template <class Heap, class Residency, class PersistHandler>
class object_heap {
public:
    /// What `use(T*)` returns, if the `T` at `at` is resident in one piece, else what `otherwise()`
    /// returns. For containers.
    template <class T, class Use, class Otherwise>
    [[nodiscard, gnu::always_inline]] auto use_resident(typename Residency::address_type at,
                                                        Use use, Otherwise otherwise) {
        Heap& self = static_cast<Heap&>(*this);
        {
            const auto guard = self.lock();
            typename Residency::place where;
            if (self.residency_.template find<sizeof(T), alignof(T)>(at, where)) [[likely]] {
                if constexpr (!std::is_const_v<T>) {
                    self.residency_.mark_dirty(where, sizeof(T));
                }
                return use(reinterpret_cast<T*>(self.residency_.use(where)));
            }
        }
        return otherwise();
    }

protected:
    void note_granted() noexcept {}
};

template <class Heap, class Residency, class PersistHandler>
    requires object_residency<Residency>
class object_heap<Heap, Residency, PersistHandler> : public object_maker<Heap, Residency> {
public:
    /// See `object_ram`.
    static constexpr auto worst_case_persist = Residency::worst_case_persist;
    static constexpr auto worst_case_access = Residency::worst_case_access;

    /// Bytes that a persist would have to save, with a slot for each object that is not saved; at
    /// most that of `dirty_limit<>`.
    [[nodiscard]] std::size_t dirty_bytes() noexcept { return self().residency_.dirty_bytes(); }

    /// Saves all that is unsaved, in one sequential write and one sync, and calls the handler of
    /// `on_persisted<>`. For an interrupt or a signal, at any instruction: while the heap is being
    /// changed the persist is put off until that is done, and the result is good. Errors: not_open,
    /// the storage's. At most `worst_case_persist`.
    result<void> persist() {
        critical_section& critical = self().residency_.critical();
        if (critical.is_active()) {
            critical.queue(&persist_current);
            return {};
        }
        const critical_guard guard(critical);
        const auto outcome = self().residency_.persist();
        PersistHandler{}(outcome);
        return outcome;
    }
    /// Whether a persist would be put off now.
    [[nodiscard]] bool is_busy() noexcept { return self().residency_.critical().is_active(); }
    /// Has `action` called when it would not be any more.
    void when_idle(critical_section::action action) noexcept {
        self().residency_.critical().queue(action);
    }

    /// After the RAM of the residency was lost: brings each object that was resident at the last
    /// persist back to where it was, pinned and unsaved as it was, so that the program may go on
    /// from there. What is unsaved stays safe in the image until it is saved in its place. Errors:
    /// as `open`, and geometry_mismatch if the heap is elsewhere in RAM; then it is not open.
    [[nodiscard]] result<void> restore() {
        const critical_guard guard(self().residency_.critical());
        const auto restored = self().restore_image();
        if (!restored) {
            self().residency_.stop();
        }
        return restored;
    }

    // For `unique_vptr`.

    [[nodiscard, gnu::always_inline]] std::byte* pin_known(std::size_t slot,
                                                           typename Residency::address_type at) {
        const auto guard = self().lock();
        return self().residency_.pin_known(slot, at);
    }
    [[nodiscard]] slot_or_error pin_object(typename Residency::address_type at, std::size_t size,
                                           const object_part& part, access how) {
        const auto guard = self().lock();
        return self().residency_.pin_object(at, size, part, how);
    }
    [[nodiscard]] result<void> save_object(typename Residency::address_type at) {
        const auto guard = self().lock();
        return self().residency_.save_object(at);
    }
    [[nodiscard]] result<void> unload_object(typename Residency::address_type at) {
        const auto guard = self().lock();
        return self().residency_.unload_object(at);
    }
    [[nodiscard]] object_state state_of(typename Residency::address_type at) {
        const auto guard = self().lock();
        return self().residency_.state_of(at);
    }

    /// Frees an object of `size` bytes. Errors: not_open, pinned; the allocator's.
    [[nodiscard]] result<void> end_object(typename Residency::address_type at, std::size_t size) {
        if (!self().is_open()) {
            return failure(errc::not_open);
        }
        const auto guard = self().section();
        return release_known(at, size);
    }

    // For `object_maker`.

    /// The slot of a new object, pinned and not yet written. Errors: those of `make_unique`.
    [[nodiscard]] slot_or_error make_room(std::size_t size, std::size_t align) {
        auto& residency = self().residency_;
        const auto guard = self().section();
        if (!self().is_open()) {
            return failure(errc::not_open);
        }
        if (size > residency.largest_object()) {
            return failure(errc::larger_than_arena);
        }
        const auto block = self().allocator_.allocate(residency.medium(),
                                                      {.size = size, .align = align, .within = 0});
        if (!block) {
            return failure(block.error());
        }
        note_granted();
        const auto slot =
            residency.create(static_cast<typename Residency::address_type>(*block), size);
        if (!slot) {
            static_cast<void>(release_known(*block, size));
        }
        return slot;
    }
    /// Writes it to the storage. Errors: the storage's.
    [[nodiscard]] result<void> save_new(std::size_t slot) {
        const auto guard = self().lock();
        return self().residency_.save_new(slot);
    }
    /// Unpins and frees it.
    void abandon(std::size_t slot) {
        const auto guard = self().section();
        self().residency_.unpin(slot);
        const auto& object = self().residency_.object_in(slot);
        static_cast<void>(release_known(object.address, object.size));
    }

    // For containers.

    /// What `use(T*)` returns, if the `T` at `at` can be used without further ado, else what
    /// `otherwise()` returns. Where it is, is found soonest if `slot` is where what lies beside it
    /// was last, in a piece of `Whole` bytes; `slot` may be any that there is.
    template <class T, std::size_t Whole, class Slot, class Use, class Otherwise>
    [[nodiscard, gnu::always_inline]] auto use_near(Slot& slot, typename Residency::address_type at,
                                                    Use use, Otherwise otherwise) {
        {
            const auto guard = self().lock();
            constexpr access how = std::is_const_v<T> ? access::read : access::write;
            std::byte* const found =
                self().residency_.template use_near<sizeof(T), alignof(T), Whole, how>(at, slot);
            if (found != nullptr) [[likely]] {
                return use(reinterpret_cast<T*>(found));
            }
        }
        return otherwise();
    }
    /// See `object_cache`; then `slot` is where it is.
    template <class Slot>
    [[nodiscard]] result<pinned_bytes> pin_part(typename Residency::address_type at,
                                                std::size_t count, object_part part, access how,
                                                bool load, Slot& slot) {
        const auto guard = self().section();
        const auto held = self().residency_.pin_part(at, count, part, how, load);
        slot = held ? static_cast<Slot>(held->slot) : slot;
        return held;
    }

protected:
    /// What was freed before is granted anew, or written down.
    void note_granted() noexcept { self().residency_.note_freed(0); }

    /// Frees a block, and forgets what is resident of it. Errors: pinned; the allocator's.
    [[nodiscard]] result<void> release_object(address block) {
        const auto in_use = [this] { return self().allocator_.stats(self().residency_.medium()); };
        // Only the allocator knows how large the block is, and nobody else has to unless there are
        // views of it.
        if (!self().residency_.has_views()) {
            return release(block, [] { return std::size_t{0}; });
        }
        const auto before = in_use();
        if (!before) {
            return failure(before.error());
        }
        return release(block, [&] {
            const auto after = in_use();
            return after ? before->in_use - after->in_use : 0;
        });
    }

private:
    [[nodiscard]] Heap& self() noexcept { return static_cast<Heap&>(*this); }

    /// Forgets what starts within so many bytes as `size()` says afterwards.
    template <class Size>
    [[nodiscard]] result<void> release(address block, Size size) {
        auto& residency = self().residency_;
        const auto slot =
            residency.slot_to_end(static_cast<typename Residency::address_type>(block));
        if (!slot) {
            return failure(slot.error());
        }
        const auto freed = self().allocator_.deallocate(residency.medium(), block);
        if (freed) {
            residency.forget(*slot, block, size());
            residency.note_freed(block);
        }
        return freed;
    }
    [[nodiscard]] result<void> release_known(address block, std::size_t size) {
        return release(block, [size] { return size; });
    }

    static void persist_current() {
        if (Heap::alive()) {
            static_cast<void>(Heap::current().persist());
        }
    }
};

} // namespace vmem::detail

#endif
