// SPDX-License-Identifier: BSL-1.0
// Power is lost while objects are resident, few of which may be unsaved.

#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "powerloss/harness.hpp"

using namespace vmem::powerloss;

int main(int count, char** arguments) {
    using medium = disk<1>;
    using heap =
        vmem::heap<vmem::storage_ref<medium>, vmem::resident_objects<2048, 8>,
                   vmem::nonresident_buddy_allocator<>, vmem::dirty_limit<512>,
                   vmem::durability<vmem::journaled<14336, 64>>, vmem::on_fault<report_fault>>;
    return suite<heap, medium>("objects", read_arguments(count, arguments)).run({.commits = 12});
}
