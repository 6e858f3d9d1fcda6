// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/object_table.hpp>

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <map>
#include <memory>
#include <random>

namespace {

using table = vmem::object_table<std::uint32_t, 65536, 20>;
using slot_type = table::slot_type;
using place = vmem::object_place;

static_assert(sizeof(slot_type) == 12);
static_assert(sizeof(table) <= 16 * 20 + 96);

TEST_CASE("object_table: granules") {
    CHECK(table::granules(1, 0, 1) == 1);
    CHECK(table::granules(16, 0, 16) == 0xFFFF);
    CHECK(table::granules(16, 3, 2) == 0b11000);
    CHECK(table::granules(17, 16, 1) == 1U << 8);
    CHECK(table::granules(64, 3, 2) == 0b11);
    CHECK(table::granules(64, 60, 4) == 0x8000);
    CHECK(table::granules(60000, 0, 60000) == 0x7FFF);
}

TEST_CASE("object_table: the cost of granules is that of a slot and of their bytes") {
    CHECK(table::cost(64, 0) == 0);
    CHECK(table::cost(64, 1) == 12 + 4);
    for (std::size_t size = 1; size < 3000; ++size) {
        REQUIRE(table::cost(size, table::granules(size, 0, size)) == 12 + size);
        REQUIRE(table::cost(size, table::granules(size, size - 1, 1)) <= 12 + 1 + size / 8);
    }
}

TEST_CASE("object_table: unsaved bytes, run by run") {
    table t;
    t.insert(100, 60, 0);
    t[0].dirty = 0b1000'0000'0110'0001;
    std::size_t from = 0;
    std::size_t total = 0;
    int runs = 0;
    for (auto part = t.unsaved(0, from); part.begin != part.end; part = t.unsaved(0, part.end)) {
        total += part.end - part.begin;
        ++runs;
    }
    // The object ends before the last granule does.
    CHECK(runs == 2);
    CHECK(total == 12);
    t[0].dirty = 0xFFFF;
    CHECK(t.unsaved(0, 0).end == 60);
    CHECK(t.unsaved(0, 60).begin == t.unsaved(0, 60).end);
}

TEST_CASE("object_table: finds what starts at an address, and what lies within the last one") {
    table t;
    t.insert(1000, 100, 5);
    place where{};
    CHECK(t.find<4, 4>(1000, where));
    CHECK(where.offset == 0);
    CHECK(t.find<100, 4>(1000, where));
    CHECK_FALSE(t.find<101, 1>(1000, where));
    CHECK_FALSE(t.find<4, 4>(0, where));
    CHECK_FALSE(t.find<4, 4>(1004, where));
    CHECK(t.containing(1004, 96) == t.search(1000));
    CHECK(t.containing(1004, 97) == table::none);
    CHECK(t.containing(999, 2) == table::none);
    CHECK(t.find<4, 4>(1004, where));
    CHECK(where.offset == 4);
    CHECK_FALSE(t.find<4, 4>(1006, where));
    CHECK_FALSE(t.find<8, 4>(1096, where));
    CHECK_FALSE(t.find<4, 4>(996, where));
    t.remove(t.search(1000));
    CHECK_FALSE(t.find<4, 4>(1004, where));
    CHECK_FALSE(t.find<4, 4>(1000, where));
}

TEST_CASE("object_table: what overlaps a range") {
    table t;
    t.insert(100, 50, 0);
    t.insert(200, 50, 4);
    const std::size_t first = t.search(100);
    CHECK(t.overlapping(149, 1) == first);
    CHECK(t.overlapping(150, 50) == table::none);
    CHECK(t.overlapping(0, 101) == first);
    CHECK(t.overlapping(0, 100) == table::none);
    CHECK(t.overlapping(120, 1) == first);
    CHECK(t.overlapping(0, 1000, first + 1) == t.search(200));
}

TEST_CASE("object_table: pins") {
    table t;
    t.insert(100, 50, 0);
    const std::size_t slot = t.search(100);
    t[slot].pins = table::view;
    ++t[slot].pins;
    t[slot].pins |= table::writing | table::exclusive;
    ++t[slot].pins;
    t.unpin(slot);
    CHECK(t[slot].pins == (table::view | table::writing | table::exclusive | 1));
    t.unpin(slot);
    CHECK(t[slot].pins == table::view);
    t.remove(slot, table::exclusive | table::ranked);
    CHECK((t[slot].pins & table::ranked) != 0);
    CHECK((t[table::none].pins & table::exclusive) != 0);
}

TEST_CASE("object_table: against a map, and built again from what is saved") {
    auto t = std::make_unique<table>();
    std::map<std::uint32_t, std::size_t> expected;
    std::mt19937 random(5);
    for (int n = 0; n < 20'000; ++n) {
        const auto at = static_cast<std::uint32_t>(64 * (1 + random() % 64));
        const std::size_t slot = t->search(at);
        const auto known = expected.find(at);
        REQUIRE((slot != table::none) == (known != expected.end()));
        if (slot != table::none) {
            REQUIRE(slot == known->second);
            if (random() % 2 == 0) {
                t->remove(slot);
                expected.erase(known);
            }
        } else if (t->free_slot() != table::none) {
            expected[at] = t->free_slot();
            t->insert(at, 32, at / 64);
        } else {
            REQUIRE(expected.size() == 20);
        }
        if (n % 1000 == 0) {
            auto copy = std::make_unique<table>();
            for (std::size_t s = 0; s < table::none; ++s) {
                if (t->holds(s)) {
                    (*copy)[s] = (*t)[s];
                }
            }
            copy->rebuild();
            t = std::move(copy);
        }
    }
}

} // namespace
