// SPDX-License-Identifier: BSL-1.0
// EXPECT: any_ref: assignment through an any_ptr<const T>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/any_ptr.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator>;

void change(vmem::any_ptr<const int, memory> p) {
    *p += 1;
}
