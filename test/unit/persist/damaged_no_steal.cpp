// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "support/damage.hpp"

#include <doctest/doctest.h>

namespace {

using medium = vmem::ram_storage<12288>;
using memory =
    vmem::heap<vmem::storage_ref<medium>, vmem::paged<128, 16>, vmem::nonresident_buddy_allocator<>,
               vmem::roots<2>, vmem::durability<vmem::journaled_no_steal<8192>>>;

struct trial : vmem::test::damage_trial<memory, medium> {
    trial()
        : damage_trial([](medium& bytes) { return vmem::storage_ref<medium>(bytes); },
                       [](const auto&) {}) {}
};

TEST_CASE("damaged image, journal without early blocks: every flipped bit") {
    trial one;
    vmem::test::flip_every_bit(one, false);
}

TEST_CASE("damaged image, journal without early blocks: random damage") {
    trial one;
    vmem::test::damage_at_random(one, false, 100'000);
}

} // namespace
