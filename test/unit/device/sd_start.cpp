// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/sd_link.hpp>
#include <vmem/device/sd_start.hpp>
#include <vmem/result.hpp>

#include "support/chips/sd_card_chip.hpp"

#include <doctest/doctest.h>
#include <map>

namespace {

using vmem::errc;
using vmem::detail::sd_identity;
using vmem::detail::start_sd_card;
using vmem::test::sd_card_model;
using vmem::test::spi_wires;
using link = vmem::detail::sd_link<spi_wires, vmem::sd_options{}>;

TEST_CASE("sd_start: says which card it is") {
    for (const bool high_capacity : {false, true}) {
        sd_card_model model({.sectors = 4096, .high_capacity = high_capacity});
        link wires(spi_wires{&model});
        sd_identity card{};
        REQUIRE(start_sd_card<true>(wires, card));
        CHECK(card.sectors == 4096);
        CHECK(card.high_capacity == high_capacity);
        model.swap_for(77);
        sd_identity other{};
        REQUIRE(start_sd_card<true>(wires, other));
        CHECK(other.identity != card.identity);
    }
}

TEST_CASE("sd_start: says what is wrong") {
    sd_identity card{};
    link nothing(spi_wires{});
    CHECK(start_sd_card<true>(nothing, card).error() == errc::no_device);
    sd_card_model slow({.starts_after = 1'000'000});
    link wires(spi_wires{&slow});
    CHECK(start_sd_card<true>(wires, card).error() == errc::timed_out);
    sd_card_model noisy;
    noisy.damage_reads(100);
    link noise(spi_wires{&noisy});
    CHECK(start_sd_card<true>(noise, card).error() == errc::read_failed);
}

TEST_CASE("sd_start: turns CRC on, or not") {
    for (const bool crc : {false, true}) {
        sd_card_model model;
        link wires(spi_wires{&model});
        sd_identity card{};
        CHECK((crc ? start_sd_card<true>(wires, card) : start_sd_card<false>(wires, card))
                  .has_value());
        CHECK(model.take_commands().contains(59) == crc);
    }
}

} // namespace
