// SPDX-License-Identifier: BSL-1.0
// What docs/device uses of STM32Cube's HAL, by its reference. `main.h` is what CubeMX writes: it includes
// the HAL and names the pins.
#ifndef VMEM_TEST_DOCS_STM32_MAIN_H
#define VMEM_TEST_DOCS_STM32_MAIN_H

#include "docs/wires.hpp"

#include <cstdint>

typedef enum { HAL_OK = 0x00U, HAL_ERROR = 0x01U, HAL_BUSY = 0x02U, HAL_TIMEOUT = 0x03U } HAL_StatusTypeDef;
struct SPI_HandleTypeDef {};
struct I2C_HandleTypeDef {};
struct GPIO_TypeDef {};
typedef enum { GPIO_PIN_RESET = 0, GPIO_PIN_SET } GPIO_PinState;

#define I2C_MEMADD_SIZE_8BIT (0x00000001U)
/// On other series it is 2.
#define I2C_MEMADD_SIZE_16BIT (0x00000010U)

inline GPIO_TypeDef gpio_a;
#define CS_GPIO_Port (&gpio_a)
constexpr std::uint16_t CS_Pin = 0x0010;

inline SPI_HandleTypeDef hspi1;
inline I2C_HandleTypeDef hi2c1;

inline void HAL_GPIO_WritePin(GPIO_TypeDef* port, std::uint16_t pin, GPIO_PinState state) {
    CHECK((port == CS_GPIO_Port && pin == CS_Pin));
    vmem::test::wires.chip_select(state == GPIO_PIN_SET);
}

inline HAL_StatusTypeDef HAL_SPI_TransmitReceive(SPI_HandleTypeDef* spi, const std::uint8_t* out, std::uint8_t* in,
                                                 std::uint16_t size, std::uint32_t timeout) {
    CHECK(spi == &hspi1);
    if (vmem::test::wires.fails) {
        return HAL_TIMEOUT;
    }
    if (out == nullptr || in == nullptr || size == 0) {
        return HAL_ERROR;
    }
    CHECK(timeout >= size / 1000); // At 8 MHz.
    vmem::test::wires.taken = true; // It is nobody else's.
    for (std::uint16_t i = 0; i < size; ++i) {
        in[i] = vmem::test::wires.exchange(out[i]);
    }
    vmem::test::wires.taken = false;
    return HAL_OK;
}
/// Without `const` for the data, as older releases have it.
inline HAL_StatusTypeDef HAL_SPI_Transmit(SPI_HandleTypeDef* spi, std::uint8_t* out, std::uint16_t size,
                                          std::uint32_t timeout) {
    std::vector<std::uint8_t> in(size);
    return HAL_SPI_TransmitReceive(spi, out, in.data(), size, timeout);
}

/// The address bytes of a memory, as the controller sends them.
inline std::vector<std::byte> head_of(std::uint16_t place, std::uint16_t size) {
    CHECK((size == I2C_MEMADD_SIZE_8BIT || size == I2C_MEMADD_SIZE_16BIT));
    std::vector<std::byte> head;
    if (size == I2C_MEMADD_SIZE_16BIT) {
        head.push_back(static_cast<std::byte>(place >> 8));
    }
    head.push_back(static_cast<std::byte>(place));
    return head;
}
inline HAL_StatusTypeDef HAL_I2C_Mem_Write(I2C_HandleTypeDef* i2c, std::uint16_t device, std::uint16_t place,
                                           std::uint16_t place_size, std::uint8_t* data, std::uint16_t size,
                                           std::uint32_t timeout) {
    CHECK((i2c == &hi2c1 && device % 2 == 0));
    CHECK(timeout >= size / 10); // At 100 kHz.
    if (data == nullptr || size == 0) {
        return HAL_ERROR;
    }
    std::vector<std::byte> bytes = head_of(place, place_size);
    const auto in = vmem::test::bytes_of(data, size);
    bytes.insert(bytes.end(), in.begin(), in.end());
    return vmem::test::wires.send(static_cast<std::uint8_t>(device >> 1), bytes) ? HAL_OK : HAL_ERROR;
}
inline HAL_StatusTypeDef HAL_I2C_Mem_Read(I2C_HandleTypeDef* i2c, std::uint16_t device, std::uint16_t place,
                                          std::uint16_t place_size, std::uint8_t* data, std::uint16_t size,
                                          std::uint32_t timeout) {
    CHECK((i2c == &hi2c1 && device % 2 == 0));
    CHECK(timeout >= size / 10);
    if (data == nullptr || size == 0) {
        return HAL_ERROR;
    }
    return vmem::test::wires.receive(static_cast<std::uint8_t>(device >> 1), head_of(place, place_size),
                                     vmem::test::bytes_of(data, size))
               ? HAL_OK
               : HAL_ERROR;
}
inline HAL_StatusTypeDef HAL_I2C_IsDeviceReady(I2C_HandleTypeDef* i2c, std::uint16_t device, std::uint32_t trials,
                                               std::uint32_t timeout) {
    CHECK((i2c == &hi2c1 && device % 2 == 0 && timeout != 0));
    for (; trials != 0; --trials) {
        if (vmem::test::wires.send(static_cast<std::uint8_t>(device >> 1), {})) {
            return HAL_OK;
        }
    }
    return HAL_ERROR;
}

#endif
