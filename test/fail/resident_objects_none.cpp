// SPDX-License-Identifier: BSL-1.0
// EXPECT: resident_objects: needs at least one object
#include <vmem/residency/resident_objects.hpp>

static_assert(sizeof(vmem::resident_objects<1024, 0>) != 0);
