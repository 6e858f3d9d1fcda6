// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/heap_construction.hpp>

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/flaky.hpp"
#include "support/test_heap.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>

namespace {

using vmem::test::error_of;
using vmem::test::memory;
using vmem::test::ready;

/// Small, so that it comes from the stack; constructed in its page; larger than a page.
struct small {
    explicit small(int v) : value(v) {}
    int value;
};
struct in_page {
    explicit in_page(int v) : value(v) {}
    int value;
    std::array<int, 14> rest{};
};
struct large {
    explicit large(int v) : value(v) {}
    int value;
    std::array<int, 100> rest{};
};

TEST_CASE_TEMPLATE("heap_construction: on a failing storage there is an object or nothing", T,
                   small, in_page, large) {
    using disk = vmem::contract::flaky<vmem::ram_storage<16384>>;
    using heap_type = vmem::heap<vmem::storage_ref<disk>, vmem::paged<64, 4>,
                                 vmem::nonresident_linked_list_allocator>;
    bool failed = true;
    for (std::uint64_t n = 1; failed; ++n) {
        CAPTURE(n);
        disk medium;
        heap_type heap(medium);
        heap.format().value();
        const auto before = heap.make<T>(1).value();
        heap.flush().value();
        for (unsigned i = 0; i < 3; ++i) {
            *vmem::vptr<int, heap_type>::from_address(4096 + 64 * i) = 1;
        }
        medium.fail(n);
        const auto made = heap.make<T>(3);
        failed = medium.failed() != 0;
        medium.heal();
        if (!failed) {
            CHECK(error_of(made) == "none");
        }
        if (made) {
            CHECK(*made->member(&T::value) == 3);
        }
        CHECK(*before.member(&T::value) == 1);
        CHECK(heap.allocation().value().blocks == (made ? 2 : 1));
        CHECK(heap.invariants_hold().value());
        REQUIRE(n < 200);
    }
}

#if defined(__cpp_exceptions)
template <std::size_t Bytes>
struct thrower {
    explicit thrower(bool now) {
        if (now) {
            throw 7;
        }
    }
    std::array<char, Bytes> bytes{};
};

TEST_CASE_TEMPLATE("heap_construction: a constructor that throws leaves nothing behind", T,
                   thrower<4>, thrower<60>, thrower<400>) {
    ready<memory<64, 4>> heap;
    CHECK_THROWS_AS(static_cast<void>(heap.make<T>(true)), int);
    CHECK(heap.allocation().value().blocks == 0);
    CHECK(heap.residency().unpinned_frames() == 4);
    CHECK(error_of(heap.make<T>(false)) == "none");
    CHECK(heap.allocation().value().blocks == 1);
}
#endif

} // namespace
