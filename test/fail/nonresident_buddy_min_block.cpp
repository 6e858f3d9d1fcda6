// SPDX-License-Identifier: BSL-1.0
// EXPECT: nonresident_buddy_allocator: MinBlock must be a power of two
#include <vmem/allocator/nonresident_buddy_allocator.hpp>

static_assert(sizeof(vmem::nonresident_buddy_allocator<24>) != 0);
