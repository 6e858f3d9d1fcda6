// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_CHIPS_SPI_SRAM_CHIP_HPP
#define VMEM_TEST_SUPPORT_CHIPS_SPI_SRAM_CHIP_HPP

#include "support/chips/chip.hpp"

#include <cstddef>
#include <vector>

namespace vmem::test {

/// Microchip's 23K, 23A and 23LC serial RAMs. In byte mode, in which a 23K wakes up, only the first
/// byte of a transaction is data.
class spi_sram_model : public spi_chip {
public:
    spi_sram_model(std::size_t size, std::size_t address_bytes, std::byte mode_at_power_on)
        : memory_(size), address_bytes_(address_bytes), first_mode_(mode_at_power_on),
          mode_(mode_at_power_on) {}

    [[nodiscard]] std::vector<std::byte>& memory() { return memory_; }

private:
    static constexpr std::byte mode_bits{0xC0};
    static constexpr std::byte sequential{0x40};

    void on_power() override { mode_ = first_mode_; }
    void on_power_loss() override {
        for (std::byte& each : memory_) {
            each = any_byte();
        }
    }
    void on_select() override { count_ = 0; }
    void on_deselect() override {
        if (count_ == 0 || count_ < head_size()) {
            complain("23LC: deselected within a command");
        }
    }
    [[nodiscard]] std::size_t head_size() const {
        return command_ == std::byte{0x01} || command_ == std::byte{0x05} ? 2 : 1 + address_bytes_;
    }

    [[nodiscard]] std::byte on_byte(std::byte in) override {
        const std::size_t n = count_++;
        if (n == 0) {
            command_ = in;
            at_ = 0;
            if (in != std::byte{0x01} && in != std::byte{0x05} && in != std::byte{0x02} &&
                in != std::byte{0x03}) {
                complain("23LC: no such command");
            }
            return std::byte{0xFF};
        }
        if (command_ == std::byte{0x01} || command_ == std::byte{0x05}) {
            if (n > 1) {
                complain("23LC: the mode register has one byte");
            }
            mode_ = command_ == std::byte{0x01} ? in : mode_;
            return mode_;
        }
        if (n <= address_bytes_) {
            at_ = at_ << 8 | std::to_integer<std::size_t>(in);
            return std::byte{0xFF};
        }
        return on_data(in, n - address_bytes_);
    }

    [[nodiscard]] std::byte on_data(std::byte in, std::size_t nth) {
        if (nth > 1 && (mode_ & mode_bits) != sequential) {
            complain("23LC: several bytes, but not in sequential mode");
        }
        if (at_ >= memory_.size()) {
            complain("23LC: beyond the end, where addresses start over");
            at_ %= memory_.size();
        }
        std::byte& cell = memory_[at_++];
        const std::byte before = cell;
        if (command_ == std::byte{0x02}) {
            cell = in;
            return std::byte{0xFF};
        }
        return before;
    }

    std::vector<std::byte> memory_;
    std::size_t address_bytes_;
    std::byte first_mode_;
    std::byte mode_;
    std::byte command_{};
    std::size_t at_ = 0;
    /// Bytes of this transaction.
    std::size_t count_ = 0;
};

} // namespace vmem::test

#endif
