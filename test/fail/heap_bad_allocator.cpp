// SPDX-License-Identifier: BSL-1.0
// EXPECT: non-resident allocator: missing 'result<void> settle(Medium&)'
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstdint>

struct bad {
    static constexpr std::uint32_t media_id = 1;
    static constexpr std::uint32_t max_address = 0xFFFFFFFF;

    using address = vmem::address;
    [[nodiscard]] vmem::result<void> format(auto& medium, address begin, address end);
    [[nodiscard]] vmem::result<void> open(auto& medium, address begin, address end);
    [[nodiscard]] vmem::result<address> allocate(auto& medium, vmem::block_request request);
    [[nodiscard]] vmem::result<void> deallocate(auto& medium, address block);
    [[nodiscard]] vmem::result<address> largest_free(auto& medium);
    [[nodiscard]] vmem::result<bool> invariants_hold(auto& medium);
    [[nodiscard]] vmem::result<vmem::nonresident_stats> stats(auto& medium);
};

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>, bad, vmem::address_bits<32>>;
static_assert(sizeof(memory) != 0);
