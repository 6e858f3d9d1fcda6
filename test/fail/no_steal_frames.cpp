// SPDX-License-Identifier: BSL-1.0
// EXPECT: heap: journaled_no_steal needs half of JournalBytes for all page frames
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<65536>, vmem::paged<256, 16>,
                          vmem::nonresident_linked_list_allocator,
                          vmem::durability<vmem::journaled_no_steal<8192>>>;
static_assert(sizeof(memory) != 0);
