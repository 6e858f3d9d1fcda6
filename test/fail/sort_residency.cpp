// SPDX-License-Identifier: BSL-1.0
// EXPECT: sort: the heap's residency has no frames to lend; use paged<>
#include <vmem/algorithm.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<65536>, vmem::resident_objects<4096, 16>,
                          vmem::nonresident_buddy_allocator<>>;

vmem::result<void> sorted(vmem::vptr<int, memory> p) {
    return vmem::sort(p, 10);
}
