// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_CONTAINER_HEAPS_HPP
#define VMEM_TEST_SUPPORT_CONTAINER_HEAPS_HPP

#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/config.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/flaky.hpp"
#include "support/test_heap.hpp"

#include <cstddef>

/// \file
/// Heaps on which the containers are tested, each with room for a fraction of what they hold.
namespace vmem::test {

using flaky_medium = contract::flaky<ram_storage<64 * 1024>>;

template <class Residency, class Allocator, class... Policies>
using flaky_heap =
    heap<storage_ref<flaky_medium>, Residency, Allocator, on_fault<escape>, Policies...>;

using small_pages = flaky_heap<paged<64, 4>, nonresident_linked_list_allocator>;
using large_pages = flaky_heap<paged<512, 2>, nonresident_buddy_allocator<>>;
using whole_objects =
    flaky_heap<resident_objects<2048, 16>, nonresident_buddy_allocator<>, dirty_limit<1024>>;

/// A storage that can fail, and a formatted heap on it.
template <class Heap>
struct container_heap {
    flaky_medium medium;
    Heap heap{storage_ref(medium)};

    container_heap() { heap.format().value(); }

    /// What the allocator says is in use, in bytes.
    [[nodiscard]] address in_use() { return heap.allocation().value().in_use; }
};

} // namespace vmem::test

#endif
