// SPDX-License-Identifier: BSL-1.0
// EXPECT: buddy_allocator: MinBlock must be a power of two, at least 8
#include <vmem/allocator/buddy_allocator.hpp>

static_assert(sizeof(vmem::buddy_allocator<24>) != 0);
