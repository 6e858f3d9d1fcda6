// SPDX-License-Identifier: BSL-1.0
// The harness on little: what sabotage.py builds with each stored bug, all of which it must find.

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "powerloss/harness.hpp"

using namespace vmem::powerloss;

int main() {
    using medium = disk<1>;
    using heap = vmem::heap<vmem::storage_ref<medium>, vmem::paged<64, 3>,
                            vmem::nonresident_linked_list_allocator,
                            vmem::durability<vmem::journaled<8192>>, vmem::on_fault<report_fault>>;
    const effort how{.commits = 20, .seeds = 4, .samples = 2, .again = 40, .samples_again = 1};
    const auto losses = trial<heap, medium, churn>("small", how).run();
    std::printf("small: %" PRIu64 " loss points, 0 failures\n", losses);
    return 0;
}
