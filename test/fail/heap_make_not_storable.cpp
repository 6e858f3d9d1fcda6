// SPDX-License-Identifier: BSL-1.0
// EXPECT: storable: T must be trivially copyable to live in virtual memory
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

struct owner {
    explicit owner(int);
    owner(const owner&);
    int value;
};

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator>;

auto make(memory& heap) {
    return heap.make<owner>(1);
}
