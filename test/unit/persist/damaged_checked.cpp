// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/checked.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "support/damage.hpp"

#include <doctest/doctest.h>

namespace {

using medium = vmem::ram_storage<140UL * 132>;
using storage = vmem::checked<vmem::storage_ref<medium>, 128>;
using plain = vmem::heap<storage, vmem::paged<128, 4>, vmem::nonresident_linked_list_allocator,
                         vmem::roots<2>>;
using journaled = vmem::heap<storage, vmem::paged<128, 4>, vmem::nonresident_linked_list_allocator,
                             vmem::roots<2>, vmem::durability<vmem::journaled<12288>>>;

template <class Heap>
struct trial : vmem::test::damage_trial<Heap, medium> {
    trial()
        : vmem::test::damage_trial<Heap, medium>(
              [](medium& bytes) { return storage(vmem::storage_ref<medium>(bytes)); },
              [](auto& fresh) { fresh.format().value(); }) {}
};

TEST_CASE_TEMPLATE("damaged image, checked: every flipped bit", heap, plain, journaled) {
    trial<heap> one;
    vmem::test::flip_every_bit(one, true);
}

TEST_CASE_TEMPLATE("damaged image, checked: random damage", heap, plain, journaled) {
    trial<heap> one;
    vmem::test::damage_at_random(one, true, 125'000);
}

} // namespace
