// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "support/damage.hpp"

#include <cstddef>
#include <doctest/doctest.h>

namespace {

using medium = vmem::ram_storage<12288>;

template <std::size_t Frames, class Mode>
struct trial
    : vmem::test::damage_trial<
          vmem::heap<vmem::storage_ref<medium>, vmem::paged<128, Frames>,
                     vmem::nonresident_buddy_allocator<>, vmem::roots<2>, vmem::durability<Mode>>,
          medium> {
    trial()
        : trial::damage_trial([](medium& bytes) { return vmem::storage_ref<medium>(bytes); },
                              [](const auto&) {}) {}
};
using early_blocks = trial<4, vmem::journaled<8192>>;
using no_steal = trial<16, vmem::journaled_no_steal<8192>>;

TEST_CASE_TEMPLATE("damaged image, journal: every flipped bit", Trial, early_blocks, no_steal) {
    Trial one;
    vmem::test::flip_every_bit(one, false);
}

TEST_CASE_TEMPLATE("damaged image, journal: random damage", Trial, early_blocks, no_steal) {
    Trial one;
    vmem::test::damage_at_random(one, false, 250'000);
}

} // namespace
