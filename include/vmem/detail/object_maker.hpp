// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_OBJECT_MAKER_HPP
#define VMEM_DETAIL_OBJECT_MAKER_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/persist/critical_section.hpp>
#include <vmem/pin.hpp>
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

/// Makes objects of any type in a `Heap` with object residency, which gives the room, and hands
/// them to their owners.
template <class Heap, class Residency>
class object_maker {
public:
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

private:
    [[nodiscard]] Heap& self() noexcept { return static_cast<Heap&>(*this); }

    template <class T, class Element>
    [[nodiscard]] static unique_vptr<T, Heap> adopted(vptr<Element, Heap> p,
                                                      std::size_t count) noexcept {
        return unique_vptr<T, Heap>(
            owned_object{.at = p.to_address(), .count = count, .slot = Residency::frame_count});
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
        const critical_guard guard(self().residency().critical());
        return make_pinned<T, Element>(count, size, construct);
    }

    template <class T, class Element, class Construct>
    [[nodiscard]] result<unique_vptr<T, Heap>> make_pinned(std::size_t count, std::size_t size,
                                                           Construct construct) {
        const auto slot = self().make_room(size, alignof(Element));
        if (!slot) {
            return failure(slot.error());
        }
        auto& residency = self().residency();
        unfinished object{self(), *slot};
        construct(reinterpret_cast<Element*>(residency.raw(*slot)));
        if (!Residency::can_be_unsaved(size)) {
            if (const auto saved = self().save_new(*slot); !saved) {
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
};

} // namespace vmem::detail

#endif
