// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/concept.hpp>

#include <cstddef>
#include <doctest/doctest.h>

namespace {

static_assert(vmem::ram_allocator<vmem::ram_allocator_archetype>);
static_assert((vmem::check_ram_allocator<vmem::ram_allocator_archetype>(), true));
static_assert(!vmem::ram_allocator<int>);

struct without_alignment : vmem::ram_allocator_archetype {
    using ram_allocator_archetype::ram_allocator_archetype;
    [[nodiscard]] vmem::result<void*> allocate(std::size_t size);
};
static_assert(!vmem::ram_allocator<without_alignment>);

struct without_arena : vmem::ram_allocator_archetype {
    without_arena();
};
static_assert(!vmem::ram_allocator<without_arena>);

struct throwing : vmem::ram_allocator_archetype {
    using ram_allocator_archetype::ram_allocator_archetype;
    [[nodiscard]] std::size_t largest_free() const;
};
static_assert(!vmem::ram_allocator<throwing>);

TEST_CASE("RAM allocator: statistics are 0 unless said otherwise") {
    const vmem::allocator_stats stats;
    CHECK(stats.in_use == 0);
    CHECK(stats.peak == 0);
    CHECK(stats.largest_free == 0);
    CHECK(stats.capacity == 0);
    CHECK(stats.failures == 0);
}

} // namespace
