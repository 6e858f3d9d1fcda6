// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/spi_bus.hpp>
#include <vmem/result.hpp>

#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <span>

namespace {

struct throwing_select : vmem::spi_bus_archetype {
    void select();
};
struct no_result : vmem::spi_bus_archetype {
    void transfer(std::span<const std::byte> out, std::span<std::byte> in);
};
static_assert(vmem::spi_bus<vmem::spi_bus_archetype>);
static_assert(!vmem::spi_bus<throwing_select> && !vmem::spi_bus<no_result> && !vmem::spi_bus<int>);

TEST_CASE("spi_bus: commands") {
    using vmem::detail::command_bytes;
    CHECK(command_bytes<2>(std::byte{3}, 0x1234) ==
          std::array{std::byte{3}, std::byte{0x12}, std::byte{0x34}});
    CHECK(command_bytes<3>(std::byte{2}, 0x1FEDC) ==
          std::array{std::byte{2}, std::byte{1}, std::byte{0xFE}, std::byte{0xDC}});
}

} // namespace
