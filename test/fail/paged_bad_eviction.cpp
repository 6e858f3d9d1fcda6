// SPDX-License-Identifier: BSL-1.0
// EXPECT: eviction policy: missing 'void on_access(std::size_t slot) noexcept'
#include <vmem/eviction/clock.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstdint>

#include <cstddef>

template <std::size_t Slots>
struct forgetful {
    void on_insert(std::size_t slot) noexcept;
    void on_remove(std::size_t slot) noexcept;
    [[nodiscard]] std::size_t victim(auto evictable) noexcept;
};

using residency = vmem::paged<64, 4, forgetful>;
using cache = residency::bind<vmem::ram_storage<65536>, std::uint32_t, false>;
static_assert(sizeof(cache) != 0);
