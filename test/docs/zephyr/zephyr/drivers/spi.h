// SPDX-License-Identifier: BSL-1.0
// What docs/device uses of Zephyr's SPI, by its reference.
#ifndef VMEM_TEST_DOCS_ZEPHYR_SPI_H
#define VMEM_TEST_DOCS_ZEPHYR_SPI_H

#include <zephyr/drivers/gpio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

typedef std::uint32_t spi_operation_t;
constexpr spi_operation_t SPI_TRANSFER_MSB = 0;
#define SPI_WORD_SET(bits) (static_cast<spi_operation_t>(bits) << 5U)

struct spi_config {
    std::uint32_t frequency;
    spi_operation_t operation;
    std::uint16_t slave;
};
struct spi_buf {
    void* buf;
    std::size_t len;
};
struct spi_buf_set {
    const struct spi_buf* buffers;
    std::size_t count;
};

inline int spi_transceive(const struct device* spi, const struct spi_config* config, const struct spi_buf_set* out,
                          const struct spi_buf_set* in) {
    CHECK((spi != nullptr && config->operation == (SPI_WORD_SET(8) | SPI_TRANSFER_MSB) && config->frequency != 0));
    if (vmem::test::wires.fails) {
        return -EIO;
    }
    std::vector<std::uint8_t> sent;
    for (std::size_t i = 0; i < out->count; ++i) {
        const auto* const bytes = static_cast<const std::uint8_t*>(out->buffers[i].buf);
        sent.insert(sent.end(), bytes, bytes + out->buffers[i].len);
    }
    vmem::test::wires.taken = true; // It is nobody else's.
    for (std::uint8_t& value : sent) {
        value = vmem::test::wires.exchange(value);
    }
    vmem::test::wires.taken = false;
    std::size_t next = 0;
    for (std::size_t i = 0; in != nullptr && i < in->count; ++i) {
        for (std::size_t j = 0; j < in->buffers[i].len && next < sent.size(); ++j) {
            static_cast<std::uint8_t*>(in->buffers[i].buf)[j] = sent[next++];
        }
    }
    return 0;
}

#endif
