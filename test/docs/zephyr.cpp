// SPDX-License-Identifier: BSL-1.0
#include "i2c_bus.hpp"
#include "spi_bus.hpp"

namespace {
const struct device controller{};
const struct gpio_dt_spec chip_select{&controller, 5, GPIO_ACTIVE_LOW};
} // namespace

TEST_CASE("Zephyr: SPI") {
    const struct spi_config config{
        .frequency = 20'000'000, .operation = SPI_WORD_SET(8) | SPI_TRANSFER_MSB, .slave = 0};
    vmem::test::check_spi_bus(zephyr_bus{&controller, config, &chip_select});
}
TEST_CASE("Zephyr: I2C") {
    vmem::test::check_i2c_bus(zephyr_i2c{&controller});
}
