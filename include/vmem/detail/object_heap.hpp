// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_OBJECT_HEAP_HPP
#define VMEM_DETAIL_OBJECT_HEAP_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/slot_or_error.hpp>
#include <vmem/persist/critical_section.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>
#include <vmem/storable.hpp>
#include <vmem/unique_vptr.hpp>
#include <vmem/vptr.hpp>

#include <cstddef>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

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
class object_heap<Heap, Residency, PersistHandler> {
public:
    /// See `object_ram`.
    static constexpr auto worst_case_persist = Residency::worst_case_persist;
    static constexpr auto worst_case_access = Residency::worst_case_access;

    /// Constructs a `T` in RAM. The storage grants its room; what is in it is written there when it
    /// leaves RAM, or is flushed. Errors: larger_than_arena; no_free_frame (what is pinned leaves
    /// no room in RAM); over_dirty_limit (what is pinned for writing leaves too little of it);
    /// out_of_memory; not_open; the storage's.
    ///
    /// Of an object that is larger than the dirty limit nothing is ever unsaved here: it is written
    /// at once, and a persist waits for that.
    template <class T, class... Args>
        requires(!std::is_array_v<T>)
    [[nodiscard]] result<unique_vptr<T, Heap>> make_unique(Args&&... args) {
        return make_object<T, T>(
            1, [&](T* room) { ::new (static_cast<void*>(room)) T(std::forward<Args>(args)...); });
    }
    /// The same for an array of `count` elements, each value-initialised. Errors also: zero_size.
    template <class Array>
        requires std::is_unbounded_array_v<Array>
    [[nodiscard]] result<unique_vptr<Array, Heap>> make_unique(std::size_t count) {
        using element = std::remove_extent_t<Array>;
        return make_object<Array, element>(count, [count](element* room) {
            for (std::size_t n = 0; n < count; ++n) {
                ::new (static_cast<void*>(room + n)) element();
            }
        });
    }
    /// Owns what `make`, or `unique_vptr::release`, gave. Precondition: nothing else does, and it
    /// is a `T`, or that many of them.
    template <class T>
    [[nodiscard]] unique_vptr<T, Heap> adopt(vptr<T, Heap> p) noexcept {
        return adopted<T>(p, 1);
    }
    template <class T>
    [[nodiscard]] unique_vptr<T[], Heap> adopt(vptr<T, Heap> p, std::size_t count) noexcept {
        return adopted<T[]>(p, count);
    }

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

    // For containers.

    /// What `use(T*)` returns, if the `T` at `at` can be used without further ado, else what
    /// `otherwise()` returns. Where it is, is found soonest if `slot` is where what lies beside it
    /// was last, in a piece of `Whole` bytes; `slot` may be any that there is.
    template <class T, std::size_t Whole, class Slot, class Use, class Otherwise>
    [[nodiscard, gnu::always_inline]] auto use_near(Slot& slot, typename Residency::address_type at,
                                                    Use use, Otherwise otherwise) {
        {
            const auto guard = self().lock();
            auto& residency = self().residency_;
            typename Residency::place where;
            constexpr access how = std::is_const_v<T> ? access::read : access::write;
            if (residency.template find_near<sizeof(T), alignof(T), Whole, how>(at, slot, where))
                [[likely]] {
                return use(reinterpret_cast<T*>(residency.use(where)));
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

    template <class T, class Element>
    [[nodiscard]] static unique_vptr<T, Heap> adopted(vptr<Element, Heap> p,
                                                      std::size_t count) noexcept {
        return unique_vptr<T, Heap>(
            owned_object{.at = p.to_address(), .count = count, .slot = Residency::frame_count});
    }

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

    template <class T, class Element, class Construct>
    [[nodiscard]] result<unique_vptr<T, Heap>> make_object(std::size_t count, Construct construct) {
        check_storable<Element>();
        static_assert(alignof(Element) <= default_alignment,
                      "make_unique: T is aligned more strictly than the arena");
        if (count == 0) {
            return failure(errc::zero_size);
        }
        constexpr std::size_t most = (std::numeric_limits<std::size_t>::max)() / sizeof(Element);
        const std::size_t size = lesser(count, most) * sizeof(Element);
        if (Residency::can_be_unsaved(size)) {
            return make_pinned<T, Element>(count, size, construct);
        }
        const critical_guard guard(self().residency_.critical());
        return make_pinned<T, Element>(count, size, construct);
    }

    template <class T, class Element, class Construct>
    [[nodiscard]] result<unique_vptr<T, Heap>> make_pinned(std::size_t count, std::size_t size,
                                                           Construct construct) {
        const auto slot = make_room(size, alignof(Element));
        if (!slot) {
            return failure(slot.error());
        }
        auto& residency = self().residency_;
        unfinished object{self(), *slot};
        construct(reinterpret_cast<Element*>(residency.raw(*slot)));
        if (!Residency::can_be_unsaved(size)) {
            const auto guard = self().lock();
            if (const auto saved = residency.save_new(*slot); !saved) {
                return failure(saved.error());
            }
        }
        object.finished = true;
        const owned_object owned{
            .at = residency.object_in(*slot).address, .count = count, .slot = *slot};
        unpin_current<Heap>(*slot);
        // In place: what is moved from is not worth destroying.
        return result<unique_vptr<T, Heap>>(owned);
    }

    /// Frees a new object that is not constructed, even because of an exception.
    struct unfinished {
        Heap& heap;
        std::size_t slot;
        bool finished = false;

        ~unfinished() {
            if (!finished) {
                heap.abandon(slot);
            }
        }
    };
    void abandon(std::size_t slot) {
        const auto guard = self().section();
        self().residency_.unpin(slot);
        const auto& object = self().residency_.object_in(slot);
        static_cast<void>(release_known(object.address, object.size));
    }

    /// The slot of a new object, pinned.
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
};

} // namespace vmem::detail

#endif
