// SPDX-License-Identifier: BSL-1.0
// EXPECT: dirty_limit: leaves no room for a single byte
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::resident_objects<1024, 8>,
                          vmem::nonresident_buddy_allocator<>, vmem::dirty_limit<4>>;
static_assert(sizeof(memory) != 0);
