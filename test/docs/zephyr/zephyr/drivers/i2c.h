// SPDX-License-Identifier: BSL-1.0
// What docs/device uses of Zephyr's I2C, by its reference.
#ifndef VMEM_TEST_DOCS_ZEPHYR_I2C_H
#define VMEM_TEST_DOCS_ZEPHYR_I2C_H

#include <zephyr/drivers/gpio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

constexpr std::uint8_t I2C_MSG_WRITE = 0;
constexpr std::uint8_t I2C_MSG_READ = 1;
constexpr std::uint8_t I2C_MSG_STOP = 2;
constexpr std::uint8_t I2C_MSG_RESTART = 4;

struct i2c_msg {
    std::uint8_t* buf;
    std::uint32_t len;
    std::uint8_t flags;
};

inline int i2c_transfer(const struct device* bus, struct i2c_msg* messages, std::uint8_t count,
                        std::uint16_t address) {
    CHECK((bus != nullptr && count != 0 && (messages[count - 1].flags & I2C_MSG_STOP) != 0));
    std::vector<std::byte> bytes;
    for (std::uint8_t i = 0; i < count; ++i) {
        CHECK((messages[i].flags & (I2C_MSG_READ | I2C_MSG_RESTART)) == 0);
        CHECK(((messages[i].flags & I2C_MSG_STOP) != 0) == (i + 1 == count));
        const auto part = vmem::test::bytes_of(messages[i].buf, messages[i].len);
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    return vmem::test::wires.send(static_cast<std::uint8_t>(address), bytes) ? 0 : -EIO;
}
inline int i2c_write_read(const struct device* bus, std::uint16_t address, const void* out, std::size_t out_size,
                          void* in, std::size_t in_size) {
    CHECK(bus != nullptr);
    return vmem::test::wires.receive(static_cast<std::uint8_t>(address), vmem::test::bytes_of(out, out_size),
                                     vmem::test::bytes_of(in, in_size))
               ? 0
               : -EIO;
}

#endif
