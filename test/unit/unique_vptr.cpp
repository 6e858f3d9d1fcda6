// SPDX-License-Identifier: BSL-1.0
#include <vmem/unique_vptr.hpp>

#include "support/object_heap.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace vmem;
using vmem::test::error_of;
using vmem::test::object_heap;

using memory = test::object_memory<test::counted_ram, 2048, 16, dirty_limit<600>>;
template <class T>
using owner = unique_vptr<T, memory>;

static_assert(sizeof(owner<int>) == 8 && sizeof(owner<char[]>) == 8 &&
              sizeof(owner<double[]>) == 8);
static_assert(sizeof(unique_vptr<int, test::object_memory<test::counted_ram, 1 << 20, 60000>>) <=
              8);
static_assert(std::is_nothrow_move_constructible_v<owner<int>>);
static_assert(!std::is_copy_constructible_v<owner<int>>);

struct point {
    int x = 1;
    int y = 2;
};

TEST_CASE("unique_vptr: makes, reads, writes and destroys an object") {
    object_heap<memory> on;
    auto p = on.heap->make_unique<point>().value();
    CHECK(p);
    CHECK(p.size() == 1);
    CHECK(p.is_resident());
    CHECK(p.is_dirty());
    CHECK(p.read().value()->y == 2);
    p.write().value()->x = 7;
    CHECK(p.get().value().x == 7);
    CHECK(p.set({3, 4}));
    CHECK(p.get().value().x == 3);
    CHECK(on.heap->allocation().value().blocks == 1);
    CHECK(p.reset());
    CHECK_FALSE(p);
    CHECK(on.heap->allocation().value().blocks == 0);
    CHECK(on.heap->dirty_bytes() == 0);
    CHECK(p.reset());
}

TEST_CASE("unique_vptr: owns nothing") {
    object_heap<memory> on;
    owner<int> p;
    owner<int[]> a = nullptr;
    auto given = on.heap->make_unique<int>(1).value();
    const owner<int> taken = on.heap->adopt(given.release());
    CHECK(p.size() == 0);
    CHECK(error_of(p.read()) == message(errc::null_pointer));
    CHECK(error_of(p.write()) == message(errc::null_pointer));
    CHECK(error_of(p.get()) == message(errc::null_pointer));
    CHECK(error_of(given.read()) == message(errc::null_pointer));
    CHECK(error_of(a.read()) != "none");
    CHECK_FALSE(p.is_resident());
    CHECK(p.unload());
    CHECK(taken.get().value() == 1);
}

TEST_CASE("unique_vptr: arrays, whole and in parts") {
    object_heap<memory> on;
    auto a = on.heap->make_unique<std::int32_t[]>(50).value();
    CHECK(a.size() == 50);
    {
        const auto held = a.read().value();
        for (const auto value : held) {
            CHECK(value == 0);
        }
    }
    CHECK(a.set(49, -1));
    CHECK(a.get(49).value() == -1);
    {
        const auto part = a.write(10, 3).value();
        CHECK(part.size() == 3);
        part[2] = 12;
    }
    CHECK(a.read().value()[12] == 12);
    CHECK(error_of(a.read(50, 1)) == message(errc::out_of_range));
    CHECK(error_of(a.read(49, 2)) == message(errc::out_of_range));
    CHECK(error_of(a.read(1, static_cast<std::size_t>(-1))) == message(errc::out_of_range));
    CHECK(error_of(a.write(1, 0)) == message(errc::zero_size));
    CHECK(error_of(a.get(50)) == message(errc::out_of_range));
    CHECK(error_of(on.heap->make_unique<int[]>(0)) == message(errc::zero_size));
}

TEST_CASE("unique_vptr: many readers or one writer") {
    object_heap<memory> on;
    auto p = on.heap->make_unique<int>(5).value();
    {
        const auto a = p.read().value();
        const auto b = p.read().value();
        CHECK(a.data() == b.data());
        CHECK(error_of(p.write()) == message(errc::pinned));
        CHECK(error_of(p.unload()) == message(errc::pinned));
        CHECK(error_of(p.reset()) == message(errc::pinned));
        CHECK(p.flush());
        CHECK_FALSE(p.is_dirty());
    }
    {
        const auto w = p.write().value();
        *w = 6;
        CHECK(error_of(p.read()) == message(errc::pinned));
        CHECK(error_of(p.write()) == message(errc::pinned));
        CHECK(p.flush());
        CHECK(p.is_dirty());
        *w = 7;
    }
    CHECK(p.unload());
    CHECK(p.get().value() == 7);
    std::vector<pin<const int, memory>> many;
    many.reserve(2048);
    for (int n = 0; n < 2048; ++n) {
        many.push_back(p.read().value());
    }
    CHECK(error_of(p.read()) == message(errc::no_free_frame));
    many.clear();
    CHECK(p.write());
}

TEST_CASE("unique_vptr: unload and reload keep data and budget") {
    object_heap<memory> on;
    auto a = on.heap->make_unique<std::uint8_t[]>(100).value();
    for (std::size_t i = 0; i < 100; ++i) {
        a.set(i, static_cast<std::uint8_t>(i)).value();
    }
    CHECK(on.heap->dirty_bytes() > 100);
    CHECK(a.unload());
    CHECK_FALSE(a.is_resident());
    CHECK_FALSE(a.is_dirty());
    CHECK(on.heap->dirty_bytes() == 0);
    on.storage->reset_counts();
    const auto held = a.read().value();
    CHECK(a.is_resident());
    CHECK(on.counts().reads == 1);
    for (std::size_t i = 0; i < 100; ++i) {
        CHECK(held[i] == i);
    }
    CHECK(on.heap->dirty_bytes() == 0);
}

