// SPDX-License-Identifier: BSL-1.0
// EXPECT: spi_fram: the chip's size does not fit its address bytes
#include <vmem/device/spi_fram.hpp>

using fram = vmem::spi_fram<vmem::spi_bus_archetype, vmem::spi_fram_chip{.size = 131'072}>;
static_assert(sizeof(fram) != 0);
