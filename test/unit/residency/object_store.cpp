// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/object_store.hpp>

#include "contract/flaky.hpp"
#include "support/object_heap.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <vector>

namespace {

using namespace vmem;
using vmem::test::object_heap;

using memory = test::object_memory<test::counted_ram, 2048, 16, dirty_limit<400>>;
using text = unique_vptr<char[], memory>;

TEST_CASE("object_store: the unsaved bytes are the sum of what each object says, at any time") {
    object_heap<memory> on;
    std::vector<text> objects;
    objects.reserve(10);
    for (std::size_t n = 0; n < 10; ++n) {
        objects.push_back(on.heap->make_unique<char[]>(20 + 10 * n).value());
    }
    std::mt19937 random(2);
    for (int n = 0; n < 3000; ++n) {
        auto& object = objects[random() % objects.size()];
        const std::size_t first = random() % object.size();
        REQUIRE(object.write(first, 1 + random() % (object.size() - first)));
        REQUIRE(on.heap->dirty_bytes() <= 400);
        REQUIRE(object.is_dirty());
        std::size_t dirty = 0;
        for (const auto& each : objects) {
            dirty += each.is_dirty() ? 1 : 0;
        }
        REQUIRE(on.heap->dirty_bytes() >= 13 * dirty);
        if (n % 10 == 0) {
            REQUIRE(object.flush());
            REQUIRE_FALSE(object.is_dirty());
        }
    }
    for (auto& object : objects) {
        CHECK(object.flush());
    }
    CHECK(on.heap->dirty_bytes() == 0);
}

TEST_CASE("object_store: others are saved first, and only as many as it takes") {
    object_heap<memory> on;
    auto a = on.heap->make_unique<char[]>(88).value();
    auto b = on.heap->make_unique<char[]>(88).value();
    auto c = on.heap->make_unique<char[]>(88).value();
    auto d = on.heap->make_unique<char[]>(88).value();
    CHECK(on.heap->dirty_bytes() == 400);
    on.heap->residency().reset_statistics();
    auto e = on.heap->make_unique<char[]>(10).value();
    CHECK(on.heap->residency().statistics().write_backs == 1);
    CHECK(e.is_dirty());
    CHECK(a.is_dirty() + b.is_dirty() + c.is_dirty() + d.is_dirty() == 3);
    CHECK(a.is_resident());
}

TEST_CASE("object_store: an array larger than the limit is changed part by part") {
    object_heap<memory> on;
    auto a = on.heap->make_unique<std::uint16_t[]>(600).value();
    for (std::size_t i = 0; i < 600; i += 20) {
        const auto part = a.write(i, 20).value();
        for (std::size_t k = 0; k < 20; ++k) {
            part[k] = static_cast<std::uint16_t>(i + k);
        }
        REQUIRE(on.heap->dirty_bytes() <= 400);
    }
    CHECK(a.unload());
    const auto whole = a.read().value();
    for (std::size_t i = 0; i < 600; ++i) {
        REQUIRE(whole[i] == i);
    }
}

TEST_CASE("object_store: a storage that takes no more writes can still be read") {
    using disk = contract::flaky<ram_storage<32768>>;
    using heap_type = test::object_memory<disk, 1024, 4>;
    object_heap<heap_type, disk> on;
    std::vector<unique_vptr<std::array<char, 64>, heap_type>> objects;
    for (int n = 0; n < 10; ++n) {
        objects.push_back(on.heap->make_unique<std::array<char, 64>>().value());
        objects.back().write().value()->fill(static_cast<char>('0' + n));
    }
    CHECK(on.heap->flush());
    objects[0].write().value()->fill('x');
    // Each miss finds a victim that need not be written; the reads themselves work.
    for (int round = 0; round < 3; ++round) {
        for (std::size_t n = 1; n < 10; ++n) {
            on.storage->fail(1, 1);
            const auto held = objects[n].read();
            on.storage->heal();
            if (!held) {
                CHECK(held.error() == errc::read_failed);
                CHECK(objects[n].get().value()[63] == static_cast<char>('0' + n));
            }
        }
    }
    CHECK(objects[0].get().value()[0] == 'x');
}

} // namespace
