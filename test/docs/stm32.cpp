// SPDX-License-Identifier: BSL-1.0
#include "i2c_bus.hpp"
#include "spi_bus.hpp"

TEST_CASE("STM32 HAL: SPI") {
    vmem::test::check_spi_bus(stm32_bus());
}
TEST_CASE("STM32 HAL: I2C") {
    vmem::test::check_i2c_bus(stm32_i2c());
}
