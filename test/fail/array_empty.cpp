// SPDX-License-Identifier: BSL-1.0
// EXPECT: array: needs at least one element
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/container/array.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator>;
static_assert(sizeof(vmem::array<int, 0, memory>) != 0);
