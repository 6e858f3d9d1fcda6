// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "checks.hpp"
#include "suite.hpp"

#include <cstddef>
#include <cstdint>
#include <new>

namespace {

constexpr unsigned blocks = 24;

struct block {
    vmem::address at = 0;
    vmem::address size = 0;
};

bool overlaps(const block (&live)[blocks], unsigned which) {
    for (unsigned other = 0; other < blocks; ++other) {
        if (other != which && live[other].at != 0 &&
            live[other].at < live[which].at + live[which].size &&
            live[which].at < live[other].at + live[other].size) {
            return true;
        }
    }
    return false;
}

template <class Allocator>
void exercise() {
    auto& medium = *new (shared_room) vmem::ram_storage<3072>;
    Allocator allocator;
    VERIFY(allocator.format(medium, 256, 3072));
    const auto all = allocator.largest_free(medium);
    VERIFY(all && *all > 1000);
    VERIFY(!allocator.allocate(medium, {.size = 0}));
    VERIFY(!allocator.allocate(medium, {.size = static_cast<vmem::address>(-1)}));
    block live[blocks];
    random_numbers random;
    for (unsigned step = 0; step < 1000; ++step) {
        const unsigned which = random.below(blocks);
        block& each = live[which];
        if (each.at != 0) {
            VERIFY(allocator.deallocate(medium, each.at));
            const auto twice = allocator.deallocate(medium, each.at);
            VERIFY(!twice);
            each = {};
        } else {
            each.size = 1 + random.below(200);
            const auto granted = allocator.allocate(medium, {.size = each.size, .align = 4});
            if (granted) {
                each.at = *granted;
                VERIFY(each.at % 4 == 0 && each.at >= 256 && each.at + each.size <= 3072);
                VERIFY(!overlaps(live, which));
            } else {
                VERIFY(granted.error() == vmem::errc::out_of_memory);
            }
        }
        VERIFY(step % 16 != 0 || *allocator.invariants_hold(medium));
        if (step % 100 == 50) {
            // As after a restart, settled or not.
            VERIFY(step % 200 == 50 || allocator.settle(medium));
            Allocator again;
            VERIFY(step % 200 == 50 || again.open(medium, 256, 3072));
            VERIFY(step % 200 == 50 || *again.invariants_hold(medium));
        }
    }
    for (block& each : live) {
        VERIFY(each.at == 0 || allocator.deallocate(medium, each.at));
    }
    VERIFY(*allocator.invariants_hold(medium));
    VERIFY(*allocator.largest_free(medium) == *all);
}

} // namespace

void test_nonresident_allocators() {
    exercise<vmem::nonresident_linked_list_allocator>();
    exercise<vmem::nonresident_buddy_allocator<>>();
}
