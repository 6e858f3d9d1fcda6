// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/object_heap.hpp>

#include "contract/flaky.hpp"
#include "support/object_heap.hpp"

#include <cstddef>
#include <doctest/doctest.h>
#include <memory>
#include <vector>

namespace {

using namespace vmem;
using vmem::test::error_of;
using vmem::test::object_heap;

using memory = test::object_memory<test::counted_ram, 2048, 16, dirty_limit<600>>;
static_assert(memory::worst_case_persist.operations == 2);
static_assert(memory::worst_case_access.reads == 1);
static_assert(!std::is_empty_v<memory>);

/// Uses the heap while it is being made.
struct nested {
    explicit nested(memory& heap) : inner(heap.make<int>(5).value()) { *inner += 1; }
    vptr<int, memory> inner;
};

TEST_CASE("object_heap: a constructor may use the heap") {
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

TEST_CASE("object_heap: a constructor that throws leaves nothing behind") {
    object_heap<memory> on;
    CHECK_THROWS(static_cast<void>(on.heap->make_unique<thrower>(3)));
    CHECK_THROWS(static_cast<void>(on.heap->make<thrower>(3)));
    CHECK(on.heap->allocation().value().blocks == 0);
    CHECK(on.heap->dirty_bytes() == 0);
    CHECK_FALSE(on.heap->is_busy());
    CHECK(on.heap->make_unique<thrower>(4));
}
#endif

TEST_CASE("object_heap: not open") {
    const auto storage = std::make_unique<test::counted_ram>();
    const auto heap = std::make_unique<memory>(*storage);
    CHECK(error_of(heap->make_unique<int>(1)) == message(errc::not_open));
    CHECK(error_of(heap->make_unique<char[]>(100'000)) == message(errc::not_open));
    CHECK(error_of(heap->persist()) == message(errc::not_open));
    CHECK(error_of(heap->restore()) == message(errc::not_formatted));
    CHECK(error_of(heap->flush()) == message(errc::not_open));
    CHECK(heap->dirty_bytes() == 0);
}

TEST_CASE("object_heap: out of storage") {
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

} // namespace
