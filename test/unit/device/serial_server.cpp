// SPDX-License-Identifier: BSL-1.0
#include <vmem/device/serial_server.hpp>
#include <vmem/persist/crc32c.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <vector>

namespace {

using vmem::serial_frame;
using vmem::serial_kind;
using vmem::serial_status;
using server = vmem::serial_server<vmem::ram_storage<100>>;

std::vector<std::byte> request(const serial_frame& frame, std::vector<std::byte> data = {}) {
    const auto header = frame.to_bytes();
    std::vector<std::byte> bytes(header.begin(), header.end());
    bytes.insert(bytes.end(), data.begin(), data.end());
    const std::uint32_t crc = vmem::crc32c(bytes);
    bytes.resize(bytes.size() + 4);
    serial_frame::put(std::span(bytes).last(4), crc);
    return bytes;
}

struct conversation {
    server other{vmem::ram_storage<100>{}};
    std::vector<std::byte> said;

    void say(std::span<const std::byte> bytes) {
        said.clear();
        other.receive(bytes, [this](std::span<const std::byte> part) {
            said.insert(said.end(), part.begin(), part.end());
        });
    }
    [[nodiscard]] serial_frame answer() const {
        REQUIRE(said.size() >= 16);
        return serial_frame::from_bytes(std::span<const std::byte, 12>(said.data(), 12));
    }
};

TEST_CASE("serial_server: answers") {
    conversation line;
    line.say(request({.kind = serial_kind::hello, .number = 5}));
    CHECK(line.answer().status == serial_status::done);
    CHECK(line.answer().number == 5);
    CHECK(line.answer().place == 100);
    const std::vector<std::byte> data(3, std::byte{7});
    line.say(request({.kind = serial_kind::write, .length = 3, .place = 97}, data));
    CHECK(line.answer().status == serial_status::done);
    line.say(request({.kind = serial_kind::read, .length = 2, .place = 98}));
    REQUIRE(line.said.size() == 18);
    CHECK(line.said[12] == std::byte{7});
    line.say(request({.kind = serial_kind::read, .length = 2, .place = 99}));
    CHECK(line.answer().status == serial_status::out_of_range);
    CHECK(line.said.size() == 16);
    line.say(request({.kind = serial_kind::read, .length = 2, .place = 0xFFFF'FFFF'FFFF}));
    CHECK(line.answer().status == serial_status::out_of_range);
    line.say(request({.kind = serial_kind{}}));
    CHECK(line.answer().status == serial_status::out_of_range);
    CHECK(line.other.counts().requests == 6);
    CHECK(line.other.counts().bytes_written == 3);
}

TEST_CASE("serial_server: finds the frame in the noise") {
    std::mt19937_64 random;
    for (int i = 0; i < 200; ++i) {
        CAPTURE(i);
        conversation line;
        std::vector<std::byte> bytes(random() % 30);
        for (std::byte& each : bytes) {
            each = random() % 4 == 0 ? serial_frame::mark : static_cast<std::byte>(random());
        }
        line.say(bytes);
        bool quiet_answer = false;
        line.other.quiet([&](std::span<const std::byte>) { quiet_answer = true; });
        CHECK_FALSE(quiet_answer);
        line.say(request({.kind = serial_kind::sync}));
        CHECK(line.answer().status == serial_status::done);
        CHECK(line.other.counts().dropped == bytes.size());
    }
}

TEST_CASE("serial_server: a frame that lost a byte is followed by a whole one") {
    conversation line;
    auto bytes = request({.kind = serial_kind::write, .length = 50}, std::vector<std::byte>(50));
    bytes.erase(bytes.begin() + 20);
    line.say(bytes);
    CHECK(line.said.empty());
    line.say(request({.kind = serial_kind::sync, .number = 9}));
    CHECK(line.answer().number == 9);
}

} // namespace
