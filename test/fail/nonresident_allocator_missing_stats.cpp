// SPDX-License-Identifier: BSL-1.0
// EXPECT: 'result<nonresident_stats> stats(Medium&)'
#include <vmem/allocator/nonresident_concept.hpp>

#include <cstdint>

using medium = vmem::storage_archetype;

struct bad {
    static constexpr std::uint32_t media_id = 1;
    static constexpr std::uint32_t max_address = 0xFFFF;
    [[nodiscard]] vmem::result<void> format(medium& m, vmem::address begin, vmem::address end);
    [[nodiscard]] vmem::result<void> open(medium& m, vmem::address begin, vmem::address end);
    [[nodiscard]] vmem::result<void> settle(medium& m);
    [[nodiscard]] vmem::result<vmem::address> allocate(medium& m, vmem::block_request request);
    [[nodiscard]] vmem::result<void> deallocate(medium& m, vmem::address block);
    [[nodiscard]] vmem::result<vmem::address> largest_free(medium& m);
    [[nodiscard]] vmem::result<bool> invariants_hold(medium& m);
};

static_assert((vmem::check_nonresident_allocator<bad, medium>(), true));
