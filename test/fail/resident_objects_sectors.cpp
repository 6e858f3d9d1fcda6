// SPDX-License-Identifier: BSL-1.0
// EXPECT: resident_objects: the storage must be byte-addressable
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/concept.hpp>

struct sectors : vmem::storage_archetype {
    static constexpr vmem::storage_geometry geometry{.write_size = 512};
};

using memory =
    vmem::heap<sectors, vmem::resident_objects<1024, 8>, vmem::nonresident_buddy_allocator<>>;
static_assert(sizeof(memory) != 0);
