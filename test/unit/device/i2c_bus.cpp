// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/i2c_bus.hpp>

#include <cstddef>
#include <doctest/doctest.h>
#include <span>

namespace {

struct no_read {
    vmem::result<void> write(std::uint8_t, std::span<const std::byte>, std::span<const std::byte>);
};
struct no_result : vmem::i2c_bus_archetype {
    bool read(std::uint8_t, std::span<const std::byte>, std::span<std::byte>);
};
struct stays : vmem::i2c_bus_archetype {
    stays(stays&&) = delete;
};

TEST_CASE("i2c_bus: what is one") {
    CHECK(vmem::i2c_bus<vmem::i2c_bus_archetype>);
    CHECK_FALSE(vmem::i2c_bus<no_read>);
    CHECK_FALSE(vmem::i2c_bus<no_result>);
    CHECK_FALSE(vmem::i2c_bus<stays>);
    CHECK_FALSE(vmem::i2c_bus<int>);
}

} // namespace
