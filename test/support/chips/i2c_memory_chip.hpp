// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_CHIPS_I2C_MEMORY_CHIP_HPP
#define VMEM_TEST_SUPPORT_CHIPS_I2C_MEMORY_CHIP_HPP

#include <vmem/device/i2c_memory.hpp>
#include <vmem/result.hpp>

#include "support/chips/chip.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace vmem::test {

/// What went over the wires.
struct i2c_traffic {
    std::size_t transactions = 0;
    /// The device addresses included.
    std::size_t bytes = 0;
    std::size_t unanswered = 0;
    [[nodiscard]] friend bool operator==(const i2c_traffic&, const i2c_traffic&) = default;
};

/// A memory of the 24 series.
class i2c_memory_model : public chip_model {
public:
    /// `polls` is how often it does not answer after a write.
    i2c_memory_model(const i2c_memory_chip& chip, std::uint8_t device, std::size_t polls)
        : chip_(chip), device_(device), polls_(chip.write_time != 0 ? polls : 0),
          memory_(chip.size) {}

    [[nodiscard]] std::vector<std::byte>& memory() { return memory_; }
    [[nodiscard]] i2c_traffic take_traffic() { return std::exchange(traffic_, {}); }
    void never_ready() { busy_ = static_cast<std::size_t>(-1); }
    void ready() { busy_ = 0; }

    [[nodiscard]] vmem::result<void> write(std::uint8_t device, std::span<const std::byte> head,
                                           std::span<const std::byte> data) {
        if (!begin(device)) {
            return failure(errc::no_device);
        }
        if (head.empty() && data.empty()) {
            return {};
        }
        std::size_t at = place(device, head);
        std::size_t written = 0;
        const std::size_t first = at;
        for (const std::byte value : data) {
            if (!count_byte()) {
                tear(first, written);
                return failure(errc::write_failed);
            }
            if (at >= memory_.size() || (written != 0 && chip_.page != 0 && at % chip_.page == 0) ||
                (written != 0 && at % block() == 0)) {
                complain("24xx: written beyond the end of a page");
                return failure(errc::write_failed);
            }
            pending_.push_back(value);
            ++at;
            ++written;
        }
        // The stop condition starts the cells.
        for (std::size_t i = 0; i < pending_.size(); ++i) {
            memory_[first + i] = pending_[i];
        }
        pending_.clear();
        busy_ = polls_;
        return {};
    }

    [[nodiscard]] vmem::result<void> read(std::uint8_t device, std::span<const std::byte> head,
                                          std::span<std::byte> data) {
        if (!begin(device)) {
            return failure(errc::no_device);
        }
        std::size_t at = place(device, head);
        static_cast<void>(count_byte()); // The device address again.
        const std::size_t end = (at / block() + 1) * block();
        for (std::byte& value : data) {
            if (!count_byte()) {
                return failure(errc::read_failed);
            }
            if (at >= end || at >= memory_.size()) {
                complain("24xx: read beyond the end of a block");
                return failure(errc::read_failed);
            }
            value = memory_[at++];
        }
        return {};
    }

private:
    [[nodiscard]] std::size_t block() const { return std::size_t{1} << (8 * chip_.address_bytes); }

    [[nodiscard]] bool count_byte() {
        ++traffic_.bytes;
        return lives();
    }

    /// Whether it answers to this device address.
    [[nodiscard]] bool begin(std::uint8_t device) {
        ++traffic_.transactions;
        if (device > 0x7F) {
            complain("24xx: a device address has 7 bits");
        }
        const std::size_t blocks = (memory_.size() + block() - 1) / block();
        const std::size_t ours = ((device ^ device_) & 0x7Fu) >> chip_.block_bit;
        const std::size_t below = (device ^ device_) & ((1u << chip_.block_bit) - 1);
        if (!count_byte() || ours >= blocks || below != 0 || busy_ != 0) {
            busy_ -= busy_ != 0 && busy_ != static_cast<std::size_t>(-1) ? 1 : 0;
            ++traffic_.unanswered;
            return false;
        }
        return true;
    }

    [[nodiscard]] std::size_t place(std::uint8_t device, std::span<const std::byte> head) {
        if (head.size() != chip_.address_bytes) {
            complain("24xx: an address with the wrong number of bytes");
        }
        std::size_t at = ((device ^ device_) & 0x7Fu) >> chip_.block_bit;
        for (const std::byte value : head) {
            static_cast<void>(count_byte());
            at = at << 8 | std::to_integer<std::size_t>(value);
        }
        return at;
    }

    /// An EEPROM whose power fails has torn what it was sent; one that has not seen the stop
    /// condition yet has not begun. An FRAM has all that was sent.
    void tear(std::size_t first, std::size_t count) {
        for (std::size_t i = 0; i < count && chip_.write_time == 0; ++i) {
            memory_[first + i] = pending_[i];
        }
        pending_.clear();
    }

    i2c_memory_chip chip_;
    std::uint8_t device_;
    std::size_t polls_;
    std::size_t busy_ = 0;
    std::vector<std::byte> memory_;
    std::vector<std::byte> pending_;
    i2c_traffic traffic_;
};

/// An `i2c_bus` with one chip on it. A null chip is an empty socket.
struct i2c_wires {
    i2c_memory_model* chip = nullptr;

    [[nodiscard]] vmem::result<void> write(std::uint8_t device, std::span<const std::byte> head,
                                           std::span<const std::byte> data) {
        return chip != nullptr ? chip->write(device, head, data)
                               : vmem::result<void>(failure(errc::no_device));
    }
    [[nodiscard]] vmem::result<void> read(std::uint8_t device, std::span<const std::byte> head,
                                          std::span<std::byte> data) {
        return chip != nullptr ? chip->read(device, head, data)
                               : vmem::result<void>(failure(errc::no_device));
    }
};

} // namespace vmem::test

#endif
