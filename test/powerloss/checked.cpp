// SPDX-License-Identifier: BSL-1.0
// Power is lost on a storage whose blocks carry checksums: one that is torn cannot be read.

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/checked.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "powerloss/harness.hpp"

using namespace vmem::powerloss;

namespace {

using medium = disk<1>;

struct with_checksums : vmem::checked<vmem::storage_ref<medium>, 128> {
    with_checksums(medium& storage) : checked(vmem::storage_ref(storage)) {}
};

} // namespace

int main(int count, char** arguments) {
    using heap =
        vmem::heap<with_checksums, vmem::paged<128, 3>, vmem::nonresident_linked_list_allocator,
                   vmem::durability<vmem::journaled<16384>>, vmem::on_fault<report_fault>>;
    return suite<heap, medium>("checked", read_arguments(count, arguments)).run({.commits = 16});
}
