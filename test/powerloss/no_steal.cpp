// SPDX-License-Identifier: BSL-1.0
// Power is lost while nothing may leave RAM before its commit.

#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "powerloss/harness.hpp"

using namespace vmem::powerloss;

int main(int count, char** arguments) {
    using medium = disk<1>;
    using heap =
        vmem::heap<vmem::storage_ref<medium>, vmem::paged<128, 10>,
                   vmem::nonresident_buddy_allocator<>,
                   vmem::durability<vmem::journaled_no_steal<8192>>, vmem::on_fault<report_fault>>;
    return suite<heap, medium>("no_steal", read_arguments(count, arguments)).run({});
}
