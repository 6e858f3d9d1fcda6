// SPDX-License-Identifier: BSL-1.0
// EXPECT: heap: durability<scratch> keeps nothing
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/ram_storage.hpp>

struct handler {
    void operator()(const vmem::result<void>&) const noexcept {}
};
using memory = vmem::heap<vmem::ram_storage<65536>, vmem::resident_objects<1024, 8>,
                          vmem::nonresident_linked_list_allocator, vmem::durability<vmem::scratch>,
                          vmem::on_persisted<handler>>;
static_assert(sizeof(memory) != 0);
