// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_I2C_BUS_HPP
#define VMEM_DEVICE_I2C_BUS_HPP

#include <vmem/result.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

/// \file
/// How does a driver reach a chip on I2C? A bus object is the way to all chips on two wires, which
/// have a 7-bit address each; one that is shared is passed as a reference in a small struct.
///
/// - `write(device, head, data)` is one transaction: start, the address, the bytes of `head`, those
///   of `data`, stop.
/// - `read(device, head, data)` is one transaction: start, the address, the bytes of `head`,
///   repeated start, the address, as many bytes as `data` has, stop.
/// - `no_device` if the chip does not acknowledge its address, which is how some say that they are
///   busy; then nothing was transferred. Other errors are those of the controller: `write_failed`
///   or `read_failed` if it acknowledges no further byte, `timed_out`.
namespace vmem {

namespace detail {

template <class B>
concept has_i2c_write = requires(B& b, std::uint8_t device, std::span<const std::byte> out) {
    { b.write(device, out, out) } -> std::same_as<result<void>>;
};
template <class B>
concept has_i2c_read =
    requires(B& b, std::uint8_t device, std::span<const std::byte> out, std::span<std::byte> in) {
        { b.read(device, out, in) } -> std::same_as<result<void>>;
    };

} // namespace detail

/// The way to the chips on an I2C bus; see above.
template <class B>
concept i2c_bus = std::move_constructible<B> && detail::has_i2c_write<B> && detail::has_i2c_read<B>;

/// Names each member that `B` lacks, one sentence each.
template <class B>
consteval void check_i2c_bus() {
    static_assert(std::move_constructible<B>, "i2c_bus: must be movable; drivers hold it by value");
    static_assert(detail::has_i2c_write<B>,
                  "i2c_bus: missing 'result<void> write(std::uint8_t device, "
                  "std::span<const std::byte> head, std::span<const std::byte> data)'");
    static_assert(detail::has_i2c_read<B>,
                  "i2c_bus: missing 'result<void> read(std::uint8_t device, "
                  "std::span<const std::byte> head, std::span<std::byte> data)'");
}

/// The smallest thing that is an I2C bus: a model to copy from, never called.
struct i2c_bus_archetype {
    [[nodiscard]] result<void> write(std::uint8_t device, std::span<const std::byte> head,
                                     std::span<const std::byte> data);
    [[nodiscard]] result<void> read(std::uint8_t device, std::span<const std::byte> head,
                                    std::span<std::byte> data);
};
static_assert(i2c_bus<i2c_bus_archetype>);

} // namespace vmem

#endif
