// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/sd_link.hpp>
#include <vmem/result.hpp>

#include "support/chips/sd_card_chip.hpp"

#include <array>
#include <cstddef>
#include <doctest/doctest.h>

namespace {

using vmem::errc;
using vmem::sd_command;
using vmem::test::sd_card_model;
using vmem::test::spi_wires;
using link = vmem::detail::sd_link<spi_wires, vmem::sd_options{.hertz = 8'000'000}>;

// Time is counted in bytes.
static_assert(link::millisecond == 1001);

TEST_CASE("sd_link: commands") {
    sd_card_model model;
    link wires(spi_wires{&model});
    wires.idle(10);
    {
        const link::selection selected(wires);
        CHECK(wires.command(sd_command::go_idle) == std::byte{0x01});
        CHECK(wires.command(sd_command::send_interface, 0x1AA) == std::byte{0x01});
        std::array<std::byte, 4> word{};
        wires.receive(word.data(), word.size());
        CHECK(word[3] == std::byte{0xAA});
        CHECK(wires.ready());
    }
    link nothing(spi_wires{});
    CHECK(nothing.command(sd_command::go_idle) == vmem::sd_token::silence);
}

TEST_CASE("sd_link: says why a command was refused") {
    sd_card_model model;
    link wires(spi_wires{&model});
    wires.idle(10);
    const link::selection selected(wires);
    // Still idle.
    CHECK(wires.request(sd_command::go_idle, 0, errc::read_failed).error() == errc::read_failed);
    static_cast<void>(wires.command(sd_command::application));
    static_cast<void>(wires.command(sd_command::operate, 0x4000'0000));
    model.remove();
    CHECK(wires.request(sd_command::send_status, 0, errc::read_failed).error() == errc::no_device);
}

TEST_CASE("sd_link: waits no longer than it says") {
    sd_card_model model;
    link wires(spi_wires{&model});
    wires.idle(10);
    const link::selection selected(wires);
    CHECK(wires.command(sd_command::go_idle) == std::byte{0x01});
    std::array<std::byte, 16> block{};
    static_cast<void>(model.take_traffic());
    CHECK(wires.receive_block(block.data(), block.size()).error() == errc::timed_out);
    CHECK(model.take_traffic().bytes == 100 * link::millisecond);
    model.hang();
    CHECK(wires.ready().error() == errc::timed_out);
    CHECK(model.take_traffic().bytes == 500 * link::millisecond);
}

TEST_CASE("sd_link: the bus's errors are kept until someone asks") {
    sd_card_model model;
    vmem::result<void> fails = vmem::failure(errc::access_denied);
    link wires(spi_wires{&model, &fails});
    wires.idle(10);
    const auto told = wires.bus_error();
    CHECK_FALSE(told);
    CHECK(told.error() == errc::access_denied);
    CHECK(wires.bus_error());
}

} // namespace
