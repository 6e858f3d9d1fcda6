// SPDX-License-Identifier: BSL-1.0
// Power is lost on a storage that is read and written in sectors; there are pages enough in RAM.

#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "powerloss/harness.hpp"

using namespace vmem::powerloss;

int main(int count, char** arguments) {
    using medium = disk<64>;
    using heap = vmem::heap<vmem::storage_ref<medium>, vmem::paged<128, 24>,
                            vmem::nonresident_buddy_allocator<>,
                            vmem::durability<vmem::journaled<14336>>, vmem::on_fault<report_fault>>;
    return suite<heap, medium>("sectors", read_arguments(count, arguments)).run({.seeds = 4});
}
