// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "support/damage.hpp"

#include <doctest/doctest.h>

namespace {

using medium = vmem::ram_storage<4096>;
using memory = vmem::heap<vmem::storage_ref<medium>, vmem::paged<128, 4>,
                          vmem::nonresident_linked_list_allocator, vmem::roots<2>>;

struct trial : vmem::test::damage_trial<memory, medium> {
    trial()
        : damage_trial([](medium& bytes) { return vmem::storage_ref<medium>(bytes); },
                       [](const auto&) {}) {}
};

TEST_CASE("damaged image, pages: every flipped bit") {
    trial one;
    vmem::test::flip_every_bit(one, false);
}

TEST_CASE("damaged image, pages: random damage") {
    trial one;
    vmem::test::damage_at_random(one, false, 250'000);
}

} // namespace
