// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_SERIAL_SERVER_HPP
#define VMEM_DEVICE_SERIAL_SERVER_HPP

#include <vmem/config.hpp>
#include <vmem/device/serial_frame.hpp>
#include <vmem/persist/crc32c.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace vmem {

/// What a `serial_server` has seen.
struct serial_counts {
    std::uint32_t requests = 0;
    /// Bytes that belonged to no frame.
    std::uint32_t dropped = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t bytes_written = 0;
};

/// The other end of `serial_storage`: serves a `Storage` to it. It knows nothing of the line: the
/// program gives it what came, and sends what it answers.
///
/// RAM: a frame of each direction, and the storage.
template <class Storage>
class serial_server {
    static_assert((check_storage<Storage>(), true));

public:
    explicit serial_server(Storage storage) : storage_(std::move(storage)) {}

    /// Takes bytes as they come; `answer(std::span<const std::byte>)` is called for each part of
    /// each answer, in order. O(bytes), and the storage's operations.
    template <class Answer>
    void receive(std::span<const std::byte> bytes, Answer answer) {
        while (!bytes.empty()) {
            const auto part = bytes.first(detail::lesser(bytes.size(), buffer_.size() - filled_));
            std::memcpy(buffer_.data() + filled_, part.data(), part.size());
            filled_ += part.size();
            bytes = bytes.subspan(part.size());
            while (take_frame(answer)) {
            }
        }
    }
    /// To be called when nothing has come for some milliseconds: what is missing of a frame will
    /// not come any more.
    template <class Answer>
    void quiet(Answer answer) {
        while (filled_ != 0) {
            drop(1);
            while (take_frame(answer)) {
            }
        }
    }

    /// What has gone over the line so far.
    [[nodiscard]] const serial_counts& counts() const noexcept { return counts_; }
    [[nodiscard]] Storage& storage() noexcept { return storage_; }
    /// The request that was answered last.
    [[nodiscard]] const serial_frame& last() const noexcept { return last_; }

private:
    static constexpr std::size_t header_size = serial_frame::header_size;
    static constexpr std::size_t crc_size = serial_frame::crc_size;

    void drop(std::size_t count) {
        counts_.dropped += static_cast<std::uint32_t>(count);
        remove(count);
    }
    void remove(std::size_t count) {
        filled_ -= count;
        std::memmove(buffer_.data(), buffer_.data() + count, filled_);
    }

    /// Serves the frame at the start of what came. Whether there may be another.
    template <class Answer>
    [[nodiscard]] bool take_frame(Answer& answer) {
        std::size_t garbage = 0;
        while (garbage < filled_ && buffer_[garbage] != serial_frame::mark) {
            ++garbage;
        }
        if (garbage != 0) {
            drop(garbage);
        }
        if (filled_ < header_size) {
            return false;
        }
        const auto frame = serial_frame::from_bytes(
            std::span<const std::byte, header_size>(buffer_.data(), header_size));
        if (frame.status != serial_status::request || frame.length > serial_frame::most_data) {
            drop(1);
            return true;
        }
        const std::size_t size = header_size + frame.data_size();
        if (filled_ < size + crc_size) {
            return false;
        }
        const std::span bytes = std::span<const std::byte>(buffer_).first(size);
        if (serial_frame::get(std::span(buffer_).subspan(size, crc_size)) != crc32c(bytes)) {
            drop(1);
            return true;
        }
        serve(frame, bytes.subspan(header_size), answer);
        remove(size + crc_size);
        return true;
    }

    template <class Answer>
    void serve(serial_frame frame, std::span<const std::byte> data, Answer& answer) {
        ++counts_.requests;
        last_ = frame;
        const std::span<std::byte> found =
            std::span(answer_).first(frame.kind == serial_kind::read ? frame.length : 0);
        const result<void> outcome = ask(frame, data, found);
        if (frame.kind == serial_kind::hello) {
            frame.place = storage_.size();
        }
        frame.status = outcome                                 ? serial_status::done
                       : outcome.error() == errc::out_of_range ? serial_status::out_of_range
                                                               : serial_status::failed;
        send(frame, found.first(frame.data_size()), answer);
    }

    /// What the storage says to it.
    [[nodiscard]] result<void> ask(const serial_frame& frame, std::span<const std::byte> data,
                                   std::span<std::byte> found) {
        const auto at = static_cast<address>(frame.place);
        switch (frame.kind) {
        case serial_kind::hello:
            return {};
        case serial_kind::read:
            counts_.bytes_read += frame.length;
            return at == frame.place ? storage_.read(at, found) : failure(errc::out_of_range);
        case serial_kind::write:
            counts_.bytes_written += frame.length;
            return at == frame.place ? storage_.write(at, data) : failure(errc::out_of_range);
        case serial_kind::sync:
            return storage_.sync();
        default:
            return failure(errc::out_of_range);
        }
    }

    template <class Answer>
    void send(const serial_frame& frame, std::span<const std::byte> data, Answer& answer) {
        const auto header = frame.to_bytes();
        std::array<std::byte, crc_size> crc{};
        serial_frame::put(crc, crc32c(data, crc32c(header)));
        answer(std::span<const std::byte>(header));
        answer(data);
        answer(std::span<const std::byte>(crc));
    }

    Storage storage_;
    std::array<std::byte, header_size + serial_frame::most_data + crc_size> buffer_{};
    std::array<std::byte, serial_frame::most_data> answer_{};
    std::size_t filled_ = 0;
    serial_counts counts_;
    serial_frame last_;
};

} // namespace vmem

#endif
