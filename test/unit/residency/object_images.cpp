// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/object_images.hpp>

#include "contract/faulty.hpp"
#include "support/object_heap.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace {

using namespace vmem;
using vmem::test::error_of;
using vmem::test::object_heap;

using memory = test::object_memory<test::counted_ram, 2048, 16, dirty_limit<600>>;
using cache = memory::residency_type;
constexpr std::size_t slot_bytes = 12;
using text = unique_vptr<char[], memory>;

/// Where the image with a number is.
constexpr address place_of(unsigned number) {
    return sizeof(superblock) + number % 2 * ((cache::reserved - sizeof(superblock)) / 2);
}

/// Where the newest image is.
address newest(const std::byte* medium) {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::memcpy(&first, medium + place_of(0) + 8, sizeof(first));
    std::memcpy(&second, medium + place_of(1) + 8, sizeof(second));
    return place_of(first > second ? 0 : 1);
}

/// Two objects, "a" and "b" throughout, of which the second is changed and not saved.
struct two_objects : object_heap<memory> {
    two_objects() {
        a = heap->make_unique<char[]>(64).value();
        b = heap->make_unique<char[]>(64).value();
        fill(a, 'a');
        fill(b, 'x');
        heap->flush().value();
        fill(b, 'b');
    }
    static void fill(text& object, char value) {
        const auto held = object.write().value();
        std::ranges::fill(held, value);
    }
    static bool holds(const text& object, char value) {
        const auto held = object.read().value();
        return std::ranges::all_of(held, [&](char c) { return c == value; });
    }
    /// What a program that starts anew finds.
    [[nodiscard]] std::pair<char, char> after_cold_start() {
        const auto at_a = a.release();
        const auto at_b = b.release();
        start_cold();
        heap->open().value();
        a = heap->adopt(at_a, 64);
        b = heap->adopt(at_b, 64);
        return {a.get(63).value(), b.get(63).value()};
    }
    ~two_objects() {
        static_cast<void>(a.release());
        static_cast<void>(b.release());
    }
    two_objects(const two_objects&) = delete;

    text a;
    text b;
};

TEST_CASE("object_images: a persist writes what is unsaved and little else, in one go") {
    object_heap<memory> on;
    std::vector<text> objects;
    objects.reserve(9);
    for (std::size_t n = 0; n < 9; ++n) {
        objects.push_back(on.heap->make_unique<char[]>(50).value());
        objects[n / 2].flush().value();
        objects[n].set(7, 'x').value();
        const auto saved = static_cast<std::size_t>(
            std::ranges::count_if(objects, [](const text& object) { return !object.is_dirty(); }));
        const std::size_t dirty = on.heap->dirty_bytes();
        CHECK(dirty > 0);
        on.storage->reset_counts();
        CHECK(on.heap->persist());
        const auto counts = on.counts();
        CHECK(counts.writes == 1);
        CHECK(counts.syncs == 1);
        CHECK(counts.reads == 0);
        CHECK(counts.bytes_written == cache::image_overhead + saved * slot_bytes + dirty);
    }
}

TEST_CASE("object_images: the worst case of a persist is reached, and not exceeded") {
    object_heap<memory> on;
    std::vector<text> small;
    for (int n = 0; n < 15; ++n) {
        small.push_back(on.heap->make_unique<char[]>(8).value());
    }
    on.heap->flush().value();
    auto large = on.heap->make_unique<char[]>(600 - slot_bytes).value();
    CHECK(on.heap->dirty_bytes() == 600);
    on.storage->reset_counts();
    CHECK(on.heap->persist());
    CHECK(on.counts().bytes_written == memory::worst_case_persist.bytes);
    CHECK(memory::worst_case_persist.operations == 2);
}

TEST_CASE("object_images: a restore brings everything back to its place") {
    two_objects on;
    const auto pinned_a = on.a.read().value();
    const auto pinned_b = on.b.write().value();
    pinned_b[3] = '!';
    const std::size_t dirty = on.heap->dirty_bytes();
    CHECK(on.heap->persist());
    on.heap->residency().lose_ram();
    CHECK(pinned_b[3] != '!');
    CHECK(on.heap->restore());
    CHECK(pinned_a[0] == 'a');
    CHECK(pinned_b[0] == 'b');
    CHECK(pinned_b[3] == '!');
    CHECK(on.heap->dirty_bytes() == dirty);
    CHECK(error_of(on.b.read()) == message(errc::pinned));
    CHECK(error_of(on.a.write()) == message(errc::pinned));
}

