// SPDX-License-Identifier: BSL-1.0
// What docs/device uses of Arduino's library Wire, by its reference, with the buffers it has on AVR.
#ifndef VMEM_TEST_DOCS_ARDUINO_WIRE_H
#define VMEM_TEST_DOCS_ARDUINO_WIRE_H

#include "docs/wires.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

class TwoWire {
public:
    void beginTransmission(std::uint8_t device) {
        device_ = device;
        out_.clear();
    }
    /// What does not fit is left out.
    std::size_t write(const std::uint8_t* data, std::size_t count) {
        std::size_t taken = 0;
        for (; taken < count && out_.size() < buffer; ++taken) {
            out_.push_back(std::byte{data[taken]});
        }
        return taken;
    }
    /// 0: done, 2: no answer to the address, 4: another error.
    std::uint8_t endTransmission(bool stop = true) {
        if (!stop) {
            return vmem::test::wires.i2c == nullptr ? 2 : 0;
        }
        const auto sent = vmem::test::wires.send(device_, out_);
        return sent ? 0 : sent.error() == vmem::errc::no_device ? 2 : 4;
    }
    std::size_t requestFrom(std::uint8_t device, std::size_t count) {
        CHECK(device == device_);
        in_.assign(count < buffer ? count : buffer, std::byte{});
        next_ = 0;
        return vmem::test::wires.receive(device, out_, in_) ? in_.size() : 0;
    }
    int read() { return next_ < in_.size() ? std::to_integer<int>(in_[next_++]) : -1; }

private:
    static constexpr std::size_t buffer = 32;
    std::uint8_t device_ = 0;
    std::vector<std::byte> out_;
    std::vector<std::byte> in_;
    std::size_t next_ = 0;
};
inline TwoWire Wire;

#endif
