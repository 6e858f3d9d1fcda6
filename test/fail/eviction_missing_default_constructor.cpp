// SPDX-License-Identifier: BSL-1.0
// EXPECT: eviction policy: missing a default constructor (all slots empty)
#include <vmem/eviction/concept.hpp>

#include <concepts>
#include <cstddef>

struct bad {
    explicit bad(int) noexcept;
    void on_insert(std::size_t slot) noexcept;
    void on_access(std::size_t slot) noexcept;
    void on_remove(std::size_t slot) noexcept;
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] std::size_t victim(Evictable evictable) noexcept;
};

static_assert((vmem::check_eviction_policy<bad>(), true));
