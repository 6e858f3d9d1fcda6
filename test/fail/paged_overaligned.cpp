// SPDX-License-Identifier: BSL-1.0
// EXPECT: paged: T is aligned more strictly than a page frame; use larger pages or a less aligned T
#include <vmem/eviction/clock.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstdint>

using cache = vmem::paged<64, 4>::bind<vmem::ram_storage<4096>, std::uint32_t, false>;

bool find(cache& memory, cache::place& where) {
    return memory.find<64, 64>(128, where);
}
