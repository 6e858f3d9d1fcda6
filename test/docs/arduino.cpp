// SPDX-License-Identifier: BSL-1.0
#include "i2c_bus.hpp"
#include "spi_bus.hpp"

TEST_CASE("Arduino: SPI") {
    vmem::test::check_spi_bus(arduino_bus<10, 20'000'000>(), false);
}
TEST_CASE("Arduino: Wire") {
    vmem::test::check_i2c_bus(arduino_wire(), 30);
}
