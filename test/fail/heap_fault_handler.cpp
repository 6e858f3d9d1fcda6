// SPDX-License-Identifier: BSL-1.0
// EXPECT: on_fault: Handler must be default constructible and callable with a fault_info
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

struct deaf {};

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator, vmem::on_fault<deaf>>;
static_assert(sizeof(memory) != 0);
