// SPDX-License-Identifier: BSL-1.0
// EXPECT: non-resident allocator: CacheBytes must be a multiple of 64; 0 is allowed
#include <vmem/allocator/nonresident_buddy_allocator.hpp>

static_assert(sizeof(vmem::nonresident_buddy_allocator<16, 100>) != 0);
