// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/span_io.hpp>

#include <vmem/result.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/flaky.hpp"
#include "contract/storage_contract.hpp"

#include <array>
#include <cstddef>
#include <doctest/doctest.h>

namespace {

using vmem::errc;
using vmem::contract::outcome;
using medium = vmem::counted<vmem::contract::flaky<vmem::ram_storage<64>>>;
using bytes = std::array<std::byte, 4>;

TEST_CASE("span_io: what is written is read") {
    medium storage;
    vmem::detail::span_io io(storage);
    const bytes in{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    bytes out{};
    io.write(8, in);
    io.read(8, out);
    CHECK(out == in);
    CHECK(io.ok());
    CHECK(outcome(io.outcome()) == "ok");
}

TEST_CASE("span_io: after the first failure nothing is transferred") {
    medium storage;
    vmem::detail::span_io io(storage);
    bytes out{std::byte{7}};
    SUBCASE("of a read") {
        storage.inner().fail(1);
        io.read(0, out);
        storage.inner().heal();
        CHECK(outcome(io.outcome()) == message(errc::read_failed));
    }
    SUBCASE("of a write") {
        storage.inner().fail(1);
        io.write(0, out);
        storage.inner().heal();
        CHECK(outcome(io.outcome()) == message(errc::write_failed));
    }
    SUBCASE("for a reason of the caller's, which does not hide an earlier one") {
        io.fail(errc::corrupt);
        io.fail(errc::out_of_memory);
        CHECK(outcome(io.outcome()) == message(errc::corrupt));
    }
    CHECK_FALSE(io.ok());
    storage.reset_counts();
    out = {std::byte{7}};
    io.write(0, out);
    io.read(8, out);
    CHECK(out == bytes{std::byte{7}});
    CHECK(storage.counts() == vmem::storage_counts{});
}

} // namespace
