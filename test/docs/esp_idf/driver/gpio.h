// SPDX-License-Identifier: BSL-1.0
// What docs/device uses of ESP-IDF's GPIO driver, by its reference, for one chip.
#ifndef VMEM_TEST_DOCS_ESP_IDF_GPIO_H
#define VMEM_TEST_DOCS_ESP_IDF_GPIO_H

#include "docs/wires.hpp"

#include <cstdint>

typedef int esp_err_t;
constexpr esp_err_t ESP_OK = 0;
constexpr esp_err_t ESP_FAIL = -1;
constexpr esp_err_t ESP_ERR_INVALID_ARG = 0x102;
constexpr esp_err_t ESP_ERR_INVALID_STATE = 0x103;
constexpr esp_err_t ESP_ERR_NOT_FOUND = 0x105;

typedef enum { GPIO_NUM_5 = 5 } gpio_num_t;

inline esp_err_t gpio_set_level(gpio_num_t pin, std::uint32_t level) {
    CHECK(pin == GPIO_NUM_5);
    vmem::test::wires.chip_select(level != 0);
    return ESP_OK;
}

#endif
