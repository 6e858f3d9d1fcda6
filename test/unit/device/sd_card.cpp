// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/sd_card.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/gathering.hpp>

#include "contract/storage_contract.hpp"
#include "support/chips/sd_card_chip.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace {

using vmem::errc;
using vmem::contract::outcome;
using vmem::test::sd_card_kind;
using vmem::test::sd_card_model;
using vmem::test::spi_traffic;
using vmem::test::spi_wires;
using device = vmem::sd_card<spi_wires>;
using commands = std::map<unsigned, int>;

struct socket {
    sd_card_model model;
    device storage{spi_wires{&model}};

    explicit socket(const sd_card_kind& kind = {}) : model(kind) {
        CHECK(outcome(storage.start()) == "ok");
        static_cast<void>(model.take_commands());
        static_cast<void>(model.take_traffic());
    }
};

std::vector<std::byte> sectors(std::size_t count, int value) {
    return std::vector<std::byte>(count * device::sector, static_cast<std::byte>(value));
}

void check_contract(const sd_card_kind& kind) {
    sd_card_model model(kind);
    vmem::contract::check_storage_contract(
        [&] {
            device storage{spi_wires{&model}};
            CHECK(outcome(storage.start()) == "ok");
            return storage;
        },
        {.operations = 20});
}
TEST_CASE("sd_card: contract, SDHC") {
    check_contract({.sectors = 1024});
}
TEST_CASE("sd_card: contract, SDSC of version 1") {
    check_contract({.sectors = 128, .high_capacity = false, .version_2 = false});
}

TEST_CASE("sd_card: starts what there is") {
    for (const sd_card_kind& kind :
         {sd_card_kind{}, sd_card_kind{.high_capacity = false},
          sd_card_kind{.high_capacity = false, .version_2 = false, .starts_after = 50}}) {
        sd_card_model model(kind);
        device storage{spi_wires{&model}};
        CHECK(storage.size() == 0);
        CHECK(outcome(storage.start()) == "ok");
        CHECK(storage.size() == 2048 * 512);
        // Once more, as after a restart of the program.
        CHECK(outcome(storage.start()) == "ok");
    }
    device empty{spi_wires{}};
    CHECK(outcome(empty.start()) == message(errc::no_device));
    sd_card_model slow({.starts_after = 1'000'000});
    device never{spi_wires{&slow}};
    CHECK(outcome(never.start()) == message(errc::timed_out));
}

TEST_CASE("sd_card: what goes over the wires for one sector") {
    socket card({.busy = 0});
    auto bytes = sectors(1, 1);
    // Whether it is ready, 7 of command, 2 until the answer, 3 until the token, token, data, CRC.
    constexpr std::size_t read_bytes = 1 + 7 + 2 + 3 + 1 + 512 + 2;
    CHECK(outcome(card.storage.read(512, bytes)) == "ok");
    CHECK(card.model.take_traffic() == spi_traffic{.transactions = 1, .bytes = read_bytes});
    CHECK(card.model.take_commands() == commands{{17, 1}});
    constexpr std::size_t write_bytes = 1 + 7 + 2 + 1 + 1 + 512 + 2 + 1;
    CHECK(outcome(card.storage.write(512, bytes)) == "ok");
    CHECK(card.model.take_traffic() == spi_traffic{.transactions = 1, .bytes = write_bytes});
    CHECK(card.model.take_commands() == commands{{24, 1}});
    CHECK(outcome(card.storage.sync()) == "ok");
    CHECK(card.model.take_commands() == commands{{13, 1}});
    CHECK(outcome(card.storage.sync()) == "ok");
    CHECK(card.model.take_commands().empty());
}

TEST_CASE("sd_card: neighbouring sectors are one sequence") {
    socket card;
    auto bytes = sectors(4, 7);
    CHECK(outcome(card.storage.write(0, bytes)) == "ok");
    CHECK(outcome(card.storage.read(0, bytes)) == "ok");
    CHECK(outcome(card.storage.sync()) == "ok");
    CHECK(card.model.take_commands() == commands{{12, 1}, {13, 1}, {18, 1}, {25, 1}});
    CHECK(std::ranges::count(card.model.memory(), std::byte{7}) == 4 * 512);

    // The same in calls of a sector each: from the second on it is one sequence.
    const std::span one = std::span(bytes).first(512);
    for (vmem::address at = 0; at < vmem::address{20} * 512; at += 512) {
        CHECK(outcome(card.storage.write(at, one)) == "ok");
    }
    CHECK(outcome(card.storage.sync()) == "ok");
    CHECK(card.model.take_commands() == commands{{13, 1}, {24, 1}, {25, 1}});
    static_cast<void>(card.model.take_traffic());
    for (vmem::address at = 0; at < vmem::address{20} * 512; at += 512) {
        CHECK(outcome(card.storage.read(at, one)) == "ok");
    }
    CHECK(card.model.take_commands() == commands{{17, 1}, {18, 1}});
    CHECK(card.model.take_traffic() ==
          spi_traffic{.transactions = 20, .bytes = 20 * (3 + 1 + 512 + 2) + 2 * (1 + 7 + 2)});
    // Elsewhere: the sequence ends first.
    CHECK(outcome(card.storage.read(0, one)) == "ok");
    CHECK(card.model.take_commands() == commands{{12, 1}, {17, 1}});
}

