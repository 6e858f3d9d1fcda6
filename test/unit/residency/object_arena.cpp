// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/object_arena.hpp>

#include <vmem/allocator/buddy_allocator.hpp>
#include <vmem/allocator/linked_list_allocator.hpp>
#include <vmem/allocator/tlsf_allocator.hpp>
#include <vmem/residency/object_table.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <memory>
#include <random>
#include <vector>

namespace {

using table = vmem::object_table<std::uint32_t, 16384, 200>;

/// An arena full of objects that hold their own address throughout.
template <class Allocator>
struct filled {
    using arena_type = vmem::object_arena<Allocator, 16384>;

    void add(std::uint32_t at, std::size_t size) {
        if (const auto place = arena->allocate(size); place) {
            objects->insert(at, size, *place);
            std::memset(arena->at(*place), static_cast<int>(at), size);
        }
    }
    void remove(std::size_t slot) {
        arena->deallocate((*objects)[slot].place, (*objects)[slot].size);
        objects->remove(slot);
    }
    [[nodiscard]] bool intact() const {
        for (std::size_t slot = 0; slot < table::none; ++slot) {
            const auto& object = (*objects)[slot];
            const std::byte* const raw = arena->at(object.place);
            if (objects->holds(slot) && !std::all_of(raw, raw + object.size, [&](std::byte b) {
                    return b == std::byte(static_cast<std::uint8_t>(object.address));
                })) {
                return false;
            }
        }
        return arena->invariants_hold();
    }

    std::unique_ptr<arena_type> arena = std::make_unique<arena_type>();
    std::unique_ptr<table> objects = std::make_unique<table>();
};

TEST_CASE_TEMPLATE("object_arena: compaction keeps what is in the objects", Allocator,
                   vmem::tlsf_allocator<>, vmem::linked_list_allocator<>, vmem::buddy_allocator<>) {
    filled<Allocator> in;
    std::mt19937 random(9);
    for (std::uint32_t n = 1; n < 4000; ++n) {
        if (in.objects->free_slot() != table::none) {
            in.add(64 * n, 1 + random() % 700);
        }
        for (int k = 0; k < 2; ++k) {
            const std::size_t slot = random() % table::none;
            if (in.objects->holds(slot)) {
                in.remove(slot);
            }
        }
        if (n % 7 == 0) {
            const std::size_t budget = 1 + random() % 3000;
            REQUIRE(in.arena->compact(*in.objects, budget) <= budget);
        }
        REQUIRE(in.intact());
    }
}

TEST_CASE("object_arena: what is scattered lies together after a compaction") {
    filled<vmem::tlsf_allocator<>> in;
    for (std::uint32_t n = 1; n <= 200; ++n) {
        in.add(n, 64);
    }
    std::vector<std::size_t> left;
    for (std::size_t slot = 0; slot < 200; ++slot) {
        if (slot % 2 == 0) {
            in.remove(slot);
        }
    }
    while (in.arena->allocate(64)) {
    }
    for (std::size_t slot = 1; slot < 200; slot += 4) {
        in.remove(slot);
    }
    // Those that were allocated to nobody lie in the way, as if they were pinned.
    CHECK(in.intact());
    filled<vmem::tlsf_allocator<>> half;
    for (std::uint32_t n = 1; n <= 200; ++n) {
        half.add(n, 64);
    }
    for (std::size_t slot = 0; slot < 200; slot += 2) {
        half.remove(slot);
    }
    half.objects->operator[](51).pins = 1;
    const std::size_t place = (*half.objects)[51].place;
    CHECK(half.arena->is_scattered(5000));
    REQUIRE_FALSE(half.arena->allocate(7000));
    for (int round = 0; round < 20; ++round) {
        CHECK(half.arena->compact(*half.objects, 1 << 20) <= 1 << 20);
    }
    CHECK((*half.objects)[51].place == place);
    CHECK(half.intact());
    CHECK(half.arena->allocate(5000));
}

TEST_CASE("object_arena: places that are named") {
    vmem::object_arena<vmem::tlsf_allocator<>, 4096> arena;
    const std::size_t place = *arena.allocate(100);
    CHECK_FALSE(arena.is_scattered(4000));
    CHECK_FALSE(arena.allocate_at(place, 16));
    CHECK_FALSE(arena.allocate_at(100'000, 16));
    arena.deallocate(place, 100);
    CHECK(arena.is_scattered(arena.largest()));
    CHECK(arena.allocate_at(place, 100));
    arena.reset();
    CHECK(arena.allocate(arena.largest()));
    CHECK_FALSE(arena.allocate(1));
}

TEST_CASE("object_arena: not all of it is one object, for then a slot could not tell its size") {
    vmem::object_arena<vmem::linked_list_allocator<>, 65536> arena;
    CHECK(arena.largest() == 65535);
    const auto place = arena.allocate(65535);
    REQUIRE(place);
    auto objects = std::make_unique<vmem::object_table<std::uint32_t, 65536, 20>>();
    objects->insert(100, 65535, *place);
    CHECK((*objects)[objects->search(100)].size == 65535);
}

} // namespace
