// SPDX-License-Identifier: BSL-1.0
// EXPECT: memory_mapped: the storage must be directly addressable; it has no 'std::byte* data()
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/memory_mapped.hpp>
#include <vmem/storage/concept.hpp>

using memory = vmem::heap<vmem::storage_archetype, vmem::memory_mapped<>,
                          vmem::nonresident_linked_list_allocator>;
static_assert(sizeof(memory) != 0);
