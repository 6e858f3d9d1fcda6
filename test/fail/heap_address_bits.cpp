// SPDX-License-Identifier: BSL-1.0
// EXPECT: address_bits: choose 16, 32 or 64
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator, vmem::address_bits<24>>;
static_assert(sizeof(memory) != 0);
