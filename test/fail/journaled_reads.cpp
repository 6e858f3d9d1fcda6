// SPDX-License-Identifier: BSL-1.0
// EXPECT: journaled: the storage's read_size must not be larger than its write_size
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

struct coarse_reads : vmem::ram_storage<65536> {
    static constexpr vmem::storage_geometry geometry{
        .read_size = 512, .write_size = 64, .erase_size = 0, .atomic_write_size = 64};
};
using memory =
    vmem::heap<coarse_reads, vmem::paged<512, 4>, vmem::nonresident_linked_list_allocator,
               vmem::durability<vmem::journaled<16384>>>;
static_assert(sizeof(memory) != 0);