TEST_CASE("object_images: a cold start brings home what was persisted") {
    two_objects on;
    CHECK(on.heap->persist());
    CHECK(on.after_cold_start() == std::pair{'a', 'b'});
    // The second time it is at home, and the image is empty.
    CHECK(on.after_cold_start() == std::pair{'a', 'b'});
}
TEST_CASE("object_images: without a persist a cold start finds what was flushed") {
    two_objects on;
    CHECK(on.after_cold_start() == std::pair{'a', 'x'});
}

TEST_CASE("object_images: what was persisted survives a later crash, before and after it is home") {
    two_objects on;
    SUBCASE("at once after the restore") {
        CHECK(on.heap->persist());
        on.heap->residency().lose_ram();
        CHECK(on.heap->restore());
    }
    SUBCASE("when the program went on without a loss of RAM") {
        CHECK(on.heap->persist());
    }
    SUBCASE("after other objects were saved") {
        CHECK(on.heap->persist());
        two_objects::fill(on.a, 'A');
        CHECK(on.a.flush());
        CHECK(on.after_cold_start() == std::pair{'A', 'b'});
        return;
    }
    SUBCASE("after another persist") {
        CHECK(on.heap->persist());
        on.heap->residency().lose_ram();
        CHECK(on.heap->restore());
        two_objects::fill(on.a, 'A');
        CHECK(on.heap->persist());
        CHECK(on.after_cold_start() == std::pair{'A', 'b'});
        return;
    }
    CHECK(on.after_cold_start() == std::pair{'a', 'b'});
}

TEST_CASE("object_images: an old image is not taken for what is at home since") {
    two_objects on;
    CHECK(on.heap->persist());
    two_objects::fill(on.b, 'B');
    CHECK(on.heap->flush());
    CHECK(on.after_cold_start() == std::pair{'a', 'B'});
    CHECK(on.heap->persist());
    CHECK(on.b.reset());
    auto other = on.heap->make_unique<char[]>(64).value();
    CHECK(other.set(0, 'o'));
    CHECK(on.heap->flush());
    CHECK(other.unload());
    const auto at = other.release();
    const auto at_a = on.a.release();
    on.start_cold();
    CHECK(on.heap->open());
    CHECK(on.heap->adopt(at, 64).get(0).value() == 'o');
    CHECK(on.heap->adopt(at_a, 64).get(0).value() == 'a');
}

TEST_CASE(
    "object_images: an image is out of force before anything takes the place of what it holds") {
    two_objects on;
    CHECK(on.heap->persist());
    const auto at_b = on.b.address();
    CHECK(on.b.reset());
    auto other = on.heap->make_unique<char[]>(64).value();
    CHECK(other.address() == at_b);
    two_objects::fill(other, 'o');
    // Nothing is flushed: the object merely leaves RAM, and then power goes.
    CHECK(other.unload());
    static_cast<void>(other.release());
    static_cast<void>(on.a.release());
    on.start_cold();
    CHECK(on.heap->open());
    other = on.heap->adopt(at_b, 64);
    CHECK(two_objects::holds(other, 'o'));
    static_cast<void>(other.release());
}

TEST_CASE("object_images: a torn image leaves the one before in force") {
    for (std::size_t torn = 0; torn < cache::image_overhead + 2 * slot_bytes + 64; torn += 3) {
        CAPTURE(torn);
        two_objects on;
        CHECK(on.heap->persist());
        const std::vector<std::byte> before(on.storage->inner().data(),
                                            on.storage->inner().data() + cache::reserved);
        two_objects::fill(on.b, 'B');
        CHECK(on.heap->persist());
        // Its bytes from `torn` on did not reach the medium.
        std::byte* const medium = on.storage->inner().data();
        const auto image = static_cast<std::ptrdiff_t>(newest(medium));
        std::copy(before.begin() + image + static_cast<std::ptrdiff_t>(torn),
                  before.begin() + image + (place_of(1) - place_of(0)), medium + image + torn);
        const auto [a, b] = on.after_cold_start();
        CHECK(a == 'a');
        CHECK(b == 'b');
    }
}

