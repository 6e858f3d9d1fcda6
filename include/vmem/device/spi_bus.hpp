// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_SPI_BUS_HPP
#define VMEM_DEVICE_SPI_BUS_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <span>

/// \file
/// How does a driver reach a chip on SPI? A bus is one chip's way to the wires: it knows the chip
/// select line, the clock and the mode. Several chips on the same wires have a bus object each.
///
/// - `select` begins a transaction, `deselect` ends it; they do not nest. Where other programs
///   share the wires, this is where they are locked.
/// - `transfer(out, in)` sends the bytes of `out`, whatever comes back meanwhile, and then receives
///   as many bytes as `in` has, while it sends 0xFF for each. Either may be empty. All bits have
///   left the wire when it returns.
/// - `transfer` outside of a transaction clocks the wires with no chip selected; only SD cards need
///   that.
/// - Errors are those of the controller (a DMA that does not end: timed_out). What a chip says, or
///   that there is none, is the driver's business.
namespace vmem {

namespace detail {

template <class B>
concept has_bus_select = requires(B& b) {
    { b.select() } noexcept -> std::same_as<void>;
};
template <class B>
concept has_bus_deselect = requires(B& b) {
    { b.deselect() } noexcept -> std::same_as<void>;
};
template <class B>
concept has_bus_transfer = requires(B& b, std::span<const std::byte> out, std::span<std::byte> in) {
    { b.transfer(out, in) } -> std::same_as<result<void>>;
};

} // namespace detail

/// The way to one chip on SPI; see above.
template <class B>
concept spi_bus = std::move_constructible<B> && detail::has_bus_select<B> &&
                  detail::has_bus_deselect<B> && detail::has_bus_transfer<B>;

/// Names each member that `B` lacks, one sentence each.
template <class B>
consteval void check_spi_bus() {
    static_assert(std::move_constructible<B>, "spi_bus: must be movable; drivers hold it by value");
    static_assert(detail::has_bus_select<B>,
                  "spi_bus: missing 'void select() noexcept', which drives chip select low");
    static_assert(detail::has_bus_deselect<B>,
                  "spi_bus: missing 'void deselect() noexcept', which drives chip select high");
    static_assert(detail::has_bus_transfer<B>,
                  "spi_bus: missing 'result<void> transfer(std::span<const std::byte> out, "
                  "std::span<std::byte> in)'");
}

/// The smallest thing that is an SPI bus: a model to copy from, never called.
struct spi_bus_archetype {
    void select() noexcept;
    void deselect() noexcept;
    [[nodiscard]] result<void> transfer(std::span<const std::byte> out, std::span<std::byte> in);
};
static_assert(spi_bus<spi_bus_archetype>);

namespace detail {

/// A transaction, from construction to destruction.
template <class Bus>
class spi_selection {
public:
    [[nodiscard]] explicit spi_selection(Bus& bus) noexcept : bus_(bus) { bus_.select(); }
    ~spi_selection() { bus_.deselect(); }
    spi_selection(const spi_selection&) = delete;
    spi_selection& operator=(const spi_selection&) = delete;

private:
    Bus& bus_;
};

/// An opcode and an address of `AddressBytes` bytes, the highest first.
template <std::size_t AddressBytes>
[[nodiscard]] constexpr std::array<std::byte, 1 + AddressBytes> command_bytes(std::byte opcode,
                                                                              address at) noexcept {
    std::array<std::byte, 1 + AddressBytes> command{opcode};
    for (std::size_t i = AddressBytes; i != 0; --i) {
        command[i] = static_cast<std::byte>(at);
        at >>= 8;
    }
    return command;
}

/// What follows a command: bytes to send, and then room for those to receive.
struct spi_data {
    std::span<const std::byte> out;
    std::span<std::byte> in;

    [[nodiscard]] constexpr std::size_t size() const noexcept { return out.size() + in.size(); }
};

/// One transaction.
template <class Bus>
[[nodiscard]] result<void> spi_transact(Bus& bus, std::span<const std::byte> command,
                                        const spi_data& data) {
    const spi_selection<Bus> selected(bus);
    const auto sent = bus.transfer(command, {});
    return sent ? bus.transfer(data.out, data.in) : sent;
}

} // namespace detail
} // namespace vmem

#endif
