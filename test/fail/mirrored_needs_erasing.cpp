// SPDX-License-Identifier: BSL-1.0
// EXPECT: mirrored: the storages must need no erasing; put it above the layer that erases
#include <vmem/storage/mirrored.hpp>
#include <vmem/storage/ram_storage.hpp>

struct flash : vmem::storage_archetype {
    static constexpr vmem::storage_geometry geometry{.erase_size = 4096};
};

using bad = vmem::mirrored<vmem::ram_storage<4096>, flash>;
static_assert(sizeof(bad) != 0);