TEST_CASE("sd_card: to the very end") {
    socket card;
    auto bytes = sectors(2, 7);
    const vmem::address last = card.storage.size() - 1024;
    CHECK(outcome(card.storage.write(last, bytes)) == "ok");
    CHECK(outcome(card.storage.sync()) == "ok");
    CHECK(outcome(card.storage.read(last, bytes)) == "ok");
    CHECK(outcome(card.storage.read(0, bytes)) == "ok");
    CHECK(outcome(card.storage.read(last + 512, bytes)) == message(errc::out_of_range));
    CHECK(outcome(card.storage.write(100, bytes)) == message(errc::misaligned));
    CHECK(outcome(card.storage.read(512, std::span(bytes).first(100))) ==
          message(errc::misaligned));
}

TEST_CASE("sd_card: gathers") {
    socket card;
    std::array<std::byte, 1024> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(i * 7 >> 3);
    }
    std::size_t at = 0;
    auto pieces = [&, step = std::size_t{1}]() mutable {
        const std::size_t size = (std::min)(bytes.size() - at, step);
        at += size;
        step = step * 3 + 1;
        return std::span<const std::byte>(bytes).subspan(at - size, size);
    };
    CHECK(outcome(vmem::write_gathered(card.storage, 512, 1024, pieces)) == "ok");
    CHECK(card.model.take_commands() == commands{{25, 1}});
    CHECK(std::ranges::equal(bytes, std::span(card.model.memory()).subspan(512, 1024)));
}

TEST_CASE("sd_card: damaged on the way") {
    socket card;
    auto bytes = sectors(3, 9);
    card.model.damage_writes(1);
    CHECK(outcome(card.storage.write(0, bytes)) == "ok");
    CHECK(outcome(card.storage.sync()) == "ok");
    card.model.damage_reads(2);
    auto found = sectors(3, 0);
    CHECK(outcome(card.storage.read(0, found)) == "ok");
    CHECK(found == bytes);
    card.model.damage_reads(1000);
    CHECK(outcome(card.storage.read(0, found)) == message(errc::read_failed));
    card.model.damage_reads(0);
    CHECK(outcome(card.storage.read(0, found)) == "ok");
    card.model.reject_writes(1000);
    CHECK(outcome(card.storage.write(0, bytes)) == message(errc::write_failed));
    card.model.reject_writes(0);
    CHECK(outcome(card.storage.write(0, bytes)) == "ok");
    card.model.fail_programming();
    CHECK(outcome(card.storage.sync()) == message(errc::sync_failed));
    CHECK(outcome(card.storage.sync()) == "ok");
}

TEST_CASE("sd_card: without CRC") {
    sd_card_model model;
    vmem::sd_card<spi_wires, vmem::sd_options{.crc = false}> storage{spi_wires{&model}};
    CHECK(outcome(storage.start()) == "ok");
    CHECK_FALSE(model.take_commands().contains(59));
    auto bytes = sectors(1, 9);
    model.damage_reads(1);
    CHECK(outcome(storage.write(0, bytes)) == "ok");
    CHECK(outcome(storage.read(0, bytes)) == "ok");
    CHECK(bytes[3] == (std::byte{9} ^ std::byte{1}));
}

TEST_CASE("sd_card: hangs") {
    socket card;
    auto bytes = sectors(1, 9);
    CHECK(outcome(card.storage.write(0, bytes)) == "ok");
    card.model.hang();
    CHECK(outcome(card.storage.sync()) == message(errc::timed_out));
    // A restart helps, and tells that what was not synced may be lost.
    CHECK(outcome(card.storage.read(0, bytes)) == "ok");
    CHECK(outcome(card.storage.sync()) == message(errc::sync_failed));
    CHECK(outcome(card.storage.sync()) == "ok");
}

