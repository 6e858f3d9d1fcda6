// SPDX-License-Identifier: BSL-1.0
// EXPECT: memory_mapped: PageSize must be a power of two, at least 64 bytes
#include <vmem/residency/memory_mapped.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstdint>

using bad = vmem::memory_mapped<100>::bind<vmem::ram_storage<4096>, std::uint32_t, false>;
static_assert(sizeof(bad) != 0);
