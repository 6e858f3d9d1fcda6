// SPDX-License-Identifier: BSL-1.0
#include "contract/flaky.hpp"

#include <vmem/storage/ram_storage.hpp>

#include "contract/storage_contract.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <span>
#include <string>
#include <string_view>

namespace {

using vmem::errc;
using vmem::ram_storage;
using vmem::storage_geometry;
using vmem::contract::failed_write;
using vmem::contract::flaky;
using vmem::contract::outcome;

using disk = flaky<ram_storage<16>>;

template <class Storage>
std::string put(Storage& storage, vmem::address at, std::string_view text) {
    return outcome(storage.write(at, std::as_bytes(std::span(text))));
}
/// What the healthy storage below holds; '.' for zero.
template <class Storage>
std::string stored(Storage& storage) {
    std::array<char, 16> text{};
    CHECK(outcome(storage.inner().read(0, std::as_writable_bytes(std::span(text)))) == "ok");
    std::ranges::replace(text, '\0', '.');
    return {text.begin(), text.end()};
}
template <class Storage>
std::string get(Storage& storage) {
    std::array<std::byte, 4> some{};
    return outcome(storage.read(0, some));
}

TEST_CASE("flaky: contract, while nothing is to fail") {
    vmem::contract::check_storage_contract([] { return flaky<ram_storage<500>>{}; });
    vmem::contract::check_storage_contract([] {
        return flaky<ram_storage<512>, storage_geometry{.read_size = 4, .write_size = 16}>{};
    });
}

TEST_CASE("flaky: operations of all kinds are numbered together") {
    for (std::uint64_t n = 1; n <= 4; ++n) {
        CAPTURE(n);
        disk storage;
        storage.fail(n);
        CHECK(get(storage) == (n == 1 ? message(errc::read_failed) : "ok"));
        CHECK(put(storage, 0, "ab") == (n == 2 ? message(errc::write_failed) : "ok"));
        CHECK(outcome(storage.sync()) == (n == 3 ? message(errc::sync_failed) : "ok"));
        CHECK(storage.operations() == 3);
        CHECK(storage.failed() == (n == 4 ? 0 : 1));
        // What is refused is none.
        CHECK(put(storage, 15, "ab") == message(errc::out_of_range));
        CHECK(storage.operations() == 3);
    }
}

TEST_CASE("flaky: it fails for as long as it was told, or until it is healed") {
    disk storage;
    storage.fail(2, 2);
    CHECK(get(storage) == "ok");
    CHECK(get(storage) == message(errc::read_failed));
    CHECK(get(storage) == message(errc::read_failed));
    CHECK(get(storage) == "ok");
    CHECK(storage.failed() == 2);

    storage.fail(1, disk::forever);
    CHECK(storage.failed() == 0);
    for (int i = 0; i < 10; ++i) {
        CHECK(get(storage) == message(errc::read_failed));
    }
    storage.heal();
    CHECK(get(storage) == "ok");
    CHECK(storage.failed() == 10);
    CHECK(storage.operations() == 11);
}

TEST_CASE("flaky: a write that fails stores nothing, some, or all") {
    const auto after = [](failed_write how) {
        disk storage;
        CHECK(put(storage, 0, "oldoldoldold") == "ok");
        storage.fail(1, 1, how);
        CHECK(put(storage, 2, "abcdefg") == message(errc::write_failed));
        return stored(storage);
    };
    CHECK(after(failed_write::stores_nothing) == "oldoldoldold....");
    CHECK(after(failed_write::stores_some) == "olaocdelgold....");
    CHECK(after(failed_write::stores_all) == "olabcdefgold....");

    flaky<ram_storage<16>, storage_geometry{.write_size = 4}> coarse;
    coarse.fail(1, 1, failed_write::stores_some);
    CHECK(put(coarse, 4, "abcdefghijkl") == message(errc::write_failed));
    CHECK(stored(coarse) == "....abcd....ijkl");
}

TEST_CASE("flaky: a read that fails leaves junk") {
    disk storage;
    CHECK(put(storage, 0, "abcd") == "ok");
    storage.fail(1);
    std::array<std::byte, 4> some{};
    CHECK(outcome(storage.read(0, some)) == message(errc::read_failed));
    CHECK(std::ranges::none_of(some, [](std::byte value) { return value == std::byte{'a'}; }));
    CHECK(stored(storage) == "abcd............");
}

TEST_CASE("flaky: what does not keep to its geometry is refused") {
    flaky<ram_storage<16>, storage_geometry{.read_size = 2, .write_size = 4}> storage;
    std::array<std::byte, 4> some{};
    CHECK(outcome(storage.read(1, some)) == message(errc::misaligned));
    CHECK(outcome(storage.read(2, some)) == "ok");
    CHECK(outcome(storage.write(2, some)) == message(errc::misaligned));
    CHECK(outcome(storage.write(4, std::span(some).first(2))) == message(errc::misaligned));
    CHECK(outcome(storage.write(4, some)) == "ok");
}

} // namespace
