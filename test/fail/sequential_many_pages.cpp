// SPDX-License-Identifier: BSL-1.0
// EXPECT: sequential: at least 2 pages at a time, and at most half of the frames
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstdint>

using cache = vmem::paged<128, 8, vmem::clock, vmem::page_map,
                          vmem::sequential<5>>::bind<vmem::ram_storage<4096>, std::uint32_t, false>;
static_assert(sizeof(cache) != 0);
