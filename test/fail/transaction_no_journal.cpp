// SPDX-License-Identifier: BSL-1.0
// EXPECT: transaction: needs a heap with durability<journaled<...>>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/persist/transaction.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<65536>, vmem::paged<256, 4>,
                          vmem::nonresident_linked_list_allocator, vmem::address_bits<32>>;
void change(memory& heap) {
    vmem::transaction guard(heap);
}
