// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/sd_card.hpp>

#include "board.hpp"
#include "checks.hpp"
#include "suite.hpp"

#include <array>
#include <cstddef>

namespace {

using card = vmem::sd_card<board::sd_bus>;

std::array<std::byte, 4 * 512> sent;
std::array<std::byte, 4 * 512> found;

void fill(unsigned seed) {
    for (std::size_t i = 0; i < sent.size(); ++i) {
        sent[i] = static_cast<std::byte>(seed + i * 7 + (i >> 8));
    }
}

void transfer(card& disk, vmem::address at, std::size_t count, unsigned seed) {
    fill(seed);
    VERIFY(disk.write(at, std::span(sent).first(count)));
    VERIFY(disk.sync());
    found = {};
    VERIFY(disk.read(at, std::span(found).first(count)));
    for (std::size_t i = 0; i < count; ++i) {
        VERIFY(found[i] == sent[i]);
    }
}

} // namespace

void test_sd() {
    board::sd_bus::enable();
    card disk{board::sd_bus{}};
    VERIFY(disk.start());
    VERIFY(disk.size() == semihosting::number(2, 0) || semihosting::number(2, 0) == 0);
    transfer(disk, 512, 512, 1);
    transfer(disk, 1024, 512, 2);
    transfer(disk, 1536, 4 * 512, 3);
    transfer(disk, disk.size() - 2048, 4 * 512, 4);
    transfer(disk, 0, 512, 5);
    // Neighbours, one call each.
    for (vmem::address at = 8192; at < 8192 + 20 * 512; at += 512) {
        fill(static_cast<unsigned>(at / 512));
        VERIFY(disk.write(at, std::span(sent).first(512)));
    }
    VERIFY(disk.sync());
    for (vmem::address at = 8192; at < 8192 + 20 * 512; at += 512) {
        fill(static_cast<unsigned>(at / 512));
        VERIFY(disk.read(at, std::span(found).first(512)));
        for (std::size_t i = 0; i < 512; ++i) {
            VERIFY(found[i] == sent[i]);
        }
    }
    // Started anew in the middle of a sequence.
    card again{board::sd_bus{}};
    VERIFY(again.start());
    transfer(again, 512, 512, 6);
    VERIFY(again.write(1024, std::span(sent).first(1024)));
    card once_more{board::sd_bus{}};
    VERIFY(once_more.start());
    transfer(once_more, 512, 512, 7);
}

void test_no_card() {
    board::sd_bus::enable();
    card disk{board::sd_bus{}};
    const auto started = disk.start();
    VERIFY(!started && started.error() == vmem::errc::no_device);
    VERIFY(disk.size() == 0);
}
