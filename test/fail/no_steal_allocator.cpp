// SPDX-License-Identifier: BSL-1.0
// EXPECT: heap: with journaled_no_steal one call of the allocator must fit the page frames
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<65536>, vmem::paged<256, 12>,
                          vmem::nonresident_linked_list_allocator,
                          vmem::durability<vmem::journaled_no_steal<16384>>>;
static_assert(sizeof(memory) != 0);
