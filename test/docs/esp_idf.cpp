// SPDX-License-Identifier: BSL-1.0
#include "i2c_bus.hpp"
#include "spi_bus.hpp"

TEST_CASE("ESP-IDF: SPI") {
    vmem::test::check_spi_bus(esp_bus{&spi_device, GPIO_NUM_5});
}
TEST_CASE("ESP-IDF: I2C") {
    std::array<i2c_master_dev_t, 8> devices{};
    esp_i2c bus{&i2c_bus_0, {}};
    for (std::uint8_t i = 0; i < 8; ++i) {
        devices[i].address = 0x50 + i;
        bus.devices[i] = &devices[i];
    }
    vmem::test::check_i2c_bus(bus);
}
