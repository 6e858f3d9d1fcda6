// SPDX-License-Identifier: BSL-1.0
#include <vmem/persist/content_sum.hpp>

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/faulty.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <vector>

namespace {

using vmem::content_sum;
using vmem::crc32c;

static_assert(content_sum<vmem::content_sum_nibbles>(std::array{std::byte{0x21}}) ==
              crc32c(std::array{std::byte{0x12}}));
static_assert(content_sum<vmem::content_sum_blocks>(std::array{std::byte{0x21}}) ==
              crc32c(std::array{std::byte{0x12}}));
static_assert(content_sum({}) == 0);

TEST_CASE("content_sum: is the CRC of bytes whose halves are swapped, whole and continued") {
    std::mt19937_64 random{5};
    for (const std::size_t size : {1U, 3U, 64U, 255U, 256U, 257U, 1000U}) {
        CAPTURE(size);
        std::vector<std::byte> bytes(size);
        std::vector<std::byte> turned(size);
        for (std::size_t n = 0; n < size; ++n) {
            bytes[n] = static_cast<std::byte>(random());
            turned[n] = bytes[n] << 4 | bytes[n] >> 4;
        }
        const std::span<const std::byte> all = bytes;
        CHECK(content_sum(all) == crc32c(std::span<const std::byte>(turned)));
        const std::size_t cut = random() % size;
        const std::uint32_t whole = content_sum(all);
        CHECK(content_sum(all.subspan(cut), content_sum(all.first(cut))) == whole);
        CHECK(content_sum<vmem::content_sum_nibbles>(all) == whole);
        CHECK(content_sum<vmem::content_sum_blocks>(all) == whole);
    }
}

/// What embedded programs store: it ends with its own CRC-32C.
struct record {
    std::array<std::uint32_t, 31> words{};
    std::uint32_t crc = 0;

    explicit record(std::uint32_t version = 0) {
        std::mt19937 random{version};
        for (std::uint32_t& word : words) {
            word = static_cast<std::uint32_t>(random());
        }
        crc = crc32c(std::as_bytes(std::span(words)));
    }
    [[nodiscard]] friend bool operator==(const record&, const record&) = default;
};

TEST_CASE("content_sum: tells records apart that end with their own CRC, as a CRC does not") {
    const record one(1);
    const record two(2);
    const auto bytes = [](const record& r) { return std::as_bytes(std::span(&r, 1)); };
    CHECK(crc32c(bytes(one)) == crc32c(bytes(two)));
    CHECK(content_sum(bytes(one)) != content_sum(bytes(two)));
}

using disk = vmem::contract::faulty<vmem::ram_storage<26UL * 1024>>;
using memory =
    vmem::heap<vmem::storage_ref<disk>, vmem::paged<128, 4>,
               vmem::nonresident_linked_list_allocator, vmem::durability<vmem::journaled<16'384>>>;

void commit(memory& heap, std::uint32_t version) {
    const record changed(version);
    const auto p = heap.root<record>("record").value();
    heap.write(p.to_address(), std::as_bytes(std::span(&changed, 1))).value();
    static_cast<void>(heap.commit());
}

/// The disk as it is after the power went in the `cut`th step of commit `last`.
[[nodiscard]] disk cut_in(std::uint32_t last, std::uint64_t cut) {
    disk medium({});
    memory heap{vmem::storage_ref(medium)};
    heap.format().value();
    heap.set_root("record", heap.allocate<record>(1).value()).value();
    for (std::uint32_t version = 0; version < last; ++version) {
        commit(heap, version);
    }
    medium.set_plan({.cut_after_steps = cut});
    commit(heap, last);
    return medium;
}

TEST_CASE("content_sum: a log that did not land is not found in the one that was there before") {
    constexpr std::uint32_t last = 10;
    std::size_t tried = 0;
    for (std::uint64_t cut = 1;; ++cut) {
        const disk before = cut_in(last, cut);
        if (before.powered()) {
            break;
        }
        // All lands but for some bytes in the middle of each write.
        for (std::size_t begin = 0; begin < 400; begin += 16) {
            for (std::size_t end = begin; end < 400; end += 16) {
                disk medium = before;
                vmem::contract::survivors landed;
                for (std::size_t n = 0; n < medium.pending().size(); ++n) {
                    vmem::contract::landed_units units(medium.pending()[n].bytes.size(), true);
                    for (std::size_t at = begin; at < end && at < units.size(); ++at) {
                        units[at] = false;
                    }
                    landed.push_back({.write = n, .units = units});
                }
                medium.cut_power(landed);
                medium.power_on();
                memory heap{vmem::storage_ref(medium)};
                heap.open().value();
                record found;
                heap.read(heap.root<record>("record").value().to_address(),
                          std::as_writable_bytes(std::span(&found, 1)))
                    .value();
                const bool is_new = found == record(last);
                const bool is_right = is_new || found == record(last - 1);
                ++tried;
                if (!is_right) {
                    CAPTURE(cut);
                    CAPTURE(begin);
                    CAPTURE(end);
                    CHECK(is_right);
                }
            }
        }
    }
    CHECK(tried > 500);
}

} // namespace
