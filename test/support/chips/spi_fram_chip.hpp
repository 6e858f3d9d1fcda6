// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_CHIPS_SPI_FRAM_CHIP_HPP
#define VMEM_TEST_SUPPORT_CHIPS_SPI_FRAM_CHIP_HPP

#include "support/chips/chip.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <utility>
#include <vector>

namespace vmem::test {

/// Fujitsu's MB85RS serial FRAMs. Each byte of a write is in its cell when its last bit was sent.
class spi_fram_model : public spi_chip {
public:
    spi_fram_model(std::size_t size, std::size_t address_bytes)
        : memory_(size), address_bytes_(address_bytes) {}

    [[nodiscard]] std::vector<std::byte>& memory() { return memory_; }
    [[nodiscard]] bool is_asleep() const { return state_ == state::asleep; }
    void protect(std::byte blocks) { status_ = blocks; }
    void set_maker(std::byte maker) { maker_ = maker; }
    /// Bytes that go over the wires while it wakes.
    static constexpr std::size_t waking_time = 300;

private:
    enum class state { awake, asleep, waking };

    void on_power() override { allowed_ = false; }
    void on_power_loss() override { state_ = state::awake; }
    void on_select() override {
        count_ = 0;
        if (state_ == state::asleep) {
            state_ = state::waking;
            waking_ = waking_time;
        }
    }
    void on_deselect() override {
        if (state_ == state::waking) {
            if (waking_ == 0) {
                state_ = state::awake;
            }
            return;
        }
        const bool data = command_ == read || command_ == write;
        if (count_ == 0 || (data && count_ < 1 + address_bytes_) ||
            (command_ == status && count_ < 2)) {
            complain("MB85RS: deselected within a command");
        }
        if (command_ == enable) {
            allowed_ = true;
        } else if (command_ == write) {
            allowed_ = false;
        } else if (command_ == sleep) {
            state_ = state::asleep;
        }
    }

    [[nodiscard]] std::byte on_byte(std::byte in) override {
        const std::size_t n = count_++;
        if (state_ == state::waking) {
            waking_ -= waking_ != 0 ? 1 : 0;
            if (n == 0 && in != identify) {
                complain("MB85RS: used while it wakes");
            }
            return std::byte{0xFF};
        }
        if (n == 0) {
            return on_command(in);
        }
        if (command_ == identify) {
            const auto density = static_cast<std::byte>(std::countr_zero(memory_.size() / 1024));
            const std::array id = {maker_, std::byte{0x7F}, density | std::byte{0x20},
                                   std::byte{0x03}};
            return n <= id.size() ? id[n - 1] : std::byte{0xFF};
        }
        if (command_ == status) {
            return status_ | (allowed_ ? std::byte{0x02} : std::byte{0x00});
        }
        if (command_ == enable || command_ == sleep) {
            complain("MB85RS: bytes after a command that has none");
            return std::byte{0xFF};
        }
        return n <= address_bytes_ ? on_address(in) : on_data(in);
    }

    [[nodiscard]] std::byte on_command(std::byte in) {
        command_ = in;
        at_ = 0;
        if (in == write && !allowed_) {
            complain("MB85RS: write without the write-enable latch");
        }
        if (in != enable && in != status && in != read && in != write && in != identify &&
            in != sleep) {
            complain("MB85RS: no such command");
        }
        return std::byte{0xFF};
    }
    [[nodiscard]] std::byte on_address(std::byte in) {
        at_ = at_ << 8 | std::to_integer<std::size_t>(in);
        return std::byte{0xFF};
    }
    [[nodiscard]] std::byte on_data(std::byte in) {
        if (at_ >= memory_.size()) {
            complain("MB85RS: beyond the end, where addresses start over");
            at_ %= memory_.size();
        }
        std::byte& cell = memory_[at_++];
        if (command_ == read) {
            return cell;
        }
        if (allowed_) {
            cell = in;
        }
        return std::byte{0xFF};
    }

    static constexpr std::byte enable{0x06};
    static constexpr std::byte status{0x05};
    static constexpr std::byte read{0x03};
    static constexpr std::byte write{0x02};
    static constexpr std::byte identify{0x9F};
    static constexpr std::byte sleep{0xB9};

    std::vector<std::byte> memory_;
    std::size_t address_bytes_;
    std::byte maker_{0x04};
    std::byte status_{};
    std::byte command_{};
    std::size_t at_ = 0;
    std::size_t count_ = 0;
    std::size_t waking_ = 0;
    state state_ = state::awake;
    bool allowed_ = false;
};

} // namespace vmem::test

#endif
