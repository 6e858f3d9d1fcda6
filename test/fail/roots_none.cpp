// SPDX-License-Identifier: BSL-1.0
// EXPECT: heap: a named root needs the policy roots<Count>, or durability<journaled>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<65536>, vmem::paged<256, 4>,
                          vmem::nonresident_linked_list_allocator, vmem::address_bits<32>>;
vmem::result<vmem::vptr<int, memory>> find(memory& heap) {
    return heap.root<int>("name");
}
