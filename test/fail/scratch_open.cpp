// SPDX-License-Identifier: BSL-1.0
// EXPECT: heap: durability<scratch> leaves nothing to open
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<65536>, vmem::paged<256, 4>,
                          vmem::nonresident_linked_list_allocator, vmem::durability<vmem::scratch>>;
bool take_up(memory& heap) {
    return heap.open().has_value();
}
