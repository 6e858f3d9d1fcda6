// SPDX-License-Identifier: BSL-1.0
// EXPECT: sequential: needs at least 2 pages at a time
#include <vmem/residency/paged.hpp>

static_assert(vmem::sequential<1>::pages != 0);
