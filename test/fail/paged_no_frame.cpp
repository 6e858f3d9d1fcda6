// SPDX-License-Identifier: BSL-1.0
// EXPECT: paged: needs at least one frame
#include <vmem/eviction/clock.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstdint>

using residency = vmem::paged<64, 0, vmem::clock, vmem::page_map>;
using cache = residency::bind<vmem::ram_storage<65536>, std::uint32_t, false>;
static_assert(sizeof(cache) != 0);
