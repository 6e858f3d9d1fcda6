// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_SD_START_HPP
#define VMEM_DEVICE_SD_START_HPP

#include <vmem/config.hpp>
#include <vmem/device/sd_protocol.hpp>
#include <vmem/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

/// \file
/// How an SD card gets from power-on, or from whatever it was doing, to transfers in SPI mode (SD
/// Physical Layer Simplified Specification, section 7.2.1).
namespace vmem::detail {

/// What is learnt of a card on the way.
struct sd_identity {
    /// As far as an address reaches.
    address sectors;
    /// A checksum of its CID register: no need to keep all of it.
    std::uint16_t identity;
    /// Addressed by sectors, not by bytes.
    bool high_capacity;
};

/// Back to the beginning. Errors: no_device.
template <class Link>
[[nodiscard]] result<void> reset_sd_card(Link& link) {
    for (int tries = 10; tries != 0; --tries) {
        link.idle(10);
        const typename Link::selection selected(link);
        if (link.command(sd_command::go_idle) == std::byte{0x01}) {
            return {};
        }
        // It may still be waiting for the rest of a sector, or be in the middle of a sequence.
        link.idle(Link::block_size + 16);
        static_cast<void>(link.command(sd_command::stop_transmission));
        link.idle(16);
    }
    return failure(errc::no_device);
}

/// The rest of a long answer.
template <class Link>
[[nodiscard]] std::uint32_t read_sd_word(Link& link) {
    std::uint32_t word = 0;
    for (int left = 4; left != 0; --left) {
        word = word << 8 | std::to_integer<std::uint32_t>(link.receive());
    }
    return word;
}

/// Asks until it has started, a second at most. Errors: no_device, timed_out.
template <class Link>
[[nodiscard]] result<void> await_sd_card(Link& link, std::uint32_t can_high_capacity) {
    result<void> started;
    // Two commands with their answers are at least 16 bytes.
    std::uint32_t left = 1000 * Link::millisecond / 16;
    do {
        static_cast<void>(link.command(sd_command::application));
        started = link.request(sd_command::operate, can_high_capacity, errc::timed_out);
        --left;
    } while (left != 0 && !started && started.error() == errc::timed_out);
    return started;
}

/// Of 16 bytes. Errors: no_device, timed_out, read_failed.
template <class Link>
[[nodiscard]] result<void> read_sd_register(Link& link, sd_command which,
                                            std::array<std::byte, 16>& out) {
    const auto outcome = link.request(which, 0, errc::read_failed);
    return outcome ? link.receive_block(out.data(), out.size()) : outcome;
}

/// All of it. Errors: no_device, wrong_device (not an SD card), timed_out, read_failed.
template <bool Crc, class Link>
[[nodiscard]] result<void> start_sd_card(Link& link, sd_identity& card) {
    if (const auto reset = reset_sd_card(link); !reset) {
        return reset;
    }
    const typename Link::selection selected(link);
    constexpr std::byte illegal_command{0x04};
    std::uint32_t can_high_capacity = 0x4000'0000;
    if ((link.command(sd_command::send_interface, 0x1AA) & illegal_command) != std::byte{}) {
        can_high_capacity = 0;
    } else if ((read_sd_word(link) & 0xFFF) != 0x1AA) {
        return failure(errc::wrong_device);
    }
    if constexpr (Crc) {
        static_cast<void>(link.command(sd_command::check_crc, 1));
    }
    auto outcome = await_sd_card(link, can_high_capacity);
    if (!outcome) {
        return outcome;
    }
    static_cast<void>(link.command(sd_command::read_ocr));
    card.high_capacity = (read_sd_word(link) & 0x4000'0000) != 0;
    // Needed by cards whose blocks have another size at first; no other minds.
    static_cast<void>(link.command(sd_command::set_block_size, Link::block_size));
    std::array<std::byte, 16> about{};
    outcome = read_sd_register(link, sd_command::send_cid, about);
    card.identity = sd_crc16(about);
    outcome = outcome ? read_sd_register(link, sd_command::send_csd, about) : outcome;
    if (!outcome) {
        return outcome;
    }
    constexpr address most = (std::numeric_limits<address>::max)() / Link::block_size;
    card.sectors = lesser(most, sd_sectors(about));
    return {};
}

} // namespace vmem::detail

#endif
