// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_CHIPS_SERIAL_LINE_HPP
#define VMEM_TEST_SUPPORT_CHIPS_SERIAL_LINE_HPP

#include <vmem/device/serial_server.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <span>

namespace vmem::test {

/// A line with a server at its end, which loses and changes bytes in both directions.
template <class Storage>
class serial_line {
public:
    serial_line(Storage storage, std::uint64_t seed) : server_(storage), random_(seed) {}

    /// One of so many bytes, each; 0 for none.
    void disturb(unsigned one_lost_in, unsigned one_changed_in) {
        lost_in_ = one_lost_in;
        changed_in_ = one_changed_in;
    }
    void cut() { cut_ = true; }
    /// Every byte of an answer, or none.
    void garble_answers(bool on) { garbles_ = on; }
    [[nodiscard]] serial_server<Storage>& server() { return server_; }
    /// Bytes that went over the line, both ways together.
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

    void send(std::span<const std::byte> out) {
        for (std::byte value : out) {
            if (passes(value)) {
                server_.receive(std::span(&value, 1), answer());
            }
        }
    }
    [[nodiscard]] vmem::result<void> receive(std::span<std::byte> in) {
        for (std::byte& value : in) {
            if (coming_.empty()) {
                // While the device waits, the line is quiet.
                server_.quiet(answer());
            }
            if (coming_.empty()) {
                return failure(errc::timed_out);
            }
            value = coming_.front();
            coming_.pop_front();
        }
        return {};
    }

private:
    [[nodiscard]] auto answer() {
        return [this](std::span<const std::byte> part) {
            for (std::byte value : part) {
                if (passes(value)) {
                    coming_.push_back(garbles_ ? ~value : value);
                }
            }
        };
    }
    [[nodiscard]] bool passes(std::byte& value) {
        ++bytes_;
        if (cut_ || (lost_in_ != 0 && random_() % lost_in_ == 0)) {
            return false;
        }
        if (changed_in_ != 0 && random_() % changed_in_ == 0) {
            value ^= static_cast<std::byte>(1u << random_() % 8);
        }
        return true;
    }

    serial_server<Storage> server_;
    std::mt19937_64 random_;
    std::deque<std::byte> coming_;
    std::size_t bytes_ = 0;
    unsigned lost_in_ = 0;
    unsigned changed_in_ = 0;
    bool cut_ = false;
    bool garbles_ = false;
};

/// The device's end.
template <class Storage>
struct line_end {
    serial_line<Storage>* line = nullptr;
    [[nodiscard]] vmem::result<void> send(std::span<const std::byte> out) {
        line->send(out);
        return {};
    }
    [[nodiscard]] vmem::result<void> receive(std::span<std::byte> in) { return line->receive(in); }
};

} // namespace vmem::test

#endif
