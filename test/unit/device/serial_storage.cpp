// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/serial_storage.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/storage_contract.hpp"
#include "support/chips/serial_line.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <span>
#include <vector>

namespace {

using vmem::errc;
using vmem::contract::outcome;
using memory = vmem::ram_storage<5'000>;
using line = vmem::test::serial_line<memory>;
using end = vmem::test::line_end<memory>;
using device = vmem::serial_storage<end>;

TEST_CASE("serial_storage: contract") {
    for (const unsigned one_in : {0u, 3'000u}) {
        line wire(memory{}, 1);
        wire.disturb(one_in, one_in);
        vmem::contract::check_storage_contract(
            [&] {
                device storage(end{&wire});
                CHECK(outcome(storage.start()) == "ok");
                CHECK(storage.size() == 5'000);
                return storage;
            },
            {.operations = 60});
    }
}

TEST_CASE("serial_storage: what goes over the line") {
    line wire(memory{}, 1);
    device storage(end{&wire});
    CHECK(storage.size() == 0);
    REQUIRE(outcome(storage.start()) == "ok");
    CHECK(wire.bytes() == 32);
    std::vector<std::byte> bytes(1000, std::byte{3});
    CHECK(outcome(storage.write(10, bytes)) == "ok");
    CHECK(wire.bytes() == 32 + 2 * 32 + 1000);
    CHECK(outcome(storage.read(10, bytes)) == "ok");
    CHECK(wire.bytes() == 32 + 2 * (2 * 32 + 1000));
    CHECK(outcome(storage.sync()) == "ok");
    CHECK(wire.server().counts().requests == 6);
    CHECK(wire.server().counts().dropped == 0);
    CHECK(storage.repeated() == 0);
}

TEST_CASE("serial_storage: lost and changed bytes cost time and nothing else") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        line wire(memory{}, seed);
        device storage(end{&wire});
        wire.disturb(400, 400);
        REQUIRE(outcome(storage.start()) == "ok");
        std::array<std::byte, 64> bytes{};
        std::array<std::byte, 64> found{};
        for (int i = 0; i < 40; ++i) {
            bytes.fill(static_cast<std::byte>(i));
            const auto at = static_cast<vmem::address>(i) * 70;
            CHECK(outcome(storage.write(at, bytes)) == "ok");
            CHECK(outcome(storage.read(at, found)) == "ok");
            CHECK(found == bytes);
        }
        CHECK(storage.repeated() > 0);
    }
}

TEST_CASE("serial_storage: the line is dead, or deaf") {
    line wire(memory{}, 1);
    device storage(end{&wire});
    REQUIRE(outcome(storage.start()) == "ok");
    std::array<std::byte, 64> bytes{};
    wire.garble_answers(true);
    CHECK(outcome(storage.read(0, bytes)) == message(errc::timed_out));
    wire.garble_answers(false);
    CHECK(outcome(storage.read(0, bytes)) == "ok");
    wire.cut();
    CHECK(outcome(storage.read(0, bytes)) == message(errc::no_device));
}

struct broken : memory {
    static inline bool works = true;
    [[nodiscard]] static vmem::result<void> outcome() {
        return works ? vmem::result<void>() : vmem::failure(errc::storage_full);
    }
    [[nodiscard]] vmem::result<void> read(vmem::address, std::span<std::byte>) { return outcome(); }
    [[nodiscard]] vmem::result<void> write(vmem::address, std::span<const std::byte>) {
        return outcome();
    }
    [[nodiscard]] vmem::result<void> sync() { return outcome(); }
};

TEST_CASE("serial_storage: what the host cannot do") {
    vmem::test::serial_line<broken> wire(broken{}, 1);
    vmem::serial_storage<vmem::test::line_end<broken>> storage({&wire});
    REQUIRE(outcome(storage.start()) == "ok");
    std::array<std::byte, 64> bytes{};
    broken::works = false;
    CHECK(outcome(storage.read(0, bytes)) == message(errc::read_failed));
    CHECK(outcome(storage.write(0, bytes)) == message(errc::write_failed));
    CHECK(outcome(storage.sync()) == message(errc::sync_failed));
    broken::works = true;
    CHECK(outcome(storage.sync()) == "ok");
    CHECK(storage.repeated() == 0);
}

} // namespace
