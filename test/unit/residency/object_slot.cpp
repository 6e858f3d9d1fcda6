// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/object_slot.hpp>

#include "support/object_heap.hpp"

#include <vmem/residency/object_table.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <type_traits>

namespace {

using namespace vmem;

using small = object_slot<std::uint32_t, 65536, 500>;
using large = object_slot<std::uint32_t, 1 << 18, 500>;
using largest = object_slot<std::uint32_t, 1 << 26, 500>;

static_assert(sizeof(small) == 12);
static_assert(sizeof(large) == 12);
static_assert(sizeof(object_slot<std::uint32_t, 500'000, 65'000>) == 12);
static_assert(sizeof(largest) == 16);
static_assert(std::is_trivially_copyable_v<small> && std::is_trivially_copyable_v<large>);

static_assert(object_granules<large>::granules(12, 0, 12) == 0xFFF);
static_assert(object_granules<large>::granules(13, 12, 1) == 1U << 6);
static_assert(object_granules<large>::granules(64, 63, 1) == 1U << 7);
static_assert(object_granules<large>::granules(1 << 17, 0, 1 << 17) == 0xFF);

TEST_CASE_TEMPLATE("object_slot: granules cover an object, and there are not too many", Slot, small,
                   large, largest) {
    using granularity = object_granules<Slot>;
    bool good = true;
    for (std::size_t size = 1; size < 70'000 && good; size += size < 3000 ? 1 : 97) {
        const unsigned all = granularity::granules(size, 0, size);
        const auto count = static_cast<unsigned>(std::popcount(all));
        good = all == (1U << count) - 1 && count <= granularity::most_granules &&
               (size < 12 ? count == size : count >= 6) &&
               granularity::cost(size, all) == sizeof(Slot) + size &&
               granularity::granules(size, size - 1, 1) == 1U << (count - 1) &&
               granularity::granules(size, 0, 1) == 1;
        CAPTURE(size);
        CHECK(good);
    }
}

TEST_CASE_TEMPLATE("object_slot: holds what it is given", Slot, small, large, largest) {
    Slot slot{};
    for (const std::size_t size : {std::size_t{1}, std::size_t{4096}, std::size_t{65'535}}) {
        slot.set_size(size);
        slot.set_dirty(0xABC);
        CHECK(std::size_t{slot.size} == size);
        CHECK(unsigned{slot.dirty} == 0xABC);
        slot.set_dirty(0);
        CHECK(std::size_t{slot.size} == size);
        CHECK(unsigned{slot.dirty} == 0);
    }
}

TEST_CASE("object_slot: objects of more than 64 KiB, in an arena that is larger") {
    using disk = counted<ram_storage<1 << 19>>;
    using memory = test::object_memory<disk, 200'000, 300, dirty_limit<20'000>>;
    static_assert(sizeof(memory::residency_type) < 200'000 + 300 * 20 + 3000);
    test::object_heap<memory, disk> on;
    auto whole = on.heap->make_unique<std::uint32_t[]>(30'000).value();
    auto other = on.heap->make_unique<char[]>(40'000).value();
    bool good = true;
    for (std::uint32_t n = 0; n < 30'000; n += 7) {
        good = good && whole.set(n, n).has_value() && on.heap->dirty_bytes() <= 20'000;
    }
    CHECK(whole.is_dirty());
    CHECK(on.heap->persist());
    on.heap->residency().lose_ram();
    CHECK(on.heap->restore());
    CHECK(whole.is_dirty());
    CHECK(other.set(39'999, 'z'));
    CHECK(whole.unload());
    CHECK(other.unload());
    for (std::uint32_t n = 0; n < 30'000; n += 7) {
        good = good && whole.get(n).value() == n;
    }
    CHECK(other.get(39'999).value() == 'z');
    CHECK(good);
}

} // namespace
