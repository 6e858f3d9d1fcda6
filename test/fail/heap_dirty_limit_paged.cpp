// SPDX-License-Identifier: BSL-1.0
// EXPECT: heap: dirty_limit<> and on_persisted<> need resident_objects<>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator, vmem::dirty_limit<100>>;
static_assert(sizeof(memory) != 0);
