// SPDX-License-Identifier: BSL-1.0
//
// Every function of every driver, for compilers whose programs are not run.
#include <vmem/device/i2c_memory.hpp>
#include <vmem/device/irq_lock.hpp>
#include <vmem/device/sd_card.hpp>
#include <vmem/device/serial_server.hpp>
#include <vmem/device/serial_storage.hpp>
#include <vmem/device/spi_fram.hpp>
#include <vmem/device/spi_sram.hpp>

namespace {

struct small_storage : vmem::storage_archetype {};

} // namespace

template class vmem::spi_sram<vmem::spi_bus_archetype, vmem::chip::sram_23k256>;
template class vmem::spi_sram<vmem::spi_bus_archetype, vmem::chip::sram_23lc1024>;
template class vmem::spi_fram<vmem::spi_bus_archetype, vmem::chip::fram_mb85rs64v>;
template class vmem::spi_fram<vmem::spi_bus_archetype, vmem::chip::fram_mb85rs4mt>;
template class vmem::i2c_memory<vmem::i2c_bus_archetype, vmem::chip::eeprom_24lc16>;
template class vmem::i2c_memory<vmem::i2c_bus_archetype, vmem::chip::eeprom_24lc1025>;
template class vmem::i2c_memory<vmem::i2c_bus_archetype, vmem::chip::fram_mb85rc256>;
template class vmem::sd_card<vmem::spi_bus_archetype>;
template class vmem::sd_card<vmem::spi_bus_archetype,
                             vmem::sd_options{.hertz = 1'000'000, .crc = false}>;
template class vmem::serial_storage<vmem::serial_port_archetype>;
template class vmem::serial_server<small_storage>;
