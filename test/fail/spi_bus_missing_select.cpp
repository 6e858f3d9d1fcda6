// SPDX-License-Identifier: BSL-1.0
// EXPECT: spi_bus: missing 'void select() noexcept', which drives chip select low
#include <vmem/device/sd_card.hpp>

#include <cstddef>
#include <span>

struct bus {
    void deselect() noexcept;
    vmem::result<void> transfer(std::span<const std::byte> out, std::span<std::byte> in);
};

using card = vmem::sd_card<bus>;
static_assert(sizeof(card) != 0);
