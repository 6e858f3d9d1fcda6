// SPDX-License-Identifier: BSL-1.0
// EXPECT: paged: PageSize must be a multiple of the storage's read_size and write_size
#include <vmem/residency/paged.hpp>
#include <vmem/storage/concept.hpp>

#include <cstdint>

struct coarse : vmem::storage_archetype {
    static constexpr vmem::storage_geometry geometry{.read_size = 16, .write_size = 256};
};

using cache = vmem::paged<128, 4>::bind<coarse, std::uint32_t, false>;
static_assert(sizeof(cache) != 0);
