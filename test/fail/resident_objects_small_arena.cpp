// SPDX-License-Identifier: BSL-1.0
// EXPECT: resident_objects: the arena needs at least 64 bytes
#include <vmem/residency/resident_objects.hpp>

static_assert(sizeof(vmem::resident_objects<32, 4>) != 0);
