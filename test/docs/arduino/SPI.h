// SPDX-License-Identifier: BSL-1.0
// What docs/device uses of Arduino's core and its library SPI, by their reference, for one chip.
#ifndef VMEM_TEST_DOCS_ARDUINO_SPI_H
#define VMEM_TEST_DOCS_ARDUINO_SPI_H

#include "docs/wires.hpp"

#include <cstdint>

constexpr std::uint8_t LOW = 0;
constexpr std::uint8_t HIGH = 1;
enum BitOrder { LSBFIRST, MSBFIRST };
constexpr std::uint8_t SPI_MODE0 = 0;
constexpr std::uint8_t SPI_MODE3 = 3;

inline void digitalWrite(std::uint8_t pin, std::uint8_t value) {
    CHECK(pin == 10);
    vmem::test::wires.chip_select(value != LOW);
}

class SPISettings {
public:
    SPISettings(std::uint32_t clock, BitOrder order, std::uint8_t mode)
        : fits_(clock == 20'000'000 && order == MSBFIRST && mode == SPI_MODE0) {}
    bool fits() const { return fits_; }

private:
    bool fits_;
};

class SPIClass {
public:
    void beginTransaction(SPISettings settings) {
        CHECK(settings.fits());
        CHECK(!vmem::test::wires.taken);
        vmem::test::wires.taken = true;
    }
    void endTransaction() { vmem::test::wires.taken = false; }
    std::uint8_t transfer(std::uint8_t value) { return vmem::test::wires.exchange(value); }
};
inline SPIClass SPI;

#endif
