// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_SD_LINK_HPP
#define VMEM_DEVICE_SD_LINK_HPP

#include <vmem/device/sd_protocol.hpp>
#include <vmem/device/spi_bus.hpp>
#include <vmem/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace vmem {

/// How a card is reached.
struct sd_options {
    /// Of the SPI clock: what time-outs are counted by. A bus that has `void clock(std::uint32_t
    /// hertz)` is told to use it once the card has started; 400 000 before.
    std::uint32_t hertz = 25'000'000;
    /// Whether the card, and the driver, check what went over the wires.
    bool crc = true;
};

namespace detail {

/// The lower half of `sd_card`: commands and data blocks in SPI mode. Nothing that it returns says
/// whether the bus itself failed: `bus_error` does, for all that was done since it was asked last.
template <class Bus, sd_options Options>
class sd_link {
public:
    /// Bytes that go over the wires in a millisecond.
    static constexpr std::uint32_t millisecond = Options.hertz / 8000 + 1;
    static constexpr std::size_t block_size = 512;

    constexpr sd_link() = default;
    constexpr explicit sd_link(Bus bus) : bus_(std::move(bus)) {}

    [[nodiscard]] constexpr Bus& bus() noexcept { return bus_; }

    /// A transaction; at its end the card gets the clock that it needs to let the line go.
    class selection {
    public:
        [[nodiscard]] explicit selection(sd_link& link) noexcept : link_(link) {
            link_.bus_.select();
        }
        ~selection() {
            link_.bus_.deselect();
            link_.idle(1);
        }
        selection(const selection&) = delete;
        selection& operator=(const selection&) = delete;

    private:
        sd_link& link_;
    };

    void send(const std::byte* out, std::size_t count) {
        note(bus_.transfer(std::span(out, count), {}));
    }
    void send(std::byte value) { send(&value, 1); }
    void receive(std::byte* in, std::size_t count) {
        note(bus_.transfer({}, std::span(in, count)));
    }
    [[nodiscard]] std::byte receive() {
        std::byte value = sd_token::silence;
        receive(&value, 1);
        return value;
    }
    /// Clocks `count` bytes of 0xFF.
    void idle(unsigned count) {
        for (; count != 0; --count) {
            static_cast<void>(receive());
        }
    }

    /// What the bus reported, once.
    [[nodiscard]] result<void> bus_error() noexcept {
        return std::exchange(bus_error_, result<void>());
    }

    /// Sends a command and returns its R1, or `sd_token::silence` if none came.
    [[nodiscard]] std::byte command(sd_command which, std::uint32_t argument = 0) {
        // The card needs a byte of clocks between its last answer and this.
        std::array<std::byte, 7> frame = {sd_token::silence,
                                          std::byte{0x40} | static_cast<std::byte>(which),
                                          static_cast<std::byte>(argument >> 24),
                                          static_cast<std::byte>(argument >> 16),
                                          static_cast<std::byte>(argument >> 8),
                                          static_cast<std::byte>(argument)};
        frame[6] = sd_crc7(std::span(frame).subspan(1, 5));
        send(frame.data(), frame.size());
        if (which == sd_command::stop_transmission) {
            static_cast<void>(receive()); // Still data.
        }
        std::byte response = sd_token::silence;
        for (int tries = 9; tries != 0 && (response & std::byte{0x80}) != std::byte{}; --tries) {
            response = receive();
        }
        return response;
    }

    /// The same for a command that must be answered by zero. Errors: no_device if there is no
    /// answer, `refused` if there is another.
    [[nodiscard]] result<void> request(sd_command which, std::uint32_t argument, errc refused) {
        const std::byte response = command(which, argument);
        if (response == std::byte{}) {
            return {};
        }
        return failure(response == sd_token::silence ? errc::no_device : refused);
    }

    /// Waits while the card is busy, at most as long as it may take to program a block. Errors:
    /// timed_out.
    [[nodiscard]] result<void> ready() {
        for (std::uint32_t left = write_time * millisecond; left != 0; --left) {
            if (receive() == sd_token::silence) {
                return {};
            }
        }
        return failure(errc::timed_out);
    }

    /// Receives a data block that a command asked for. Errors: timed_out, read_failed.
    [[nodiscard]] result<void> receive_block(std::byte* out, std::size_t count) {
        std::byte token = sd_token::silence;
        for (std::uint32_t left = read_time * millisecond; token == sd_token::silence; --left) {
            if (left == 0) {
                return failure(errc::timed_out);
            }
            token = receive();
        }
        if (token != sd_token::block) {
            return failure(errc::read_failed);
        }
        std::array<std::byte, 2> crc{};
        receive(out, count);
        receive(crc.data(), crc.size());
        // That of bytes and the CRC behind them is 0.
        if (Options.crc && sd_crc16(crc, sd_crc16(std::span(out, count))) != 0) {
            return failure(errc::read_failed);
        }
        return {};
    }

    /// What follows the data of a block that was sent: its checksum, and the card's verdict.
    /// Errors: write_failed.
    [[nodiscard]] result<void> end_block(std::uint16_t crc) {
        const std::array sum = {static_cast<std::byte>(crc >> 8), static_cast<std::byte>(crc)};
        send(sum.data(), sum.size());
        if ((receive() & std::byte{0x1F}) != std::byte{0x05}) {
            return failure(errc::write_failed);
        }
        return {};
    }

    /// Longest that a card takes to find a block, and to program one (milliseconds).
    static constexpr std::uint32_t read_time = 100;
    static constexpr std::uint32_t write_time = 500;

private:
    void note(const result<void>& done) {
        if (!done) {
            bus_error_ = done;
        }
    }

    [[no_unique_address]] Bus bus_;
    result<void> bus_error_;
};

} // namespace detail
} // namespace vmem

#endif
