// SPDX-License-Identifier: BSL-1.0
// EXPECT: memory_mapped: T is aligned more strictly than the storage's bytes; use a less aligned T
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/memory_mapped.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::memory_mapped<>,
                          vmem::nonresident_linked_list_allocator>;
struct alignas(64) line {
    char bytes[64];
};
line load(vmem::vptr<line, memory> p) {
    return *p;
}