TEST_CASE("sd_card: taken out and put back") {
    socket card;
    auto bytes = sectors(2, 5);
    CHECK(outcome(card.storage.write(0, bytes)) == "ok");
    CHECK(outcome(card.storage.sync()) == "ok");
    card.model.remove();
    CHECK(outcome(card.storage.read(0, bytes)) == message(errc::no_device));
    CHECK(outcome(card.storage.write(0, bytes)) == message(errc::no_device));
    card.model.insert();
    auto found = sectors(2, 0);
    CHECK(outcome(card.storage.read(0, found)) == "ok");
    CHECK(found == bytes);
    CHECK(outcome(card.storage.sync()) == "ok");

    // In the middle of a sequence of writes: what was not synced is not vouched for.
    CHECK(outcome(card.storage.write(0, bytes)) == "ok");
    card.model.remove();
    card.model.insert();
    CHECK(outcome(card.storage.write(1024, bytes)) == "ok");
    CHECK(outcome(card.storage.sync()) == message(errc::sync_failed));

    card.model.remove();
    card.model.swap_for(2);
    card.model.insert();
    CHECK(outcome(card.storage.read(0, bytes)) == message(errc::wrong_device));
    card.storage.forget();
    CHECK(outcome(card.storage.start()) == "ok");
    CHECK(outcome(card.storage.read(0, bytes)) == "ok");
}

TEST_CASE("sd_card: power cut at every byte of a write") {
    for (std::size_t after = 0; after < 1200; after += after < 40 ? 1 : 37) {
        CAPTURE(after);
        socket card;
        CHECK(outcome(card.storage.write(0, sectors(2, 1))) == "ok");
        CHECK(outcome(card.storage.sync()) == "ok");
        card.model.cut_after(after);
        const auto written = card.storage.write(0, sectors(2, 2));
        const auto synced = card.storage.sync();
        const bool durable = written && synced && card.model.is_on();
        card.model.power_on();
        device storage{spi_wires{&card.model}};
        CHECK(outcome(storage.start()) == "ok");
        auto found = sectors(2, 0);
        CHECK(outcome(storage.read(0, found)) == "ok");
        for (const std::size_t first : {0u, 512u}) {
            const auto value = found[first];
            CHECK((value == std::byte{2} || (value == std::byte{1} && !durable)));
            CHECK(std::ranges::count(std::span(found).subspan(first, 512), value) == 512);
        }
    }
}

TEST_CASE("sd_card: the program restarts in the middle of anything, the card does not") {
    // Whatever a program was doing when it was reset, the next one can start the card.
    for (std::size_t bytes = 0; bytes < 700; bytes += bytes < 20 ? 1 : 61) {
        for (const int first : {0x51, 0x52, 0x58, 0x59}) {
            CAPTURE(bytes);
            CAPTURE(first);
            socket card;
            card.model.select();
            std::array<std::byte, 6> command{static_cast<std::byte>(first)};
            command[5] = vmem::sd_crc7(std::span(command).first(5));
            for (std::size_t i = 0; i < bytes; ++i) {
                const std::byte value = i < 6                      ? command[i]
                                        : i == 12 && first == 0x58 ? vmem::sd_token::block
                                        : i == 12 && first == 0x59 ? vmem::sd_token::next_block
                                                                   : std::byte{0xFF};
                static_cast<void>(card.model.exchange(value));
            }
            card.model.deselect();
            device storage{spi_wires{&card.model}};
            CHECK(outcome(storage.start()) == "ok");
            static_cast<void>(card.model.take_complaint()); // There is much to complain of.
            auto found = sectors(2, 0);
            CHECK(outcome(storage.write(0, found)) == "ok");
            CHECK(outcome(storage.read(0, found)) == "ok");
        }
    }
}

TEST_CASE("sd_card: what the bus reports") {
    sd_card_model model;
    vmem::result<void> fails;
    device storage{spi_wires{&model, &fails}};
    REQUIRE(outcome(storage.start()) == "ok");
    auto bytes = sectors(1, 9);
    fails = vmem::failure(errc::access_denied);
    CHECK(outcome(storage.start()) == message(errc::access_denied));
    CHECK(outcome(storage.start()) == "ok");
    CHECK(outcome(storage.write(0, bytes)) == "ok");
    fails = vmem::failure(errc::access_denied);
    CHECK(outcome(storage.sync()) == message(errc::access_denied));
    static_cast<void>(model.take_complaint());
}

struct timed_wires : spi_wires {
    std::vector<std::uint32_t>* clocks = nullptr;
    void clock(std::uint32_t hertz) const { clocks->push_back(hertz); }
};
TEST_CASE("sd_card: slow until it has started") {
    sd_card_model model;
    std::vector<std::uint32_t> clocks;
    vmem::sd_card<timed_wires> storage(timed_wires{{&model}, &clocks});
    CHECK(outcome(storage.start()) == "ok");
    CHECK(clocks == std::vector<std::uint32_t>{400'000, 25'000'000});
}

} // namespace
