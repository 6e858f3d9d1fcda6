// SPDX-License-Identifier: BSL-1.0
// EXPECT: storable: T must be trivially copyable to live in virtual memory
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <string>

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator>;

auto allocate(memory& heap) {
    return heap.allocate<std::string>(3);
}
