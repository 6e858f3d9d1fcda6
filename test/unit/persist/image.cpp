// SPDX-License-Identifier: BSL-1.0
#include <vmem/persist/image.hpp>

#include <vmem/allocator/tlsf_allocator.hpp>
#include <vmem/persist/content_sum.hpp>
#include <vmem/residency/object_arena.hpp>
#include <vmem/residency/object_table.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/flaky.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <memory>
#include <span>
#include <vector>

namespace {

using namespace vmem;
using table = object_table<std::uint32_t, 4096, 10>;
using arena = object_arena<tlsf_allocator<>, 4096>;
using bytes = std::vector<std::byte>;

/// All pieces of an image.
bytes image_of(const image_header& header, const table& t, const arena& a) {
    bytes all;
    image_pieces pieces(header, t, a);
    for (std::size_t slot = 0; slot < table::none; ++slot) {
        if (t.holds(slot)) {
            pieces.add(slot);
        }
    }
    for (auto piece = pieces(); !piece.empty(); piece = pieces()) {
        all.insert(all.end(), piece.begin(), piece.end());
    }
    CHECK(pieces().empty());
    return all;
}

struct image_on_storage {
    image_on_storage() {
        for (std::uint32_t n = 1; n <= 3; ++n) {
            objects.insert(n * 100, 32, *memory.allocate(32));
        }
        objects[1].dirty = 0xFFFF;
        objects[2].dirty = 0b101;
        std::memset(memory.at(objects[1].place), 1, 32);
        std::memset(memory.at(objects[2].place), 2, 32);
        header.objects = 3;
        header.sequence = 7;
        header.size = sizeof(header) + 2 + 3 * sizeof(table::slot_type) + 32 + 4 + 4;
        image = image_of(header, objects, memory);
        storage->write(64, image).value();
    }
    table objects;
    arena memory;
    image_header header;
    bytes image;
    std::unique_ptr<contract::flaky<ram_storage<2048>>> storage =
        std::make_unique<contract::flaky<ram_storage<2048>>>();
};

TEST_CASE("image: header, slots, unsaved bytes, CRC") {
    const image_on_storage on;
    REQUIRE(on.image.size() == on.header.size);
    CHECK(std::memcmp(on.image.data(), &on.header, sizeof(on.header)) == 0);
    CHECK(on.image[sizeof(image_header)] == std::byte{0b111});
    const auto data = std::span(on.image).last(32 + 4 + 4);
    CHECK(data[0] == std::byte{1});
    CHECK(data[31] == std::byte{1});
    CHECK(data[35] == std::byte{2});
    std::uint32_t crc = 0;
    std::memcpy(&crc, data.data() + 36, sizeof(crc));
    CHECK(crc == content_sum(std::span(on.image).first(on.image.size() - 4)));
}

TEST_CASE("image: an empty one is a header and a CRC") {
    const table none;
    const arena memory;
    CHECK(image_of({}, none, memory).size() == sizeof(image_header) + 4);
}

TEST_CASE("image: verified before anything of it is believed") {
    image_on_storage on;
    auto& storage = *on.storage;
    CHECK(verified_image(storage, 64, 2000)->sequence == 7);
    CHECK(verified_image(storage, 64, on.image.size())->sequence == 7);
    CHECK(verified_image(storage, 64, on.image.size() - 1)->magic == 0);
    CHECK(verified_image(storage, 63, 1900)->magic == 0);
    for (std::size_t i = 0; i < on.image.size(); ++i) {
        CAPTURE(i);
        std::byte& damaged = storage.inner().data()[64 + i];
        damaged ^= std::byte{0x10};
        const auto found = verified_image(storage, 64, 1900);
        REQUIRE(found);
        CHECK(found->magic == 0);
        damaged ^= std::byte{0x10};
    }
    for (std::uint64_t n = 1; n <= 3; ++n) {
        storage.fail(n);
        CHECK(verified_image(storage, 64, 1900).error() == errc::read_failed);
    }
    storage.heal();
    // A size that would wrap around.
    for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{67}, ~std::uint64_t{0}}) {
        std::memcpy(storage.inner().data() + 64 + 16, &size, sizeof(size));
        CHECK(verified_image(storage, 64, 1900)->magic == 0);
    }
}

TEST_CASE("image_reader: an error sticks") {
    image_on_storage on;
    on.storage->fail(2);
    image_reader reader(*on.storage, 64);
    std::array<std::byte, 8> out{};
    reader.read(out);
    CHECK(reader.outcome());
    reader.read(out);
    CHECK_FALSE(reader.outcome());
    out = {};
    reader.read(out);
    CHECK(out[0] == std::byte{});
    CHECK(reader.outcome().error() == errc::read_failed);
}

} // namespace
