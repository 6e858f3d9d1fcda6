// SPDX-License-Identifier: BSL-1.0
// EXPECT: eviction policy: missing 'std::size_t victim(auto evictable) noexcept'
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstddef>

template <std::size_t>
struct bad {
    void on_insert(std::size_t slot) noexcept;
    void on_access(std::size_t slot) noexcept;
    void on_remove(std::size_t slot) noexcept;
};

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4, bad>,
                          vmem::nonresident_linked_list_allocator>;
static_assert(sizeof(memory) != 0);
