// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_SERIAL_STORAGE_HPP
#define VMEM_DEVICE_SERIAL_STORAGE_HPP

#include <vmem/config.hpp>
#include <vmem/device/serial_frame.hpp>
#include <vmem/device/serial_port.hpp>
#include <vmem/persist/crc32c.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

/// How a `serial_storage` talks.
struct serial_options {
    /// Bytes of data in a frame, at most `serial_frame::most_data`. A frame that is damaged is sent
    /// again whole; each costs 32 bytes, both ways together, and one answer to wait for.
    std::size_t frame = 512;
    /// How often a request is sent before it is given up.
    int attempts = 10;
};

/// The memory of another machine at the end of a serial line; tools/vmem-serial-host.cpp is its
/// other end. Frames have a checksum and a number, and are sent again until they are answered, so
/// that lost and damaged bytes cost time and nothing else.
///
/// Errors: no_device if nothing comes back, timed_out if nothing whole does, out_of_range,
/// read_failed, write_failed and sync_failed as the host reports them; the port's.
template <class Port, serial_options Options = serial_options{}>
class serial_storage {
    static_assert((check_serial_port<Port>(), true));
    static_assert(Options.frame != 0 && Options.frame <= serial_frame::most_data,
                  "serial_storage: a frame holds 1 to 4096 bytes of data");

public:
    constexpr serial_storage() = default;
    constexpr explicit serial_storage(Port port) noexcept(
        std::is_nothrow_move_constructible_v<Port>)
        : port_(std::move(port)) {}

    /// Asks the host how large its memory is. Must have succeeded before anything else is called.
    [[nodiscard]] result<void> start() {
        serial_frame answer{.kind = serial_kind::hello};
        if (const auto done = ask(answer, {}, {}); !done) {
            return done;
        }
        constexpr address most = (std::numeric_limits<address>::max)();
        size_ = answer.place < most ? static_cast<address>(answer.place) : most;
        return {};
    }

    /// Bytes; 0 before `start`.
    [[nodiscard]] constexpr address size() const noexcept { return size_; }

    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        if (const auto fits = detail::check_range(size_, from, out.size()); !fits) {
            return fits;
        }
        while (!out.empty()) {
            const auto part = out.first(detail::lesser(out.size(), Options.frame));
            if (const auto done = ask(serial_kind::read, from, {}, part); !done) {
                return done;
            }
            from += part.size();
            out = out.subspan(part.size());
        }
        return {};
    }
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        if (const auto fits = detail::check_range(size_, to, in.size()); !fits) {
            return fits;
        }
        while (!in.empty()) {
            const auto part = in.first(detail::lesser(in.size(), Options.frame));
            if (const auto done = ask(serial_kind::write, to, part, {}); !done) {
                return done;
            }
            to += part.size();
            in = in.subspan(part.size());
        }
        return {};
    }
    [[nodiscard]] result<void> sync() { return ask(serial_kind::sync, 0, {}, {}); }

    /// Frames that had to be sent again, since construction.
    [[nodiscard]] constexpr std::uint32_t repeated() const noexcept { return repeated_; }
    /// The line.
    [[nodiscard]] constexpr Port& port() noexcept { return port_; }

private:
    [[nodiscard]] result<void> ask(serial_kind kind, address place, std::span<const std::byte> out,
                                   std::span<std::byte> in) {
        serial_frame frame{.kind = kind,
                           .length = static_cast<std::uint16_t>(out.size() + in.size()),
                           .place = place};
        return ask(frame, out, in);
    }

    /// Sends a request until it is answered; `frame` becomes the answer.
    [[nodiscard]] result<void> ask(serial_frame& frame, std::span<const std::byte> out,
                                   std::span<std::byte> in) {
        frame.number = ++number_;
        bool heard = false;
        for (int left = Options.attempts; left != 0; --left) {
            if (const auto sent = send(frame, out); !sent) {
                return sent;
            }
            serial_frame answer;
            const auto received = receive(frame, answer, in);
            if (received) {
                frame = answer;
                return verdict(frame);
            }
            if (received.error() != errc::timed_out) {
                return received;
            }
            heard = heard || heard_;
            ++repeated_;
        }
        return failure(heard ? errc::timed_out : errc::no_device);
    }

    [[nodiscard]] result<void> send(const serial_frame& frame, std::span<const std::byte> out) {
        const auto header = frame.to_bytes();
        std::array<std::byte, serial_frame::crc_size> crc{};
        serial_frame::put(crc, crc32c(out, crc32c(header)));
        for (const auto part :
             {std::span<const std::byte>(header), out, std::span<const std::byte>(crc)}) {
            if (const auto sent = port_.send(part); !sent) {
                return sent;
            }
        }
        return {};
    }

    /// Waits for the answer to `request`. Errors: timed_out, also for one that is damaged; then the
    /// line is quiet. Others are the port's.
    [[nodiscard]] result<void> receive(const serial_frame& request, serial_frame& answer,
                                       std::span<std::byte> in) {
        std::array<std::byte, serial_frame::header_size> header{};
        heard_ = false;
        for (;;) {
            if (const auto marked = port_.receive(std::span(header).first(1)); !marked) {
                return marked;
            }
            heard_ = true;
            if (header[0] != serial_frame::mark) {
                continue;
            }
            if (const auto rest = port_.receive(std::span(header).subspan(1)); !rest) {
                return rest;
            }
            answer = serial_frame::from_bytes(header);
            const bool expected = answer.kind == request.kind && answer.number == request.number &&
                                  answer.data_size() <= in.size();
            // What is not the answer is the end of a damaged one, or a second answer to what was
            // asked twice; nothing but silence tells for certain where the next one begins.
            if (!expected || !data_is_whole(header, in.first(answer.data_size()))) {
                return quiet();
            }
            return {};
        }
    }

    [[nodiscard]] bool data_is_whole(std::span<const std::byte> header, std::span<std::byte> in) {
        std::array<std::byte, serial_frame::crc_size> crc{};
        return port_.receive(in) && port_.receive(crc) &&
               serial_frame::get(crc) == crc32c(in, crc32c(header));
    }

    /// Until nothing more comes: returns why.
    [[nodiscard]] result<void> quiet() {
        std::array<std::byte, 1> any{};
        auto outcome = port_.receive(any);
        while (outcome) {
            outcome = port_.receive(any);
        }
        return outcome;
    }

    [[nodiscard]] static result<void> verdict(const serial_frame& answer) {
        switch (answer.status) {
        case serial_status::done:
            return {};
        case serial_status::out_of_range:
            return failure(errc::out_of_range);
        default:
            return failure(answer.kind == serial_kind::write  ? errc::write_failed
                           : answer.kind == serial_kind::sync ? errc::sync_failed
                                                              : errc::read_failed);
        }
    }

    [[no_unique_address]] Port port_;
    address size_ = 0;
    std::uint32_t repeated_ = 0;
    std::uint8_t number_ = 0;
    bool heard_ = false;
};
static_assert(storage<serial_storage<serial_port_archetype>>);

} // namespace vmem

#endif
