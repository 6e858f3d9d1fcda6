// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/serial_frame.hpp>

#include <cstddef>
#include <doctest/doctest.h>

namespace {

using vmem::serial_frame;
using vmem::serial_kind;
using vmem::serial_status;

TEST_CASE("serial_frame: there and back") {
    const serial_frame frame{.kind = serial_kind::read,
                             .number = 200,
                             .status = serial_status::done,
                             .length = 0x1234,
                             .place = 0xFEDC'BA98'7654};
    const auto bytes = frame.to_bytes();
    CHECK(bytes[0] == serial_frame::mark);
    CHECK(bytes[4] == std::byte{0x34});
    CHECK(bytes[11] == std::byte{0xFE});
    const auto again = serial_frame::from_bytes(bytes);
    CHECK(again.kind == frame.kind);
    CHECK(again.number == 200);
    CHECK(again.status == frame.status);
    CHECK(again.length == 0x1234);
    CHECK(again.place == 0xFEDC'BA98'7654);
}

TEST_CASE("serial_frame: who carries data") {
    const auto data = [](serial_kind kind, serial_status status) {
        return serial_frame{.kind = kind, .status = status, .length = 9}.data_size();
    };
    CHECK(data(serial_kind::write, serial_status::request) == 9);
    CHECK(data(serial_kind::read, serial_status::request) == 0);
    CHECK(data(serial_kind::write, serial_status::done) == 0);
    CHECK(data(serial_kind::read, serial_status::done) == 9);
    CHECK(data(serial_kind::read, serial_status::failed) == 0);
    CHECK(data(serial_kind::sync, serial_status::request) == 0);
}

} // namespace
