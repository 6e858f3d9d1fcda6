// SPDX-License-Identifier: BSL-1.0
// EXPECT: heap: the allocator's words are narrower than address_bits<>; choose the allocator with
// wider words
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::storage_archetype, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator, vmem::address_bits<64>>;
static_assert(sizeof(memory) != 0);
