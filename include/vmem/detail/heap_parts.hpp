// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_HEAP_PARTS_HPP
#define VMEM_DETAIL_HEAP_PARTS_HPP

#include <vmem/detail/bound_residency.hpp>
#include <vmem/detail/heap_commit.hpp>
#include <vmem/detail/heap_construction.hpp>
#include <vmem/detail/heap_image.hpp>
#include <vmem/detail/heap_roots.hpp>
#include <vmem/detail/image_copies.hpp>
#include <vmem/detail/object_heap.hpp>
#include <vmem/detail/typed_memory.hpp>
#include <vmem/fwd.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <type_traits>

namespace vmem::detail {

/// With a journal there is nothing to save in a hurry, and in scratch memory nothing to save.
template <class Objects>
class unpersisted : public Objects {
public:
    result<void> persist() = delete;
    result<void> restore() = delete;
};

/// What the arguments of a heap choose together.
template <class Storage, class Residency, class Allocator, class... Policies>
struct heap_parts {
    using heap_type = heap<Storage, Residency, Allocator, Policies...>;
    using binding = bound_residency<Residency, Storage, Policies...>;
    using residency = typename binding::type;
    static constexpr bool has_journal = binding::has_journal;
    static constexpr std::size_t root_count = binding::root_count;
    static constexpr bool is_scratch = std::is_same_v<typename binding::durability_type, scratch>;
    static_assert(!is_scratch ||
                      (root_count == 0 && policy_count<persisted_policy, Policies...> == 0),
                  "heap: durability<scratch> keeps nothing; drop roots<> and on_persisted<>, or "
                  "choose another durability<>");

    /// Whether one call of the allocator fits the frames, if what it changes must stay there, and
    /// one is left to read.
    static consteval bool has_frames_for_allocator() {
        if constexpr (
            requires { Allocator::most_changed_pages(residency::page_size); } &&
            requires { requires residency::keeps_changes; }) {
            return residency::frame_count > Allocator::most_changed_pages(residency::page_size);
        } else {
            return true;
        }
    }
    static_assert(has_frames_for_allocator(),
                  "heap: with journaled_no_steal one call of the allocator must fit the page "
                  "frames; have 13 of them with the linked list (16 of fewer than 256 bytes), or "
                  "choose nonresident_buddy_allocator");

    using memory =
        typed_memory<heap_type, residency,
                     typename policy<locking_policy, locking<no_lock>, Policies...>::type,
                     typename policy<fault_policy, on_fault<trap_on_fault>, Policies...>::type>;
    using plain_objects =
        object_heap<heap_type, residency,
                    typename policy<persisted_policy, on_persisted<go_on>, Policies...>::type>;
    using objects = std::conditional_t<(has_journal || is_scratch) && object_residency<residency>,
                                       unpersisted<plain_objects>, plain_objects>;
    using commits = heap_commit<heap_type, residency, has_journal>;
    using construction = heap_construction<heap_type, residency>;
    using root_names = heap_roots<heap_type, root_count>;
    template <bool Scratch>
    static auto choose_copies() {
        if constexpr (Scratch) {
            return std::type_identity<scratch_image<residency>>{};
        } else if constexpr (has_journal) {
            return std::type_identity<journaled_image<heap_type, residency, root_count>>{};
        } else {
            return std::type_identity<plain_image<heap_type, Storage, residency, root_count>>{};
        }
    }
    /// Where the superblock is.
    using copies = typename decltype(choose_copies<is_scratch>())::type;
    using image = heap_image<heap_type, residency, copies>;
};

} // namespace vmem::detail

#endif
