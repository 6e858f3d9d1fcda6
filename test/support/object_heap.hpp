// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_OBJECT_HEAP_HPP
#define VMEM_TEST_SUPPORT_OBJECT_HEAP_HPP

#include "support/test_heap.hpp"

#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>
#include <vmem/unique_vptr.hpp>

#include <cstddef>
#include <memory>

/// \file
/// Heaps of resident objects for tests.
namespace vmem::test {

/// On a storage that outlives it, so that another one can open what is there.
template <class Storage, std::size_t Arena, std::size_t Objects, class... Policies>
using object_memory =
    heap<storage_ref<Storage>, resident_objects<Arena, Objects>, nonresident_buddy_allocator<>,
         on_fault<escape>, statistics<true>, Policies...>;

using counted_ram = counted<ram_storage<32768>>;

/// A heap that is formatted already, and its storage.
template <class Heap, class Storage = counted_ram>
struct object_heap {
    object_heap() : heap(std::make_unique<Heap>(*storage)) { heap->format().value(); }

    /// What the storage has been asked for since the last call.
    [[nodiscard]] storage_counts counts() {
        const storage_counts seen = storage->counts();
        storage->reset_counts();
        return seen;
    }
    /// Power goes and comes back, and nothing but the storage is left.
    void start_cold() {
        heap->residency().lose_ram();
        heap->residency().stop();
        heap.reset();
        heap = std::make_unique<Heap>(*storage);
    }

    std::unique_ptr<Storage> storage = std::make_unique<Storage>();
    std::unique_ptr<Heap> heap;
};

} // namespace vmem::test

#endif
