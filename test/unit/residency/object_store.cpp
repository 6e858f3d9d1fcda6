// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/object_store.hpp>

#include "contract/flaky.hpp"
#include "support/object_heap.hpp"

#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/s3_fifo.hpp>
#include <vmem/eviction/two_queue.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <string>
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
        if (n % 7 == 0) {
            // A persist counts again: it writes what it finds unsaved, and the slots of the rest.
            std::size_t saved = 0;
            for (const auto& each : objects) {
                saved += each.is_resident() && !each.is_dirty() ? 1 : 0;
            }
            on.storage->reset_counts();
            REQUIRE(on.heap->persist());
            REQUIRE(on.counts().bytes_written ==
                    memory::residency_type::image_overhead + 12 * saved + on.heap->dirty_bytes());
        }
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

/// Remembers what it is told, and whether that makes sense.
struct told {
    static inline std::array<address, 8> held{};
    static inline bool good = true;
    static inline int insertions = 0;
    static void start() {
        held = {};
        good = true;
        insertions = 0;
    }
};
template <std::size_t Slots>
struct noting {
    noting() { told::held = {}; }
    void on_insert(std::size_t) noexcept { told::good = false; }
    void on_insert(std::size_t slot, address key) noexcept {
        told::good = told::good && told::held[slot] == 0 && key != 0;
        told::held[slot] = key;
        ++told::insertions;
    }
    void on_access(std::size_t slot) noexcept { told::good = told::good && told::held[slot] != 0; }
    void on_remove(std::size_t slot) noexcept {
        told::good = told::good && told::held[slot] != 0;
        told::held[slot] = 0;
    }
    template <std::predicate<std::size_t> Evictable>
    [[nodiscard]] std::size_t victim(Evictable evictable) noexcept {
        for (std::size_t n = 0; n < Slots; ++n) {
            const std::size_t slot = (next_ + n) % Slots;
            if (told::held[slot] != 0 && evictable(slot)) {
                next_ = slot + 1;
                return slot;
            }
        }
        return Slots;
    }

private:
    std::size_t next_ = 0;
};

template <template <std::size_t> class Eviction>
using with_policy =
    heap<storage_ref<test::counted_ram>, resident_objects<4096, 8, tlsf_allocator<>, Eviction>,
         nonresident_buddy_allocator<>, on_fault<test::escape>>;

TEST_CASE("object_store: a policy that wants to know is told the address of what comes in") {
    using heap_type = with_policy<noting>;
    using object = unique_vptr<std::array<char, 64>, heap_type>;
    told::start();
    object_heap<heap_type> on;
    std::vector<object> objects;
    for (int n = 0; n < 24; ++n) {
        objects.push_back(on.heap->make_unique<std::array<char, 64>>().value());
    }
    CHECK(told::insertions == 24);
    std::mt19937 random(1);
    for (int n = 0; n < 2000; ++n) {
        object& any = objects[random() % objects.size()];
        switch (random() % 8) {
        case 0:
            CHECK(any.unload());
            break;
        case 1:
            any = on.heap->make_unique<std::array<char, 64>>().value();
            break;
        case 2:
            CHECK(on.heap->persist());
            on.heap->residency().lose_ram();
            CHECK(on.heap->restore());
            break;
        default:
            CHECK(any.read());
        }
        // What is resident is known by its address.
        for (const object& each : objects) {
            const auto at = each.address().to_address();
            told::good = told::good && (!each.is_resident() ||
                                        std::ranges::find(told::held, at) != told::held.end());
        }
        REQUIRE(told::good);
    }
}

/// Whether one of 40 objects, used twice with a while in between, is still there after all others
/// were used once; there is room for 8.
template <template <std::size_t> class Eviction>
bool stays_although_others_pass() {
    using heap_type = with_policy<Eviction>;
    object_heap<heap_type> on;
    std::vector<unique_vptr<std::array<char, 64>, heap_type>> objects;
    for (int n = 0; n < 40; ++n) {
        objects.push_back(on.heap->template make_unique<std::array<char, 64>>().value());
    }
    auto& wanted = objects[0];
    wanted.read().value();
    for (std::size_t n = 1; wanted.is_resident(); ++n) {
        objects[n].read().value();
    }
    wanted.read().value();
    for (std::size_t n = 20; n < 40; ++n) {
        objects[n].read().value();
    }
    return wanted.is_resident();
}
TEST_CASE("object_store: what comes back is recognised") {
    CHECK(stays_although_others_pass<two_queue>());
    CHECK(stays_although_others_pass<s3_fifo>());
    CHECK_FALSE(stays_although_others_pass<sieve>());
}

TEST_CASE(
    "object_store: the policy's order is that of leaving and of saving, but for what is pinned") {
    using heap_type =
        heap<storage_ref<test::counted_ram>,
             resident_objects<1024, 4, tlsf_allocator<>, vmem::clock>,
             nonresident_buddy_allocator<>, dirty_limit<4 * (12 + 16)>, on_fault<test::escape>>;
    using object = unique_vptr<char[], heap_type>;
    object_heap<heap_type> on;
    std::vector<object> objects;
    for (int n = 0; n < 8; ++n) {
        objects.push_back(on.heap->make_unique<char[]>(16).value());
    }
    const auto resident = [&] {
        std::string who;
        for (std::size_t n = 0; n < objects.size(); ++n) {
            who += objects[n].is_resident() ? static_cast<char>('0' + n) : '.';
        }
        return who;
    };
    const auto unsaved = [&] {
        std::string who;
        for (std::size_t n = 0; n < objects.size(); ++n) {
            who += objects[n].is_dirty() ? static_cast<char>('0' + n) : '.';
        }
        return who;
    };
    CHECK(resident() == "....4567");
    CHECK(unsaved() == "....4567");
    // The oldest leaves first, and what was used since stays a round longer.
    objects[0].read().value();
    CHECK(resident() == "0....567");
    CHECK(unsaved() == ".....567");
    {
        const auto held = objects[5].read().value();
        objects[1].read().value();
        objects[2].read().value();
        CHECK(objects[5].is_resident());
        CHECK_FALSE(objects[6].is_resident());
        CHECK_FALSE(objects[7].is_resident());
        objects[3].read().value();
        CHECK(objects[5].is_resident());
        CHECK(resident().size() - static_cast<std::size_t>(std::ranges::count(resident(), '.')) ==
              4);
    }
    // To be saved as well: not what is pinned for writing.
    CHECK(on.heap->flush());
    auto held = objects[5].write().value();
    std::vector<std::size_t> others;
    for (std::size_t n = 0; n < 4; ++n) {
        if (objects[n].is_resident()) {
            others.push_back(n);
        }
    }
    REQUIRE(others.size() == 3);
    for (const std::size_t n : others) {
        objects[n].set(0, 'x').value();
    }
    CHECK(on.heap->dirty_bytes() <= 4 * (12 + 16));
    auto more = on.heap->make_unique<char[]>(16).value();
    CHECK(objects[5].is_dirty());
    CHECK(more.is_dirty());
    CHECK(on.heap->dirty_bytes() <= 4 * (12 + 16));
}

} // namespace
