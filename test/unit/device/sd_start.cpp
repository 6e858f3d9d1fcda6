// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/sd_link.hpp>
#include <vmem/device/sd_start.hpp>
#include <vmem/result.hpp>

#include "support/chips/sd_card_chip.hpp"

#include <doctest/doctest.h>
#include <map>

namespace {

using vmem::errc;
using vmem::detail::start_sd_card;
using vmem::test::sd_card_model;
using vmem::test::spi_wires;
using link = vmem::detail::sd_link<spi_wires, vmem::sd_options{}>;

TEST_CASE("sd_start: says which card it is") {
    for (const bool high_capacity : {false, true}) {
        sd_card_model model({.sectors = 4096, .high_capacity = high_capacity});
        link wires(spi_wires{&model});
        const auto card = start_sd_card<true>(wires);
        REQUIRE(card.has_value());
        CHECK(card->sectors == 4096);
        CHECK(card->high_capacity == high_capacity);
        model.swap_for(77);
        const auto other = start_sd_card<true>(wires);
        REQUIRE(other.has_value());
        CHECK(other->identity != card->identity);
    }
}

TEST_CASE("sd_start: says what is wrong") {
    link nothing(spi_wires{});
    CHECK(start_sd_card<true>(nothing).error() == errc::no_device);
    sd_card_model slow({.starts_after = 1'000'000});
    link wires(spi_wires{&slow});
    CHECK(start_sd_card<true>(wires).error() == errc::timed_out);
    sd_card_model noisy;
    noisy.damage_reads(100);
    link noise(spi_wires{&noisy});
    CHECK(start_sd_card<true>(noise).error() == errc::read_failed);
}

TEST_CASE("sd_start: turns CRC on, or not") {
    for (const bool crc : {false, true}) {
        sd_card_model model;
        link wires(spi_wires{&model});
        CHECK((crc ? start_sd_card<true>(wires) : start_sd_card<false>(wires)).has_value());
        CHECK(model.take_commands().contains(59) == crc);
    }
}

} // namespace
