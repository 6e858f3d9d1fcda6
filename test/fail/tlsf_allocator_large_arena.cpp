// SPDX-License-Identifier: BSL-1.0
// EXPECT: tlsf_allocator: MaxArena is at most 16 GiB
#include <vmem/allocator/tlsf_allocator.hpp>

static_assert(sizeof(vmem::tlsf_allocator<(1ULL << 40)>) != 0);
