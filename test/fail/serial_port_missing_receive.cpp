// SPDX-License-Identifier: BSL-1.0
// EXPECT: serial_port: missing 'result<void> receive(std::span<std::byte>)'
#include <vmem/device/serial_storage.hpp>

#include <cstddef>
#include <span>

struct port {
    vmem::result<void> send(std::span<const std::byte> out);
};

using remote = vmem::serial_storage<port>;
static_assert(sizeof(remote) != 0);
