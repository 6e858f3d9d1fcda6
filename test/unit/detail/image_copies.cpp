// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>
#include <vmem/unique_vptr.hpp>

#include "support/test_heap.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <type_traits>
#include <vector>

namespace {

using vmem::errc;
using vmem::message;
using vmem::test::error_of;

using watched_storage = vmem::counted<vmem::ram_storage<32'768>>;
using place = vmem::storage_ref<watched_storage>;
using allocator = vmem::nonresident_linked_list_allocator;

template <class Durability>
using pages = vmem::heap<place, vmem::paged<256, 4>, allocator, vmem::durability<Durability>>;
template <class Durability>
using objects =
    vmem::heap<place, vmem::resident_objects<1024, 8>, allocator, vmem::durability<Durability>>;

TEST_CASE("image_copies: scratch memory writes nothing that it need not") {
    watched_storage storage;
    {
        pages<vmem::scratch> heap{place(storage)};
        CHECK_FALSE(heap.is_open());
        heap.format().value();
        CHECK(heap.is_open());
        const auto p = heap.make<int>(42).value();
        CHECK(*p == 42);
        CHECK(storage.counts().writes == 0);
        CHECK(storage.counts().syncs == 0);
    }
    CHECK_MESSAGE(storage.counts().writes == 0, "nor when it goes");

    pages<vmem::none> kept{place(storage)};
    CHECK(error_of(kept.open()) == message(errc::not_formatted));
}

TEST_CASE("image_copies: a formatted heap leaves two superblocks, and finds what it flushed") {
    watched_storage storage;
    vmem::vptr<int, pages<vmem::none>> p = nullptr;
    {
        pages<vmem::none> heap{place(storage)};
        heap.format().value();
        CHECK(storage.counts().writes > 2);
        p = heap.make<int>(42).value();
    }
    pages<vmem::none> again{place(storage)};
    again.open().value();
    CHECK(*p == 42);
}

TEST_CASE("image_copies: scratch memory holds more than RAM, and has room for more") {
    watched_storage storage;
    const auto room_of = [](auto& heap) {
        heap.format().value();
        using memory = std::remove_reference_t<decltype(heap)>;
        std::vector<vmem::vptr<std::uint32_t, memory>> all;
        for (std::uint32_t n = 0;; ++n) {
            const auto made = heap.template make<std::uint32_t>(n);
            if (!made) {
                CHECK(made.error() == errc::out_of_memory);
                break;
            }
            all.push_back(*made);
        }
        std::uint32_t wrong = 0;
        for (std::uint32_t n = 0; n < all.size(); ++n) {
            wrong += *all[n] != n ? 1U : 0U;
        }
        CHECK(wrong == 0);
        CHECK(heap.invariants_hold().value());
        return all.size();
    };
    pages<vmem::scratch> loose{place(storage)};
    pages<vmem::none> kept{place(storage)};
    const std::size_t loosely = room_of(loose);
    CHECK(loosely > 1000);
    CHECK(loosely >= room_of(kept));
}

TEST_CASE("image_copies: scratch memory of objects") {
    watched_storage storage;
    using memory = objects<vmem::scratch>;
    memory heap{place(storage)};
    heap.format().value();
    using block = std::array<std::uint32_t, 64>;
    std::vector<vmem::unique_vptr<block, memory>> all;
    for (std::uint32_t n = 0; n < 20; ++n) {
        all.push_back(heap.make_unique<block>().value());
        (*all.back().write().value()).fill(n);
    }
    for (std::uint32_t n = 0; n < 20; ++n) {
        CAPTURE(n);
        const auto seen = all[n].read().value();
        CHECK(std::ranges::count(*seen, n) == 64);
    }
}

TEST_CASE("image_copies: storage that is too small for scratch memory is refused") {
    vmem::ram_storage<256> storage;
    vmem::heap<vmem::storage_ref<vmem::ram_storage<256>>, vmem::paged<256, 2>, allocator,
               vmem::durability<vmem::scratch>>
        heap{vmem::storage_ref(storage)};
    CHECK(error_of(heap.format()) == message(errc::wrong_size));
    CHECK_FALSE(heap.is_open());
}

} // namespace
