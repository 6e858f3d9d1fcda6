// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/object_heap.hpp>

#include "contract/flaky.hpp"
#include "support/object_heap.hpp"
#include "support/test_heap.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <memory>

namespace {

using namespace vmem;
using vmem::test::error_of;
using vmem::test::object_heap;

using memory = test::object_memory<test::counted_ram, 2048, 16, dirty_limit<600>>;
static_assert(memory::worst_case_persist.operations == 2);
static_assert(memory::worst_case_access.reads == 1);
static_assert(!std::is_empty_v<memory>);

TEST_CASE("object_heap: not open") {
    const auto storage = std::make_unique<test::counted_ram>();
    const auto heap = std::make_unique<memory>(*storage);
    CHECK(error_of(heap->persist()) == message(errc::not_open));
    CHECK(error_of(heap->restore()) == message(errc::not_formatted));
    CHECK(error_of(heap->flush()) == message(errc::not_open));
    CHECK(heap->dirty_bytes() == 0);
}

struct outcome {
    void operator()(const result<void>& persisted) const { ++(persisted ? good : bad); }
    inline static int good = 0;
    inline static int bad = 0;
};

TEST_CASE("object_heap: the handler learns how a persist ended") {
    using disk = contract::flaky<ram_storage<32768>>;
    using heap_type = test::object_memory<disk, 2048, 16, on_persisted<outcome>>;
    object_heap<heap_type, disk> on;
    auto p = on.heap->make_unique<int>(1).value();
    CHECK(on.heap->persist());
    on.storage->fail(1);
    CHECK(error_of(on.heap->persist()) == message(errc::write_failed));
    CHECK(outcome::good == 1);
    CHECK(outcome::bad == 1);
    // What failed is not lost, and the image before is in force.
    on.heap->residency().lose_ram();
    CHECK(on.heap->restore());
    CHECK(p.get().value() == 1);
    on.storage->fail(2);
    on.heap->residency().lose_ram();
    CHECK(error_of(on.heap->restore()) == message(errc::read_failed));
    CHECK_FALSE(on.heap->is_open());
    CHECK(on.heap->restore());
    CHECK(p.get().value() == 1);
}

/// How `use_near` finds the `int` at an address, in pieces of 16 bytes.
template <class T>
int near(memory& heap, std::uint8_t& slot, vptr<int, memory> at) {
    return heap.use_near<T, 16>(
        slot, at.to_address(), [](T* found) { return *found; }, [] { return -1; });
}

TEST_CASE("object_heap: bytes are found in the slot that is remembered, whatever that is") {
    object_heap<memory> on;
    auto owned = on.heap->make_unique<int[]>(4).value();
    for (int n = 0; n < 4; ++n) {
        owned.set(static_cast<std::size_t>(n), n).value();
    }
    auto odd = on.heap->make_unique<int[]>(3).value();
    constexpr std::size_t slots = memory::residency_type::frame_count;
    for (std::size_t any = 0; any <= slots; ++any) {
        auto slot = static_cast<std::uint8_t>(any);
        // The first of them leads to the others.
        CHECK(near<const int>(*on.heap, slot, owned.address()) == 0);
        for (int n = 1; n < 4; ++n) {
            CHECK(near<const int>(*on.heap, slot, owned.address() + n) == n);
            CHECK(near<int>(*on.heap, slot, owned.address() + n) == n);
        }
        CHECK(near<int>(*on.heap, slot, odd.address()) == 0);
        CHECK(near<int>(*on.heap, slot, odd.address() + 2) == 0);
        CHECK(near<int>(*on.heap, slot, odd.address() + 3) == -1);
    }
    std::uint8_t slot = 0;
    CHECK(near<int>(*on.heap, slot, owned.address()) == 0);
    // What is saved may not change without further ado.
    CHECK(owned.flush());
    CHECK(near<const int>(*on.heap, slot, owned.address() + 3) == 3);
    CHECK(near<int>(*on.heap, slot, owned.address() + 3) == -1);
    CHECK(owned.set(3, 7));
    CHECK(near<int>(*on.heap, slot, owned.address() + 3) == 7);
    CHECK(near<int>(*on.heap, slot, owned.address() + 2) == -1);
    CHECK(owned.unload());
    CHECK(near<const int>(*on.heap, slot, owned.address()) == -1);
    CHECK(near<const int>(*on.heap, slot, nullptr) == -1);
}

TEST_CASE("object_heap: of pages, what lies in one that is resident") {
    test::ready<test::memory<256, 2>> heap;
    const auto p = heap.allocate<int>(200).value();
    const auto find = [&](auto at) {
        return heap.use_resident<int>(
            at.to_address(), [](int* found) { return ++*found; }, [] { return -1; });
    };
    p[0] = 4;
    CHECK(find(p) == 5);
    CHECK(p[0] == 5);
    p[100] = 1;
    p[199] = 1;
    CHECK(find(p) == -1);
    CHECK(p[0] == 5);
    CHECK(heap.use_resident<const int>(
              p.to_address(), [](const int* found) { return *found; }, [] { return -1; }) == 5);
}

} // namespace
