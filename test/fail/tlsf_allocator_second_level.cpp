// SPDX-License-Identifier: BSL-1.0
// EXPECT: tlsf_allocator: SecondLevelBits is from 1 to 8
#include <vmem/allocator/tlsf_allocator.hpp>

static_assert(sizeof(vmem::tlsf_allocator<65536, 9>) != 0);
