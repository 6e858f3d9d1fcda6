// SPDX-License-Identifier: BSL-1.0
// What docs/device uses of ESP-IDF's driver for SPI, by its reference, with the longest transaction it
// takes by default.
#ifndef VMEM_TEST_DOCS_ESP_IDF_SPI_MASTER_H
#define VMEM_TEST_DOCS_ESP_IDF_SPI_MASTER_H

#include "driver/gpio.h"

#include <cstddef>
#include <cstdint>

typedef std::uint32_t TickType_t;
constexpr TickType_t portMAX_DELAY = 0xFFFFFFFF;

struct spi_device_t {};
typedef spi_device_t* spi_device_handle_t;
inline spi_device_t spi_device;

struct spi_transaction_t {
    std::uint32_t flags;
    std::uint16_t cmd;
    std::uint64_t addr;
    /// Bits.
    std::size_t length;
    std::size_t rxlength;
    void* user;
    union {
        const void* tx_buffer;
        std::uint8_t tx_data[4];
    };
    union {
        void* rx_buffer;
        std::uint8_t rx_data[4];
    };
};

inline esp_err_t spi_device_acquire_bus(spi_device_handle_t device, TickType_t wait) {
    CHECK((device == &spi_device && wait == portMAX_DELAY && !vmem::test::wires.taken));
    vmem::test::wires.taken = true;
    return ESP_OK;
}
inline void spi_device_release_bus(spi_device_handle_t) { vmem::test::wires.taken = false; }

inline esp_err_t spi_device_polling_transmit(spi_device_handle_t device, spi_transaction_t* what) {
    CHECK(device == &spi_device);
    const std::size_t bytes = what->length / 8;
    if (vmem::test::wires.fails) {
        return ESP_FAIL;
    }
    if (bytes == 0 || bytes > 4092 || what->tx_buffer == nullptr || what->flags != 0 || what->rxlength > what->length) {
        return ESP_ERR_INVALID_ARG;
    }
    const auto* const out = static_cast<const std::uint8_t*>(what->tx_buffer);
    for (std::size_t i = 0; i < bytes; ++i) {
        const std::uint8_t in = vmem::test::wires.exchange(out[i]);
        if (what->rx_buffer != nullptr) {
            static_cast<std::uint8_t*>(what->rx_buffer)[i] = in;
        }
    }
    return ESP_OK;
}

#endif
