// SPDX-License-Identifier: BSL-1.0
// EXPECT: nonresident_block_allocator: BlockSize must be a power of two
#include <vmem/allocator/nonresident_block_allocator.hpp>

static_assert(sizeof(vmem::nonresident_block_allocator<48>) != 0);
