// SPDX-License-Identifier: BSL-1.0
// EXPECT: spi_bus: missing 'result<void> transfer(std::span<const std::byte> out,
#include <vmem/device/spi_sram.hpp>

struct bus {
    void select() noexcept;
    void deselect() noexcept;
};

using ram = vmem::spi_sram<bus, vmem::chip::sram_23lc1024>;
static_assert(sizeof(ram) != 0);
