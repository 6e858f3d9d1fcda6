// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/object_ram.hpp>

#include "support/object_heap.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <vector>

namespace {

using namespace vmem;
using vmem::test::object_heap;

template <std::size_t Objects, std::size_t Limit>
using memory = test::object_memory<test::counted_ram, 2048, Objects, dirty_limit<Limit>>;

/// Every other byte of each object is unsaved, as many as the limit allows, and an image holds all
/// of it. Then a transfer that goes past RAM has to bring everything home first.
template <class Heap>
void meets_the_worst_case() {
    using text = unique_vptr<char[], Heap>;
    object_heap<Heap> on;
    auto plain = on.heap->template allocate<std::byte>(2000).value();
    std::vector<text> objects;
    objects.reserve(Heap::residency_type::frame_count);
    for (std::size_t n = 0; n < Heap::residency_type::frame_count; ++n) {
        objects.push_back(on.heap->template make_unique<char[]>(15).value());
    }
    on.heap->flush().value();
    constexpr std::size_t limit = Heap::residency_type::dirty_limit;
    constexpr std::size_t slot = 12;
    for (text& object : objects) {
        for (std::size_t byte = 0; byte < 15; byte += 2) {
            const std::size_t cost = 1 + (object.is_dirty() ? 0 : slot);
            if (on.heap->dirty_bytes() + cost <= limit) {
                object.set(byte, 'x').value();
            }
        }
    }
    on.heap->persist().value();
    on.storage->reset_counts();
    const std::array<std::byte, 1000> bytes{};
    on.heap->write(plain.to_address(), bytes).value();
    const auto counts = on.counts();
    constexpr auto bound = Heap::worst_case_access;
    CHECK(counts.writes == bound.writes);
    CHECK(counts.syncs == bound.syncs);
    // The read is that of an object which comes in.
    objects[0].unload().value();
    on.storage->reset_counts();
    objects[0].read().value();
    CHECK(on.counts().reads == bound.reads);
}

TEST_CASE("object_ram: the worst case of an access is reached") {
    meets_the_worst_case<memory<16, 100'000>>(); // as many objects as there are slots
    meets_the_worst_case<memory<16, 100>>();     // five objects and nothing left
    meets_the_worst_case<memory<16, 115>>();     // and three bytes of a sixth
    meets_the_worst_case<memory<1, 40>>();
}

static_assert(memory<16, 100'000>::worst_case_access.writes == 16 * 8 + 2);
static_assert(memory<16, 100>::worst_case_access.writes == 5 * 8 + 2);
static_assert(memory<16, 115>::worst_case_access.writes == 5 * 8 + 3 + 2);

TEST_CASE("object_ram: a limit that nothing reaches is as if there were none") {
    using cache = memory<16, 100'000>::residency_type;
    static_assert(cache::dirty_limit == 16 * 12 + 2048);
    static_assert(memory<16, 2000>::residency_type::dirty_limit == 2000);
    static_assert(cache::reserved ==
                  sizeof(superblock) + 2 * ((cache::worst_case_persist.bytes + 63) / 64 * 64));
    object_heap<memory<16, 100'000>> on;
    CHECK(on.heap->residency().largest_object() > 1024);
    CHECK(on.heap->residency().largest_object() <= 2048);
    CHECK(on.heap->dirty_bytes() == 0);
}

} // namespace
