// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_SERIAL_FRAME_HPP
#define VMEM_DEVICE_SERIAL_FRAME_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

/// \file
/// What goes over the line between `serial_storage` and its host: frames of a header of 12 bytes,
/// data, and the CRC-32C of both, lowest byte first. The device asks, the host answers with the
/// same kind and number. Every request may be repeated: it means the same the second time.
namespace vmem {

/// What is asked for.
enum class serial_kind : std::uint8_t {
    /// The answer's `place` is the size of the storage (bytes).
    hello = 1,
    /// Of `length` bytes at `place`; the answer carries them.
    read = 2,
    /// Of the data that it carries, to `place`.
    write = 3,
    /// Answered when all writes before it are durable.
    sync = 4,
};

/// What became of it.
enum class serial_status : std::uint8_t { request = 0, done = 1, out_of_range = 2, failed = 3 };

/// The head of a request or an answer.
struct serial_frame {
    static constexpr std::byte mark{0xA7};
    static constexpr std::size_t header_size = 12;
    static constexpr std::size_t crc_size = 4;
    /// Bytes of data in a frame.
    static constexpr std::size_t most_data = 4096;

    serial_kind kind{};
    std::uint8_t number = 0;
    serial_status status = serial_status::request;
    std::uint16_t length = 0;
    /// 48 bits of it.
    std::uint64_t place = 0;

    /// Bytes of data that follow the header.
    [[nodiscard]] constexpr std::size_t data_size() const noexcept {
        const bool carries = status == serial_status::request ? kind == serial_kind::write
                                                              : kind == serial_kind::read;
        return carries && status <= serial_status::done ? length : 0;
    }

    /// The head as it is sent, its mark included.
    [[nodiscard]] constexpr std::array<std::byte, header_size> to_bytes() const noexcept {
        std::array<std::byte, header_size> bytes = {
            mark,
            static_cast<std::byte>(kind),
            static_cast<std::byte>(number),
            static_cast<std::byte>(status),
            static_cast<std::byte>(length),
            static_cast<std::byte>(length >> 8),
        };
        put(std::span(bytes).subspan<6>(), place);
        return bytes;
    }
    /// What such bytes say; whether it makes sense is for the receiver to tell.
    [[nodiscard]] static constexpr serial_frame
    from_bytes(std::span<const std::byte, header_size> bytes) noexcept {
        return {.kind = static_cast<serial_kind>(bytes[1]),
                .number = std::to_integer<std::uint8_t>(bytes[2]),
                .status = static_cast<serial_status>(bytes[3]),
                .length = static_cast<std::uint16_t>(get(bytes.subspan<4, 2>())),
                .place = get(bytes.subspan<6>())};
    }

    /// A number of as many bytes as there are, lowest first.
    static constexpr void put(std::span<std::byte> to, std::uint64_t value) noexcept {
        for (std::byte& each : to) {
            each = static_cast<std::byte>(value);
            value >>= 8;
        }
    }
    /// A number, lowest byte first. Precondition: at most eight bytes.
    [[nodiscard]] static constexpr std::uint64_t get(std::span<const std::byte> from) noexcept {
        std::uint64_t value = 0;
        for (std::size_t i = from.size(); i != 0; --i) {
            value = value << 8 | std::to_integer<std::uint64_t>(from[i - 1]);
        }
        return value;
    }
};

} // namespace vmem

#endif
