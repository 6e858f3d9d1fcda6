// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_WATCHED_BUS_HPP
#define VMEM_TEST_FIRMWARE_WATCHED_BUS_HPP

#include <vmem/device/sd_protocol.hpp>
#include <vmem/result.hpp>

#include "board.hpp"

#include <cstddef>
#include <span>

/// Empty functions that the emulator's plugin looks for: a block is being written from the first to
/// the second.
extern "C" {
void sd_write_begins();
void sd_write_ends();
}

/// The SD card's bus; says when a block is being written.
struct watched_bus : board::sd_bus {
    [[nodiscard]] static vmem::result<void> transfer(std::span<const std::byte> out,
                                                     std::span<std::byte> in) noexcept {
        if (out.size() == 1 &&
            (out[0] == vmem::sd_token::block || out[0] == vmem::sd_token::next_block)) {
            sd_write_begins();
        }
        const auto done = sd_bus::transfer(out, in);
        if (!in.empty()) {
            sd_write_ends();
        }
        return done;
    }
};

#endif
