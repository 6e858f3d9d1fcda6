// SPDX-License-Identifier: BSL-1.0
// What docs/device uses of ESP-IDF's driver for I2C, by its reference.
#ifndef VMEM_TEST_DOCS_ESP_IDF_I2C_MASTER_H
#define VMEM_TEST_DOCS_ESP_IDF_I2C_MASTER_H

#include "driver/gpio.h"

#include <cstddef>
#include <cstdint>
#include <vector>

struct i2c_master_bus_t {};
typedef i2c_master_bus_t* i2c_master_bus_handle_t;
inline i2c_master_bus_t i2c_bus_0;

/// As i2c_master_bus_add_device makes it.
struct i2c_master_dev_t {
    std::uint8_t address;
};
typedef i2c_master_dev_t* i2c_master_dev_handle_t;

/// Newer releases have a pointer to const.
struct i2c_master_transmit_multi_buffer_info_t {
    std::uint8_t* write_buffer;
    std::size_t buffer_size;
};

inline esp_err_t i2c_master_multi_buffer_transmit(i2c_master_dev_handle_t device,
                                                  i2c_master_transmit_multi_buffer_info_t* parts, std::size_t count,
                                                  int milliseconds) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < count; ++i) {
        if (parts[i].write_buffer == nullptr) {
            return ESP_ERR_INVALID_ARG;
        }
        const auto part = vmem::test::bytes_of(parts[i].write_buffer, parts[i].buffer_size);
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    CHECK((milliseconds < 0 || static_cast<std::size_t>(milliseconds) >= bytes.size() / 10)); // At 100 kHz.
    return vmem::test::wires.send(device->address, bytes) ? ESP_OK : ESP_ERR_INVALID_STATE;
}
inline esp_err_t i2c_master_transmit_receive(i2c_master_dev_handle_t device, const std::uint8_t* out,
                                             std::size_t out_size, std::uint8_t* in, std::size_t in_size,
                                             int milliseconds) {
    CHECK((milliseconds < 0 || static_cast<std::size_t>(milliseconds) >= in_size / 10));
    if (out == nullptr || out_size == 0 || in == nullptr || in_size == 0) {
        return ESP_ERR_INVALID_ARG;
    }
    return vmem::test::wires.receive(device->address, vmem::test::bytes_of(out, out_size),
                                     vmem::test::bytes_of(in, in_size))
               ? ESP_OK
               : ESP_ERR_INVALID_STATE;
}
inline esp_err_t i2c_master_probe(i2c_master_bus_handle_t bus, std::uint16_t address, int milliseconds) {
    CHECK((bus == &i2c_bus_0 && milliseconds != 0));
    return vmem::test::wires.send(static_cast<std::uint8_t>(address), {}) ? ESP_OK : ESP_ERR_NOT_FOUND;
}

#endif
