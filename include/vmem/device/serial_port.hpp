// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_SERIAL_PORT_HPP
#define VMEM_DEVICE_SERIAL_PORT_HPP

#include <vmem/result.hpp>

#include <concepts>
#include <cstddef>
#include <span>

/// \file
/// A line of bytes to another machine: a UART, a USB serial port, a socket. It may lose bytes and
/// change them.
///
/// - `send(out)` returns when the bytes are on their way.
/// - `receive(in)` waits for as many bytes as `in` has; `timed_out` if the next one does not come
///   for longer than the other side may take to answer (say 200 ms), and then what `in` holds is
///   unspecified.
namespace vmem {

namespace detail {

template <class P>
concept has_port_send = requires(P& p, std::span<const std::byte> out) {
    { p.send(out) } -> std::same_as<result<void>>;
};
template <class P>
concept has_port_receive = requires(P& p, std::span<std::byte> in) {
    { p.receive(in) } -> std::same_as<result<void>>;
};

} // namespace detail

/// The near end of such a line; see above.
template <class P>
concept serial_port =
    std::move_constructible<P> && detail::has_port_send<P> && detail::has_port_receive<P>;

/// Names each member that `P` lacks, one sentence each.
template <class P>
consteval void check_serial_port() {
    static_assert(std::move_constructible<P>,
                  "serial_port: must be movable; serial_storage holds it by value");
    static_assert(detail::has_port_send<P>,
                  "serial_port: missing 'result<void> send(std::span<const std::byte>)'");
    static_assert(detail::has_port_receive<P>,
                  "serial_port: missing 'result<void> receive(std::span<std::byte>)', which waits "
                  "for all of them, and not for ever");
}

/// The smallest thing that is a serial port: a model to copy from, never called.
struct serial_port_archetype {
    [[nodiscard]] result<void> send(std::span<const std::byte> out);
    [[nodiscard]] result<void> receive(std::span<std::byte> in);
};
static_assert(serial_port<serial_port_archetype>);

} // namespace vmem

#endif
