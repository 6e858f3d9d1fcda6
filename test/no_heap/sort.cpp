// SPDX-License-Identifier: BSL-1.0
// Sorts more than RAM holds, with read-ahead, in a program in which every way to get memory from
// the heap aborts.
#include <vmem/algorithm.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "no_heap/forbidden_heap.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace {

#define CHECK(...) check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__)

using memory =
    vmem::heap<vmem::ram_storage<1 << 18>,
               vmem::paged<256, 16, vmem::clock, vmem::automatic_translation, vmem::sequential<4>>,
               vmem::nonresident_linked_list_allocator>;

} // namespace

int main() {
    static memory heap;
    CHECK(heap.format());
    constexpr std::size_t count = 20000;
    const auto p = heap.allocate<std::uint32_t>(count).value();
    std::uint32_t random = 1;
    for (std::size_t i = 0; i < count; ++i) {
        random = random * 1664525 + 1013904223;
        p[static_cast<std::ptrdiff_t>(i)] = random;
    }
    CHECK(vmem::sort(p, count));
    for (std::size_t i = 1; i < count; ++i) {
        const std::uint32_t before = p[static_cast<std::ptrdiff_t>(i) - 1];
        CHECK(before <= p[static_cast<std::ptrdiff_t>(i)].get());
    }
    std::puts("sorted without the heap");
    return 0;
}
