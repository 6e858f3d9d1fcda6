// SPDX-License-Identifier: BSL-1.0
// EXPECT: queue: T must be trivially copyable; keep owning handles out of containers
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/container/queue.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

struct owner {
    int value;
    ~owner();
};
template <>
inline constexpr bool vmem::enable_storable<owner> = true;

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator>;
static_assert(sizeof(vmem::queue<owner, memory>) != 0);
