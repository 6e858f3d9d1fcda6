// SPDX-License-Identifier: BSL-1.0
// EXPECT: locking: Mutex must be default constructible with lock() and unlock()
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

struct open_door {
    void lock();
};

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator, vmem::locking<open_door>>;
static_assert(sizeof(memory) != 0);
