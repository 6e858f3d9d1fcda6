// SPDX-License-Identifier: BSL-1.0
//
// What pages that come and go cost on the wires.
#include <vmem/device/sd_card.hpp>
#include <vmem/device/spi_fram.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/result.hpp>

#include "contract/storage_contract.hpp"
#include "support/chips/sd_card_chip.hpp"
#include "support/chips/spi_fram_chip.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <map>

namespace {

using vmem::contract::outcome;
using vmem::test::sd_card_model;
using vmem::test::spi_fram_model;
using vmem::test::spi_traffic;
using vmem::test::spi_wires;
using commands = std::map<unsigned, int>;

using card = vmem::sd_card<spi_wires>;
constexpr vmem::address sector = card::sector;
using card_cache = vmem::paged<card::sector, 16, vmem::clock, vmem::automatic_translation,
                               vmem::sequential<4>>::bind<card, std::uint32_t, false>;

/// What of a sector goes over the wires: on the way to RAM 3 bytes until the token, on the way from
/// RAM one before it and one that says that it came; and token, data and CRC.
constexpr std::size_t sector_in = 3 + 1 + 512 + 2;
constexpr std::size_t sector_out = 1 + 1 + 512 + 2 + 1;
/// Whether the card is ready, 7 bytes, 2 until the answer.
constexpr std::size_t command_bytes = 1 + 7 + 2;

/// A cache over a card that nothing has come over the wires of yet.
struct card_with_cache {
    sd_card_model model{{.busy = 0}};
    card_cache cache{card(spi_wires{&model})};

    card_with_cache() {
        REQUIRE(outcome(cache.storage().start()) == "ok");
        REQUIRE(outcome(cache.start(cache.storage().size())) == "ok");
        forget();
    }
    void forget() {
        static_cast<void>(model.take_commands());
        static_cast<void>(model.take_traffic());
    }
    void read_word_of(vmem::address page) {
        std::array<std::byte, 4> word{};
        CHECK(outcome(cache.read(page * sector + 100, word)) == "ok");
    }
    void change(vmem::address page) {
        const std::array<std::byte, sector> all{static_cast<std::byte>(page)};
        CHECK(outcome(cache.write(page * sector, all)) == "ok");
    }
};

TEST_CASE("pages on sd_card: successors come in one sequence, several at a time") {
    card_with_cache on;
    on.read_word_of(1);
    CHECK(on.model.take_commands() == commands{{17, 1}});
    CHECK(on.model.take_traffic() ==
          spi_traffic{.transactions = 1, .bytes = command_bytes + sector_in});
    // The second one begins the sequence, which then is not ended. After it come 2 and 4 of them
    // for one miss.
    for (vmem::address page = 2; page <= 12; ++page) {
        on.read_word_of(page);
    }
    CHECK(on.model.take_commands() == commands{{18, 1}});
    CHECK(on.model.take_traffic() ==
          spi_traffic{.transactions = 4, .bytes = command_bytes + 11 * sector_in});
}

TEST_CASE("pages on sd_card: changed neighbours are saved in one sequence, several at a time") {
    card_with_cache on;
    for (vmem::address page = 1; page <= 12; ++page) {
        on.change(page);
    }
    // They were overwritten whole, so that none was read.
    CHECK(on.model.take_traffic() == spi_traffic{});
    CHECK(outcome(on.cache.flush()) == "ok");
    CHECK(on.model.take_commands() == commands{{25, 1}});
    CHECK(on.model.take_traffic() ==
          spi_traffic{.transactions = 3, .bytes = command_bytes + 12 * sector_out});
    for (vmem::address page = 1; page <= 12; ++page) {
        CHECK(on.model.memory()[page * sector] == static_cast<std::byte>(page));
    }
}

TEST_CASE("pages on sd_card: a page that leaves takes changed neighbours with it") {
    card_with_cache on;
    for (vmem::address page = 1; page <= 16; ++page) {
        on.change(page);
    }
    on.read_word_of(100);
    CHECK(on.model.take_commands() == commands{{17, 1}, {25, 1}});
    constexpr std::size_t end_of_sequence = 3; // Whether it is ready, the token, one byte more.
    CHECK(on.model.take_traffic() ==
          spi_traffic{.transactions = 2,
                      .bytes = command_bytes + 4 * sector_out + end_of_sequence + command_bytes +
                               sector_in});
    // The other three leave without being written once more.
    for (vmem::address page = 200; page < 206; page += 2) {
        on.read_word_of(page);
    }
    CHECK(on.model.take_commands() == commands{{17, 3}});
}

TEST_CASE("pages on spi_fram: a miss is the page, what changed of the other, and three commands") {
    spi_fram_model model{8192, 2};
    using fram = vmem::spi_fram<spi_wires, vmem::chip::fram_mb85rs64v>;
    vmem::paged<256, 2>::bind<fram, std::uint32_t, false> cache(fram(spi_wires{&model}));
    REQUIRE(outcome(cache.start(cache.storage().size())) == "ok");
    std::array<std::byte, 10> bytes{};
    for (const vmem::address at : {256u, 512u}) {
        CHECK(outcome(cache.read(at, bytes)) == "ok");
        CHECK(model.take_traffic() == spi_traffic{.transactions = 1, .bytes = 3 + 256});
    }
    CHECK(outcome(cache.write(256 + 100, bytes)) == "ok");
    CHECK(outcome(cache.write(512 + 100, bytes)) == "ok");
    CHECK(model.take_traffic() == spi_traffic{});
    CHECK(outcome(cache.read(1024, bytes)) == "ok");
    CHECK(model.take_traffic() == spi_traffic{.transactions = 3, .bytes = 1 + 3 + 10 + 3 + 256});
}

} // namespace
