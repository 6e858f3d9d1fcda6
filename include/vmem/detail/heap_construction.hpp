// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_HEAP_CONSTRUCTION_HPP
#define VMEM_DETAIL_HEAP_CONSTRUCTION_HPP

#include <vmem/config.hpp>
#include <vmem/detail/raw_object.hpp>
#include <vmem/result.hpp>
#include <vmem/vptr.hpp>

#include <cstddef>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem::detail {

/// How a `Heap` of pages constructs an object in virtual memory: on the stack and then copied, in
/// its page, or, what is larger than a page, in a buffer of its size on the stack.
template <class Heap, class Residency>
class heap_construction {
protected:
    /// Objects up to this size (bytes) can be kept from straddling.
    static constexpr address whole_limit = Residency::page_size;

    /// Errors: as `heap::make`.
    template <class T, class... Args>
    [[nodiscard]] result<vptr<T, Heap>> make_in_place(Args&&... args) {
        const auto made =
            self().template grant<T>({.size = sizeof(T),
                                      .align = alignof(T),
                                      .within = sizeof(T) <= whole_limit ? whole_limit : 0});
        if (!made) {
            return made;
        }
        unfinished<T> room{self(), *made};
        if (const auto stored = construct<T>(*made, std::forward<Args>(args)...); !stored) {
            return failure(stored.error());
        }
        room.block = nullptr;
        return made;
    }

private:
    [[nodiscard]] Heap& self() noexcept { return static_cast<Heap&>(*this); }

    /// Gives the room back of an object that is not constructed, even because of an exception.
    template <class T>
    struct unfinished {
        Heap& owner;
        vptr<T, Heap> block;

        ~unfinished() {
            if (block != nullptr) {
                static_cast<void>(owner.deallocate(block));
            }
        }
    };

    template <class T, class... Args>
    [[nodiscard]] result<void> construct(vptr<T, Heap> p, Args&&... args) {
        constexpr bool is_small = sizeof(T) <= lesser(4 * sizeof(void*), whole_limit) &&
                                  alignof(T) <= alignof(std::max_align_t);
        if constexpr (is_small && std::is_trivially_copyable_v<T>) {
            const T object(std::forward<Args>(args)...);
            return self().write(p.to_address(), std::as_bytes(std::span(&object, 1)));
        } else if constexpr (sizeof(T) <= whole_limit) {
            auto room = p.write();
            if (!room) {
                return failure(room.error());
            }
            ::new (static_cast<void*>(room->data())) T(std::forward<Args>(args)...);
            return {};
        } else {
            // Its destructor does not run: the object lives on in virtual memory.
            raw_object<T> object;
            ::new (static_cast<void*>(object.bytes().data())) T(std::forward<Args>(args)...);
            return self().write(p.to_address(), object.bytes());
        }
    }
};

} // namespace vmem::detail

#endif
