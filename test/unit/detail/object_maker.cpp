// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/object_maker.hpp>

#include "support/object_heap.hpp"
#include "support/test_heap.hpp"

#include <cstddef>
#include <doctest/doctest.h>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace vmem;
using vmem::test::error_of;
using vmem::test::object_heap;

using memory = test::object_memory<test::counted_ram, 2048, 16, dirty_limit<600>>;

/// Uses the heap while it is being made.
struct nested {
    explicit nested(memory& heap) : inner(heap.make<int>(5).value()) { *inner += 1; }
    vptr<int, memory> inner;
};

TEST_CASE("object_maker: a constructor may use the heap") {
    object_heap<memory> on;
    auto p = on.heap->make_unique<nested>(*on.heap).value();
    CHECK(*p.get().value().inner == 6);
    CHECK(on.heap->allocation().value().blocks == 2);
}

#if defined(__cpp_exceptions)
struct thrower {
    explicit thrower(int n) : value(n) {
        if (n == 3) {
            throw n;
        }
    }
    int value;
};

TEST_CASE("object_maker: a constructor that throws leaves nothing behind") {
    object_heap<memory> on;
    CHECK_THROWS(static_cast<void>(on.heap->make_unique<thrower>(3)));
    CHECK_THROWS(static_cast<void>(on.heap->make<thrower>(3)));
    CHECK(on.heap->allocation().value().blocks == 0);
    CHECK(on.heap->dirty_bytes() == 0);
    CHECK_FALSE(on.heap->is_busy());
    CHECK(on.heap->make_unique<thrower>(4));
}
#endif

TEST_CASE("object_maker: nothing is made before the heap is open, or larger than the arena") {
    const auto storage = std::make_unique<test::counted_ram>();
    const auto heap = std::make_unique<memory>(*storage);
    CHECK(error_of(heap->make_unique<int>(1)) == message(errc::not_open));
    CHECK(error_of(heap->make_unique<char[]>(100'000)) == message(errc::not_open));
    CHECK(heap->format());
    CHECK(error_of(heap->make_unique<char[]>(100'000)) == message(errc::larger_than_arena));
    constexpr std::size_t most = (std::numeric_limits<std::size_t>::max)();
    CHECK(error_of(heap->make_unique<int[]>(most)) == message(errc::larger_than_arena));
    CHECK(error_of(heap->make_unique<int[]>(0)) == message(errc::zero_size));
    CHECK(heap->allocation().value().blocks == 0);
}

TEST_CASE("object_maker: out of storage") {
    object_heap<memory> on;
    std::vector<unique_vptr<char[], memory>> objects;
    std::string error = "none";
    while (error == "none") {
        auto made = on.heap->make_unique<char[]>(500);
        error = error_of(made);
        if (made) {
            objects.push_back(std::move(*made));
        }
    }
    CHECK(error == message(errc::out_of_memory));
    CHECK(objects.size() > 20);
    objects.clear();
    CHECK(on.heap->allocation().value().blocks == 0);
}

TEST_CASE("object_maker: what may not be unsaved is on the storage at once") {
    object_heap<memory> on;
    on.storage->reset_counts();
    auto large = on.heap->make_unique<int[]>(200).value();
    CHECK(on.heap->dirty_bytes() == 0);
    CHECK_FALSE(large.is_dirty());
    CHECK(on.storage->counts().bytes_written >= 200 * sizeof(int));
    auto small = on.heap->make_unique<int>(7).value();
    CHECK(small.is_dirty());
    // Nothing that was made stays pinned.
    CHECK(large.unload());
    CHECK(small.unload());
    CHECK(small.get().value() == 7);
    CHECK(large.get(199).value() == 0);
}

TEST_CASE("object_maker: what is given up is adopted again") {
    object_heap<memory> on;
    const auto one = on.heap->make_unique<int>(7).value().release();
    const auto many = on.heap->make_unique<int[]>(3).value().release();
    const auto owner = on.heap->adopt(one);
    auto owners = on.heap->adopt(many, 3);
    CHECK(owner.get().value() == 7);
    CHECK(owners.size() == 3);
    CHECK(owners.set(2, 5));
    CHECK(owners.get(2).value() == 5);
    CHECK(on.heap->allocation().value().blocks == 2);
}

} // namespace
