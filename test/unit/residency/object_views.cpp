// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/object_views.hpp>

#include "support/object_heap.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <span>

namespace {

using namespace vmem;
using vmem::test::error_of;
using vmem::test::object_heap;

using memory = test::object_memory<test::counted_ram, 2048, 16, dirty_limit<400>>;

/// 256 bytes that are not resident, and hold 'a' to 'z' over and over.
struct plain_bytes : object_heap<memory> {
    plain_bytes() {
        const auto block = heap->allocate<char>(256).value();
        at = block.to_address();
        std::array<char, 256> text{};
        for (std::size_t n = 0; n < text.size(); ++n) {
            text[n] = letter(n);
        }
        heap->write(at, std::as_bytes(std::span(text))).value();
        heap->flush().value();
        storage->reset_counts();
    }
    static char letter(std::size_t n) { return static_cast<char>('a' + n % 26); }
    [[nodiscard]] char read(std::size_t n) {
        std::byte byte{};
        heap->residency().read(at + n, std::span(&byte, 1)).value();
        return static_cast<char>(byte);
    }
    auto pin(std::size_t first, std::size_t count, object_part part, vmem::access how, bool load) {
        return heap->residency().pin_part(at + first, count, part, how, load);
    }
    void unpin(const pinned_bytes& held) { heap->residency().unpin(held.slot); }

    address at;
};

TEST_CASE("object_views: a part brings in all that it is a part of, once") {
    plain_bytes on;
    const auto first = on.pin(64, 64, {.offset = 16, .size = 8}, vmem::access::read, true).value();
    CHECK(first.size == 8);
    CHECK(std::memcmp(first.data, "cdefghij", 8) == 0);
    on.unpin(first);
    const auto other = on.pin(64, 64, {.offset = 56, .size = 8}, vmem::access::read, true).value();
    CHECK(other.data == first.data + 40);
    CHECK(other.slot == first.slot);
    on.unpin(other);
    const auto counts = on.counts();
    CHECK(counts.reads == 1);
    CHECK(counts.bytes_read == 64);
}

TEST_CASE("object_views: only the part that is written is unsaved, and nothing is read for it") {
    plain_bytes on;
    const auto held =
        on.pin(128, 64, {.offset = 0, .size = 16}, vmem::access::write, false).value();
    std::memset(held.data, '!', held.size);
    on.unpin(held);
    CHECK(on.heap->dirty_bytes() == 12 + 16);
    CHECK(on.heap->flush());
    const auto counts = on.counts();
    CHECK(counts.reads == 0);
    CHECK(counts.writes == 1);
    CHECK(counts.bytes_written == 16);
    CHECK(on.read(127) == plain_bytes::letter(127));
    CHECK(on.read(143) == '!');
}

TEST_CASE("object_views: what was not read, and may not be written either, is not kept") {
    plain_bytes on;
    auto owned = on.heap->make_unique<char[]>(380).value();
    const auto all = owned.write().value();
    CHECK(error_of(on.pin(0, 64, {.offset = 0, .size = 16}, vmem::access::write, false)) ==
          message(errc::over_dirty_limit));
    CHECK(on.read(40) == plain_bytes::letter(40));
}

TEST_CASE("object_views: what cannot come in as a whole") {
    plain_bytes on;
    const auto held = on.pin(32, 16, {.offset = 0, .size = 4}, vmem::access::read, true).value();
    // An overlapping piece is pinned; what lies in it can be had all the same.
    CHECK(error_of(on.pin(0, 64, {.offset = 0, .size = 4}, vmem::access::read, true)) ==
          message(errc::pinned));
    const auto inside = on.pin(0, 64, {.offset = 40, .size = 4}, vmem::access::read, true).value();
    CHECK(inside.data == held.data + 8);
    on.unpin(inside);
    on.unpin(held);
    const auto whole = on.pin(0, 64, {.offset = 0, .size = 4}, vmem::access::read, true).value();
    CHECK(*whole.data == std::byte{'a'});
    on.unpin(whole);
    constexpr std::size_t most = memory::residency_type::page_size;
    CHECK(error_of(on.pin(0, most + 1, {.offset = 0, .size = 4}, vmem::access::read, true)) ==
          message(errc::too_large));
    CHECK(error_of(on.heap->residency().pin_part(0, 4, {.offset = 0, .size = 4}, vmem::access::read,
                                                 true)) == message(errc::null_pointer));
    CHECK(error_of(on.pin(1 << 20, 4, {.offset = 0, .size = 4}, vmem::access::read, true)) ==
          message(errc::out_of_range));
}

} // namespace
