// SPDX-License-Identifier: BSL-1.0
// EXPECT: paged: T is aligned more strictly than a page frame
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

struct alignas(32) vector {
    float values[8];
};

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator>;

float first(vmem::vptr<vector, memory> p) {
    return p->values[0];
}
