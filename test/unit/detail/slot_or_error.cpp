// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/slot_or_error.hpp>

#include <cstddef>
#include <doctest/doctest.h>
#include <type_traits>

namespace {

using namespace vmem;
using detail::slot_or_error;

static_assert(sizeof(slot_or_error) == sizeof(std::size_t));
static_assert(std::is_trivially_copyable_v<slot_or_error>);
static_assert(slot_or_error(0) && *slot_or_error(0) == 0);
static_assert(!slot_or_error(failure(errc::pinned)));
static_assert(slot_or_error(failure(errc::null_pointer)).error() == errc::null_pointer);

slot_or_error half(std::size_t number) {
    return number % 2 == 0 ? slot_or_error(number / 2) : failure(errc::misaligned);
}

TEST_CASE("slot_or_error: a number or an error, and each is what it was") {
    for (const std::size_t number : {0U, 2U, 254U, 256U, 65'536U, 0xFFFF'FFFEU}) {
        const auto found = half(number);
        REQUIRE(found);
        CHECK(*found == number / 2);
    }
    const auto failed = half(7);
    REQUIRE_FALSE(failed);
    CHECK(failed.error() == errc::misaligned);
    for (unsigned code = 1; code <= 255; ++code) {
        const slot_or_error any = failure(static_cast<errc>(code));
        REQUIRE_FALSE(any);
        REQUIRE(any.error() == static_cast<errc>(code));
    }
}

} // namespace