TEST_CASE("object_images: each damaged bit is noticed") {
    two_objects on;
    CHECK(on.heap->persist());
    auto& medium = on.storage->inner();
    const std::size_t size = cache::image_overhead + 2 * slot_bytes + 64;
    std::byte* const image = medium.data() + newest(medium.data());
    for (std::size_t bit = 0; bit < 8 * size; bit += 5) {
        CAPTURE(bit);
        std::byte& damaged = image[bit / 8];
        damaged ^= std::byte{1} << bit % 8;
        on.heap->residency().lose_ram();
        // The image before is an empty one.
        CHECK(on.heap->restore());
        CHECK(on.heap->dirty_bytes() == 0);
        damaged ^= std::byte{1} << bit % 8;
    }
    on.heap->residency().lose_ram();
    CHECK(on.heap->restore());
    CHECK(two_objects::holds(on.b, 'b'));
    // Without any image there is nothing to believe.
    for (const unsigned n : {0U, 1U}) {
        medium.data()[place_of(n)] ^= std::byte{1};
    }
    CHECK(error_of(on.heap->restore()) == message(errc::corrupt));
    CHECK_FALSE(on.heap->is_open());
    CHECK(error_of(on.heap->open()) == message(errc::corrupt));
    CHECK(error_of(on.heap->persist()) == message(errc::not_open));
}

TEST_CASE("object_images: that of another composition is refused, and kept") {
    using other = test::object_memory<test::counted_ram, 2048, 15, dirty_limit<612>>;
    static_assert(other::residency_type::reserved == cache::reserved);
    two_objects on;
    CHECK(on.heap->persist());
    {
        const auto second = std::make_unique<other>(*on.storage);
        CHECK(error_of(second->open()) == message(errc::geometry_mismatch));
        CHECK(error_of(second->restore()) == message(errc::geometry_mismatch));
    }
    // An arena at another raw address cannot be restored, but opened.
    const auto at_b = on.b.release();
    static_cast<void>(on.a.release());
    auto old = std::move(on.heap);
    old->residency().stop();
    auto* const was_at = old.get();
    old.reset();
    const auto blocker = std::make_unique<std::byte[]>(sizeof(memory));
    on.heap = std::make_unique<memory>(*on.storage);
    if (on.heap.get() != was_at) {
        CHECK(error_of(on.heap->restore()) == message(errc::geometry_mismatch));
    }
    CHECK(on.heap->open());
    CHECK(on.heap->adopt(at_b, 64).get(0).value() == 'b');
}

TEST_CASE("object_images: what was freed last is free after a restore and after a cold start") {
    object_heap<memory> on;
    auto p = on.heap->make_unique<char[]>(64).value();
    auto q = on.heap->make_unique<char[]>(64).value();
    CHECK(on.heap->flush());
    CHECK(p.reset());
    CHECK(on.heap->persist());
    on.heap->residency().lose_ram();
    CHECK(on.heap->restore());
    CHECK(on.heap->allocation().value().blocks == 1);
    CHECK(on.heap->persist());
    static_cast<void>(q.release());
    on.start_cold();
    CHECK(on.heap->open());
    CHECK(on.heap->allocation().value().blocks == 1);
    CHECK(on.heap->invariants_hold().value());
}

/// Power is cut after each write and sync of a program that persists and goes on.
TEST_CASE("object_images: power cuts at every step leave a state that was there") {
    using disk = contract::faulty<ram_storage<32768>>;
    using heap_type = test::object_memory<disk, 2048, 16, dirty_limit<600>>;
    bool done = false;
    for (std::uint64_t cut = 0; !done; ++cut) {
        CAPTURE(cut);
        auto medium = std::make_unique<disk>(ram_storage<32768>{});
        vptr<char, heap_type> at;
        char persisted = 0;
        {
            auto heap = std::make_unique<heap_type>(*medium);
            heap->format().value();
            auto object = heap->make_unique<char[]>(64).value();
            at = object.address();
            heap->flush().value();
            medium->set_plan({.cut_after_steps = cut});
            char tried = 0;
            for (char value = 'a'; value < 'e'; ++value) {
                if (auto held = object.write()) {
                    std::ranges::fill(*held, value);
                }
                tried = value;
                const bool kept =
                    value % 2 == 0 ? heap->flush().has_value() : heap->persist().has_value();
                persisted = kept ? value : persisted;
                if (!kept) {
                    break;
                }
            }
            done = persisted == 'd' && tried == 'd';
            static_cast<void>(object.release());
            heap->residency().lose_ram();
            heap->residency().stop();
        }
        medium->power_on();
        auto heap = std::make_unique<heap_type>(*medium);
        REQUIRE(heap->open());
        const char found = heap->adopt(at, 64).get(5).value();
        CHECK((found == persisted || (persisted == 0 ? found == 'a' : found == persisted + 1)));
    }
}

} // namespace
