// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/root_table.hpp>

#include "support/test_heap.hpp"

#include <cstdint>
#include <doctest/doctest.h>
#include <type_traits>

namespace {

using vmem::errc;
using vmem::root_entry;
using vmem::test::error_of;

static_assert(std::is_empty_v<vmem::detail::root_table<0>>);

root_entry entry(char name, std::uint64_t at, std::uint32_t size = 4) {
    root_entry made;
    made.name = {name};
    made.size = size;
    made.address = at;
    return made;
}

TEST_CASE("root_table: replaces, removes and refuses") {
    vmem::detail::root_table<2> table;
    CHECK_FALSE(table.changed());
    CHECK(error_of(table.find(entry('a', 0))) == message(errc::not_found));
    REQUIRE(table.set(entry('a', 0))); // There is none to remove.
    CHECK_FALSE(table.changed());
    REQUIRE(table.set(entry('a', 5)));
    CHECK(table.changed());
    table.set_changed(false);
    REQUIRE(table.set(entry('b', 6)));
    CHECK(table.changed());
    CHECK(error_of(table.set(entry('c', 7))) == message(errc::full));
    REQUIRE(table.set(entry('a', 8, 2)));
    CHECK(table.find(entry('a', 0, 2)).value() == 8);
    CHECK(error_of(table.find(entry('a', 0))) == message(errc::wrong_type));
    REQUIRE(table.set(entry('a', 0)));
    REQUIRE(table.set(entry('c', 7)));
    CHECK(table.find(entry('c', 0)).value() == 7);
    CHECK(table.entries()[1].address == 6);
    table.clear();
    CHECK_FALSE(table.changed());
    CHECK(error_of(table.find(entry('b', 0))) == message(errc::not_found));
}

} // namespace
