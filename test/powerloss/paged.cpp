// SPDX-License-Identifier: BSL-1.0
// Power is lost while pages are cached: three of them, so that transactions spill into the journal.

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "powerloss/harness.hpp"

using namespace vmem::powerloss;

int main(int count, char** arguments) {
    using medium = disk<1>;
    using heap = vmem::heap<vmem::storage_ref<medium>, vmem::paged<128, 3>,
                            vmem::nonresident_linked_list_allocator,
                            vmem::durability<vmem::journaled<16384>>, vmem::on_fault<report_fault>>;
    return suite<heap, medium>("paged", read_arguments(count, arguments)).run({});
}
