// SPDX-License-Identifier: BSL-1.0
// EXPECT: heap: journaled_no_steal needs paged<>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<65536>, vmem::resident_objects<1024, 8>,
                          vmem::nonresident_buddy_allocator<>,
                          vmem::durability<vmem::journaled_no_steal<16384>>>;
static_assert(sizeof(memory) != 0);
