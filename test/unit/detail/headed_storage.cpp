// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/headed_storage.hpp>

#include <vmem/storage/ram_storage.hpp>

#include "contract/storage_contract.hpp"
#include "support/test_heap.hpp"

#include <array>
#include <cstddef>
#include <doctest/doctest.h>

namespace {

using vmem::errc;
using disk = vmem::ram_storage<4096>;
using headed = vmem::detail::headed_storage<disk, 256>;

static_assert(vmem::storage<headed> && vmem::gathering_storage<headed> &&
              vmem::memory_mapped_storage<headed>);
static_assert(headed::capacity == 3840 && headed::data_at == 256);

TEST_CASE("headed_storage: is the storage behind its head") {
    disk medium;
    headed tested(medium);
    CHECK(tested.size() == 3840);
    const std::array<std::byte, 2> in{std::byte{1}, std::byte{2}};
    REQUIRE(tested.write(10, in));
    CHECK(tested.inner().data()[266] == std::byte{1});
    CHECK(tested.data()[11] == std::byte{2});
    std::array<std::byte, 2> out{};
    REQUIRE(tested.read(10, out));
    CHECK(out == in);
    REQUIRE(tested.sync());
    CHECK(vmem::test::error_of(tested.write(3839, in)) == message(errc::out_of_range));
    CHECK(vmem::test::error_of(tested.read(3839, out)) == message(errc::out_of_range));
}

TEST_CASE("headed_storage: has nothing where there is no room") {
    vmem::ram_storage<100> small;
    vmem::detail::headed_storage<vmem::ram_storage<100>, 256> tested(small);
    CHECK(tested.size() == 0);
}

} // namespace