TEST_CASE("unique_vptr: only the parts that changed are unsaved, and are written") {
    object_heap<memory> on;
    auto a = on.heap->make_unique<std::uint8_t[]>(256).value();
    CHECK(a.flush());
    on.storage->reset_counts();
    CHECK(a.set(0, 1));
    const std::size_t one = on.heap->dirty_bytes();
    CHECK(one <= 16 + 16);
    CHECK(a.set(15, 1));
    CHECK(on.heap->dirty_bytes() == one);
    CHECK(a.set(100, 1));
    CHECK(a.set(255, 1));
    CHECK(on.heap->dirty_bytes() == one + 32);
    CHECK(a.flush());
    const auto written = on.counts();
    CHECK(written.writes == 3);
    CHECK(written.bytes_written == 48);
    CHECK(on.heap->dirty_bytes() == 0);
}

TEST_CASE("unique_vptr: released to a plain pointer, and taken back") {
    object_heap<memory> on;
    auto p = on.heap->make_unique<point>().value();
    const auto raw = p.release();
    CHECK_FALSE(p);
    raw->x = 40;
    raw->x += 2;
    CHECK(raw->y == 2);
    p = on.heap->adopt(raw);
    CHECK(p.get().value().x == 42);
    CHECK(p.unload());
    CHECK((*raw).get().x == 42);
    auto a = on.heap->make_unique<int[]>(20).value();
    a.set(3, 33).value();
    const auto first = a.release();
    CHECK(first[3] == 33);
    first[4] = 44;
    a = on.heap->adopt(first, 20);
    CHECK(a.size() == 20);
    CHECK(a.get(4).value() == 44);
    const auto made = on.heap->make<int>(9).value();
    CHECK(on.heap->adopt(made).get().value() == 9);
}

TEST_CASE("unique_vptr: move assignment destroys what was owned") {
    object_heap<memory> on;
    auto p = on.heap->make_unique<int>(1).value();
    p = on.heap->make_unique<int>(2).value();
    CHECK(p.get().value() == 2);
    CHECK(on.heap->allocation().value().blocks == 1);
    auto q = on.heap->make_unique<int>(3).value();
    swap(p, q);
    CHECK(p.get().value() == 3);
    CHECK(q.get().value() == 2);
}

/// Counts those that live, and notices one that was never made.
struct tracked {
    explicit tracked(int n = 0) : value(n) { ++live; }
    tracked(const tracked&) = default;
    tracked& operator=(const tracked&) = default;
    ~tracked() {
        --live;
        garbage += magic == 0x600D ? 0 : 1;
        magic = 0;
    }
    int magic = 0x600D;
    int value;
    inline static int live = 0;
    inline static int garbage = 0;
};

} // namespace

template <>
inline constexpr bool vmem::enable_storable<tracked> = true;

namespace {

TEST_CASE("unique_vptr: destructors run once for each object, and never on garbage") {
    object_heap<memory> on;
    {
        auto p = on.heap->make_unique<tracked>(5).value();
        auto a = on.heap->make_unique<tracked[]>(10).value();
        CHECK(tracked::live == 11);
        CHECK(a.unload());
        CHECK(p.unload());
        CHECK(error_of(on.heap->make_unique<tracked[]>(300)) == message(errc::larger_than_arena));
        CHECK(tracked::live == 11);
        CHECK(p.get().value().value == 5);
    }
    CHECK(tracked::live <= 0);
    CHECK(tracked::garbage == 0);
    CHECK(on.heap->allocation().value().blocks == 0);
}

TEST_CASE("unique_vptr: one object, and an array of one or of its bytes, are the same") {
    object_heap<memory> on;
    auto one = on.heap->make_unique<std::uint32_t>(0x01020304U).value();
    const auto state = [&] { return on.heap->state_of(one.address().to_address()); };
    CHECK(one.size() == 1);
    const auto at = one.release();
    auto array = on.heap->adopt(at, 1);
    CHECK(array.size() == 1);
    CHECK(array.get(0).value() == 0x01020304U);
    CHECK(array.is_resident());
    CHECK(array.set(0, 0x05060708U));
    CHECK(array.flush());
    auto bytes =
        on.heap->adopt(vptr<std::uint8_t, memory>::from_address(array.release().to_address()),
                       sizeof(std::uint32_t));
    CHECK(bytes.is_resident());
    CHECK_FALSE(bytes.is_dirty());
    CHECK(bytes.set(0, 9));
    CHECK(on.heap->dirty_bytes() == 12 + 1);
    one = on.heap->adopt(vptr<std::uint32_t, memory>::from_address(bytes.release().to_address()));
    CHECK(state().dirty);
    std::uint32_t expected = 0x05060708;
    reinterpret_cast<unsigned char*>(&expected)[0] = 9;
    CHECK(one.get().value() == expected);
    CHECK(one.unload());
    CHECK(one.get().value() == expected);
}

} // namespace
