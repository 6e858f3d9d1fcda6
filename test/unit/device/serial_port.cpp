// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/serial_port.hpp>

#include <cstddef>
#include <doctest/doctest.h>
#include <span>

namespace {

struct no_receive {
    vmem::result<void> send(std::span<const std::byte> out);
};
struct no_answer : vmem::serial_port_archetype {
    void receive(std::span<std::byte> in);
};
struct stays : vmem::serial_port_archetype {
    stays(stays&&) = delete;
};

TEST_CASE("serial_port: what is one") {
    CHECK(vmem::serial_port<vmem::serial_port_archetype>);
    CHECK_FALSE(vmem::serial_port<no_receive>);
    CHECK_FALSE(vmem::serial_port<no_answer>);
    CHECK_FALSE(vmem::serial_port<stays>);
    CHECK_FALSE(vmem::serial_port<int>);
}

} // namespace
