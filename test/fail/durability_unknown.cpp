// SPDX-License-Identifier: BSL-1.0
// EXPECT: durability: choose scratch, none, on_persist or journaled<JournalBytes>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<65536>, vmem::paged<256, 4>,
                          vmem::nonresident_linked_list_allocator, vmem::durability<int>>;
static_assert(sizeof(memory) != 0);
