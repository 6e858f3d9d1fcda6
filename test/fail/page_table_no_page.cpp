// SPDX-License-Identifier: BSL-1.0
// EXPECT: page_table: needs at least one page
#include <vmem/eviction/clock.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstdint>

using residency = vmem::paged<64, 4, vmem::clock, vmem::page_table<0>>;
using cache = residency::bind<vmem::ram_storage<65536>, std::uint32_t, false>;
static_assert(sizeof(cache) != 0);
