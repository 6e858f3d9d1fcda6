// SPDX-License-Identifier: BSL-1.0
// What docs/device uses of Zephyr's GPIO, by its reference, for one chip.
#ifndef VMEM_TEST_DOCS_ZEPHYR_GPIO_H
#define VMEM_TEST_DOCS_ZEPHYR_GPIO_H

#include "docs/wires.hpp"

#include <cstdint>

struct device {};
typedef std::uint8_t gpio_pin_t;
typedef std::uint16_t gpio_dt_flags_t;
constexpr gpio_dt_flags_t GPIO_ACTIVE_LOW = 1;

struct gpio_dt_spec {
    const struct device* port;
    gpio_pin_t pin;
    gpio_dt_flags_t dt_flags;
};

/// The logical value: an active-low pin is low when it is 1.
inline int gpio_pin_set_dt(const struct gpio_dt_spec* pin, int value) {
    vmem::test::wires.chip_select((value != 0) != ((pin->dt_flags & GPIO_ACTIVE_LOW) != 0));
    return 0;
}

#endif
