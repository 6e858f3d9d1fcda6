// SPDX-License-Identifier: BSL-1.0
// EXPECT: nor has one with a journal before it, which needs paged<>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/memory_mapped.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory =
    vmem::heap<vmem::ram_storage<65536>, vmem::memory_mapped<>,
               vmem::nonresident_linked_list_allocator, vmem::durability<vmem::journaled<16384>>>;
static_assert(sizeof(memory) != 0);
