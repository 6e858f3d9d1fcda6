// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/serial_port.hpp>

#include <cstddef>
#include <doctest/doctest.h>
#include <span>

namespace {

struct no_receive {
    vmem::result<void> send(std::span<const std::byte> out);
};
static_assert(vmem::serial_port<vmem::serial_port_archetype>);
static_assert(!vmem::serial_port<no_receive> && !vmem::serial_port<int>);

} // namespace
