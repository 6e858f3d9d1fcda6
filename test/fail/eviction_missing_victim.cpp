// SPDX-License-Identifier: BSL-1.0
// EXPECT: eviction policy: missing 'std::size_t victim(auto evictable) noexcept'
#include <vmem/eviction/concept.hpp>

#include <cstddef>

struct bad {
    void on_insert(std::size_t slot) noexcept;
    void on_access(std::size_t slot) noexcept;
    void on_remove(std::size_t slot) noexcept;
};

static_assert((vmem::check_eviction_policy<bad>(), true));
