// SPDX-License-Identifier: BSL-1.0
// EXPECT: i2c_bus: missing 'result<void> read(std::uint8_t device,
#include <vmem/device/i2c_memory.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

struct bus {
    vmem::result<void> write(std::uint8_t device, std::span<const std::byte> head,
                             std::span<const std::byte> data);
};

using eeprom = vmem::i2c_memory<bus, vmem::chip::eeprom_24lc256>;
static_assert(sizeof(eeprom) != 0);
