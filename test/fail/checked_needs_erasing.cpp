// SPDX-License-Identifier: BSL-1.0
// EXPECT: checked: the storage must need no erasing; put it above the layer that erases
#include <vmem/storage/checked.hpp>

struct flash : vmem::storage_archetype {
    static constexpr vmem::storage_geometry geometry{.erase_size = 4096};
};

using bad = vmem::checked<flash>;
static_assert(sizeof(bad) != 0);
