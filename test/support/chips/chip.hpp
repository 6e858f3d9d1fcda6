// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_CHIPS_CHIP_HPP
#define VMEM_TEST_SUPPORT_CHIPS_CHIP_HPP

#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <utility>

/// \file
/// Models of chips, byte by byte. What a data sheet does not allow fails the test that did it.
namespace vmem::test {

/// What all models have: they complain, and their power fails.
class chip_model {
public:
    chip_model() = default;
    chip_model(const chip_model&) = delete;
    chip_model& operator=(const chip_model&) = delete;
    virtual ~chip_model() { CHECK_MESSAGE(complaint_.empty(), complaint_); }

    /// What was done wrong first, once; empty if nothing was. For tests of the models.
    [[nodiscard]] std::string take_complaint() { return std::exchange(complaint_, {}); }

    /// Power fails after so many more bytes.
    void cut_after(std::size_t bytes) { left_ = bytes; }
    [[nodiscard]] bool is_on() const { return on_; }
    void power_on() {
        on_ = true;
        left_ = endless;
        on_power();
    }
    void power_off() {
        if (on_) {
            on_ = false;
            on_power_loss();
        }
    }

protected:
    void complain(std::string what) {
        if (complaint_.empty()) {
            complaint_ = std::move(what);
        }
    }
    /// Counts a byte; whether there still is power.
    [[nodiscard]] bool lives() {
        if (on_ && left_ != endless && left_-- == 0) {
            left_ = endless;
            power_off();
        }
        return on_;
    }
    [[nodiscard]] bool coin() { return random_() % 2 == 0; }
    [[nodiscard]] std::byte any_byte() { return static_cast<std::byte>(random_() >> 56); }

    virtual void on_power() {}
    virtual void on_power_loss() {}

private:
    static constexpr std::size_t endless = (std::numeric_limits<std::size_t>::max)();

    std::string complaint_;
    std::mt19937_64 random_;
    std::size_t left_ = endless;
    bool on_ = true;
};

/// What went over the wires.
struct spi_traffic {
    std::size_t transactions = 0;
    /// While selected.
    std::size_t bytes = 0;
    [[nodiscard]] friend bool operator==(const spi_traffic&, const spi_traffic&) = default;
};

/// A chip on SPI: a byte goes in while a byte comes out.
class spi_chip : public chip_model {
public:
    void select() {
        if (std::exchange(selected_, true)) {
            complain("selected twice");
        }
        ++traffic_.transactions;
        if (is_on()) {
            on_select();
        }
    }
    void deselect() {
        if (!std::exchange(selected_, false)) {
            complain("deselected twice");
        }
        if (is_on()) {
            on_deselect();
        }
    }
    [[nodiscard]] std::byte exchange(std::byte in) {
        if (selected_) {
            ++traffic_.bytes;
        }
        if (!lives()) {
            return std::byte{0xFF};
        }
        return selected_ ? on_byte(in) : on_idle_byte();
    }

    /// Since the last call.
    [[nodiscard]] spi_traffic take_traffic() { return std::exchange(traffic_, {}); }

protected:
    virtual void on_select() {}
    virtual void on_deselect() {}
    [[nodiscard]] virtual std::byte on_byte(std::byte in) = 0;
    /// A clock for others.
    [[nodiscard]] virtual std::byte on_idle_byte() { return std::byte{0xFF}; }

private:
    bool selected_ = false;
    spi_traffic traffic_;
};

/// An `spi_bus` with one chip on it. A null chip is an empty socket.
struct spi_wires {
    spi_chip* chip = nullptr;
    /// What the controller reports next, if it is an error.
    vmem::result<void>* fails = nullptr;

    void select() noexcept {
        if (chip != nullptr) {
            chip->select();
        }
    }
    void deselect() noexcept {
        if (chip != nullptr) {
            chip->deselect();
        }
    }
    [[nodiscard]] vmem::result<void> transfer(std::span<const std::byte> out,
                                              std::span<std::byte> in) {
        if (fails != nullptr && !*fails) {
            return std::exchange(*fails, {});
        }
        for (const std::byte value : out) {
            static_cast<void>(exchange(value));
        }
        for (std::byte& value : in) {
            value = exchange(std::byte{0xFF});
        }
        return {};
    }

private:
    [[nodiscard]] std::byte exchange(std::byte value) const {
        return chip != nullptr ? chip->exchange(value) : std::byte{0xFF};
    }
};

} // namespace vmem::test

#endif
