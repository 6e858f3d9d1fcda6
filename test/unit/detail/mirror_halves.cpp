// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/mirror_halves.hpp>

#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/flaky.hpp"
#include "support/test_heap.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <utility>

namespace {

using vmem::errc;
using vmem::mirror_half;
using vmem::test::error_of;

using disk = vmem::contract::flaky<vmem::ram_storage<1024>>;
using half = vmem::storage_ref<disk>;

struct subject : vmem::detail::mirror_halves<half, half> {
    subject(half one, half two) : mirror_halves(std::move(one), std::move(two)) {}
    using mirror_halves::buffer_;
    using mirror_halves::load_from;
    using mirror_halves::mark;
    using mirror_halves::other;
    using mirror_halves::read_mark;
    using mirror_halves::store_to;
};

TEST_CASE("mirror_halves: a unit goes to the half that is meant") {
    disk one;
    disk two;
    subject both(one, two);
    CHECK(both.size() == 1024 - 2 * subject::unit);
    CHECK(subject::other(mirror_half::first) == mirror_half::second);
    both.buffer_.fill(std::byte{7});
    REQUIRE(both.store_to(mirror_half::second, subject::unit));
    REQUIRE(both.load_from(mirror_half::first, subject::unit));
    CHECK(both.buffer_[0] == std::byte{0});
    REQUIRE(both.load_from(mirror_half::second, subject::unit));
    CHECK(both.buffer_[0] == std::byte{7});
}

TEST_CASE("mirror_halves: whatever operation fails, a half has its old mark or the new one") {
    for (std::uint64_t n = 1;; ++n) {
        CAPTURE(n);
        REQUIRE(n < 20);
        disk one;
        disk two;
        subject both(one, two);
        CHECK(both.read_mark(mirror_half::first).value() == 0);
        for (std::uint64_t generation = 1; generation <= 3; ++generation) {
            REQUIRE(both.mark(mirror_half::first, generation));
            CHECK(both.read_mark(mirror_half::first).value() == generation);
        }
        CHECK(both.read_mark(mirror_half::second).value() == 0);
        one.fail(n);
        const auto marked = both.mark(mirror_half::first, 4);
        const bool failed = one.failed() != 0;
        one.heal();
        const std::uint64_t found = both.read_mark(mirror_half::first).value();
        CHECK((found == 4 || (!marked && found == 3)));
        if (!failed) {
            CHECK(error_of(marked) == "none");
            break;
        }
    }
}

TEST_CASE("mirror_halves: one damaged mark is no loss, two are") {
    disk one;
    disk two;
    subject both(one, two);
    REQUIRE(both.mark(mirror_half::first, 5));
    const auto damage = [&](vmem::address at) {
        REQUIRE(both.load_from(mirror_half::first, at));
        both.buffer_[8] ^= std::byte{1};
        REQUIRE(both.store_to(mirror_half::first, at));
    };
    damage(both.size());
    CHECK(both.read_mark(mirror_half::first).value() == 5);
    damage(both.size() + subject::unit);
    CHECK(error_of(both.read_mark(mirror_half::first)) == message(errc::corrupt));
}

} // namespace
