// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/traced.hpp>

#include "contract/flaky.hpp"
#include "contract/storage_contract.hpp"

#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <span>
#include <vector>

namespace {

using vmem::storage_event;
using vmem::storage_operation;

struct keep {
    std::vector<storage_event> events;

    void operator()(const storage_event& event) { events.push_back(event); }
};

using ram = vmem::ram_storage<256>;
static_assert(vmem::memory_mapped_storage<vmem::traced<ram, keep>>);
static_assert(vmem::fixed_size_storage<vmem::traced<ram, keep>>);
static_assert(vmem::gathering_storage<vmem::traced<ram, keep>>);
static_assert(!vmem::gathering_storage<vmem::traced<vmem::storage_archetype, keep>>);
static_assert(!vmem::scattering_storage<vmem::traced<vmem::storage_archetype, keep>>);

/// One that scatters.
struct scattering : vmem::storage_archetype {
    [[nodiscard]] vmem::result<void> read_scattered(vmem::address, vmem::address, auto&) {
        return {};
    }
};

bool is(const storage_event& event, storage_operation operation, vmem::address at,
        vmem::address count, bool succeeded) {
    return event.operation == operation && event.at == at && event.count == count &&
           event.succeeded == succeeded;
}

} // namespace

TEST_CASE("traced: every operation is told, with its place and its outcome") {
    vmem::traced<vmem::contract::flaky<ram>, keep> disk;
    std::array<std::byte, 16> some{};
    REQUIRE(disk.write(32, some));
    REQUIRE(disk.read(40, std::span(some).first(8)));
    REQUIRE(disk.sync());
    disk.inner().fail(1);
    CHECK_FALSE(disk.write(0, some));
    CHECK_FALSE(disk.read(250, some));
    const auto& events = disk.sink().events;
    REQUIRE(events.size() == 5);
    CHECK(is(events[0], storage_operation::write, 32, 16, true));
    CHECK(is(events[1], storage_operation::read, 40, 8, true));
    CHECK(is(events[2], storage_operation::sync, 0, 0, true));
    CHECK(is(events[3], storage_operation::write, 0, 16, false));
    CHECK(is(events[4], storage_operation::read, 250, 16, false));
}

TEST_CASE("traced: gathered and scattered operations are one each") {
    vmem::traced<ram, keep> disk;
    int pieces = 0;
    const std::array<std::byte, 5> piece{};
    auto next = [&] {
        return ++pieces <= 3 ? std::span<const std::byte>(piece) : std::span<const std::byte>();
    };
    REQUIRE(disk.write_gathered(7, 15, next));
    REQUIRE(disk.sink().events.size() == 1);
    CHECK(is(disk.sink().events[0], storage_operation::write, 7, 15, true));
    vmem::traced<scattering, keep> card{scattering{}};
    vmem::detail::no_targets none;
    REQUIRE(card.read_scattered(3, 30, none));
    CHECK(is(card.sink().events.at(0), storage_operation::read, 3, 30, true));
}
