// SPDX-License-Identifier: BSL-1.0
// EXPECT: vptr: T is larger than a page, so '->' has no place to show it whole
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

struct large {
    char bytes[65];
};

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator>;

char first(vmem::vptr<large, memory> p) {
    return p->bytes[0];
}
