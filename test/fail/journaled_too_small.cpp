// SPDX-License-Identifier: BSL-1.0
// EXPECT: journaled: the journal is too small
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory =
    vmem::heap<vmem::ram_storage<65536>, vmem::paged<256, 4>,
               vmem::nonresident_linked_list_allocator, vmem::durability<vmem::journaled<2048>>>;
static_assert(sizeof(memory) != 0);
