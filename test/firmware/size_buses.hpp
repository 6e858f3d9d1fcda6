// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_SIZE_BUSES_HPP
#define VMEM_TEST_FIRMWARE_SIZE_BUSES_HPP

#include <vmem/device/sd_protocol.hpp>
#include <vmem/result.hpp>

#include "semihosting.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

/// \file
/// The buses of the programs whose size and instructions are counted: `memory_bus` and `card_bus`.
/// Compiled with COUNTS they have a chip in software, the same on each board; else they are as a
/// product's would be.

/// Where the emulator's plugin goes on counting. The outcome of a transfer.
vmem::result<void> bus_ends() noexcept;

/// A controller with a data register and a status register; the chip select is a pin.
struct register_bus {
    static void select() noexcept { port(0x4000'7004) = 0; }
    static void deselect() noexcept { port(0x4000'7004) = 1; }
    [[nodiscard, gnu::noinline]] static vmem::result<void>
    transfer(std::span<const std::byte> out, std::span<std::byte> in) noexcept {
        for (const std::byte value : out) {
            static_cast<void>(exchange(value));
        }
        for (std::byte& value : in) {
            value = exchange(std::byte{0xFF});
        }
        return {};
    }

private:
    static volatile std::uint32_t& port(std::uintptr_t at) noexcept {
        return *reinterpret_cast<volatile std::uint32_t*>(at);
    }
    static std::byte exchange(std::byte value) noexcept {
        port(0x4000'8008) = std::to_integer<std::uint32_t>(value);
        while ((port(0x4000'800C) & 4) == 0) {
        }
        return static_cast<std::byte>(port(0x4000'8008));
    }
};

/// What a chip holds: a file of the machine that emulates the board, as boards have too little RAM
/// and no chips. Zero where nothing was written. It is there when the program is run again.
class chip_file {
public:
    void read(std::uintptr_t at, std::byte* to, std::size_t count) noexcept {
        for (std::size_t i = 0; i < count; ++i) {
            to[i] = std::byte{};
        }
        move(semihosting::call::read, at, to, count);
    }
    void write(std::uintptr_t at, const std::byte* from, std::size_t count) noexcept {
        move(semihosting::call::write, at, from, count);
    }

private:
    void move(semihosting::call way, std::uintptr_t at, const std::byte* bytes,
              std::size_t count) noexcept {
        static constexpr char name[] = "chip.img";
        for (std::uintptr_t mode = 3 /* r+b */; file_ == none && mode <= 7 /* w+b */; mode += 4) {
            const std::uintptr_t block[3] = {reinterpret_cast<std::uintptr_t>(name), mode,
                                             sizeof(name) - 1};
            file_ = semihosting::ask(semihosting::call::open, block);
        }
        const std::uintptr_t place[2] = {file_, at};
        const std::uintptr_t range[3] = {file_, reinterpret_cast<std::uintptr_t>(bytes), count};
        if (semihosting::ask(semihosting::call::seek, place) != 0) {
            semihosting::exit(2);
        }
        semihosting::ask(way, range);
    }

    static constexpr auto none = static_cast<std::uintptr_t>(-1);
    std::uintptr_t file_ = none;
};

/// A chip just good enough to be counted with: SRAM and FRAM have the same commands.
template <std::size_t AddressBytes>
class memory_chip {
public:
    void select() noexcept { count_ = 0; }
    void deselect() noexcept {}
    [[nodiscard]] std::byte exchange(std::byte value) noexcept {
        const std::size_t n = count_++;
        if (n == 0) {
            command_ = value;
            at_ = 0;
        } else if (command_ == std::byte{0x05}) {
            return mode_;
        } else if (command_ == std::byte{0x01}) {
            mode_ = value;
        } else if (command_ == std::byte{0x9F}) {
            return n == 1 ? std::byte{0x04} : n == 2 ? std::byte{0x7F} : std::byte{0x03};
        } else if (n <= AddressBytes) {
            at_ = at_ << 8 | std::to_integer<std::uintptr_t>(value);
        } else if (command_ == std::byte{0x02}) {
            memory_.write(at_++, &value, 1);
        } else {
            memory_.read(at_++, &value, 1);
            return value;
        }
        return std::byte{0xFF};
    }

private:
    chip_file memory_{};
    std::byte command_{};
    std::byte mode_{};
    std::uintptr_t at_ = 0;
    std::size_t count_ = 0;
};

/// An SDSC card of 8 MiB that is never busy, as far as `sd_card` knows cards.
class card_chip {
public:
    void select() noexcept { selected_ = true; }
    void deselect() noexcept { selected_ = false; }
    [[nodiscard]] std::byte exchange(std::byte value) noexcept {
        if (!selected_) {
            return vmem::sd_token::silence;
        }
        if (answered_ == answers_) {
            answered_ = answers_ = 0;
            if (sends_several_) {
                answer_block();
            }
        }
        const bool answers = answered_ != answers_;
        const std::byte now = answers ? answer_[answered_++] : vmem::sd_token::silence;
        if (taken_ != 0 || value != vmem::sd_token::silence) {
            take(value);
        }
        return now;
    }

private:
    using command = vmem::sd_command;
    static constexpr std::size_t sector = 512;

    /// A byte of a command, or of a token and the block that follows it.
    void take(std::byte value) noexcept {
        take_[taken_++] = value;
        if ((take_[0] & std::byte{0xC0}) == std::byte{0x40}) {
            if (taken_ == 6) {
                taken_ = 0;
                obey(static_cast<command>(take_[0] & std::byte{0x3F}));
            }
        } else if (take_[0] == vmem::sd_token::stop) {
            taken_ = 0;
        } else if (taken_ == sizeof(take_)) {
            taken_ = 0;
            memory_.write(at_, take_ + 1, sector);
            at_ += sector;
            answer(std::byte{0x05});
        }
    }

    void obey(command which) noexcept {
        idle_ = which == command::go_idle || (idle_ && which != command::operate);
        sends_several_ = which == command::read_multiple;
        answered_ = answers_ = 0;
        answer(vmem::sd_token::silence);
        answer(static_cast<std::byte>(idle_));
        switch (which) {
        case command::send_interface:
        case command::read_ocr: // All that matters of it is that the bit for high capacity is 0.
            for (std::size_t i = 1; i <= 4; ++i) {
                answer(take_[i]);
            }
            break;
        case command::send_status:
            answer(std::byte{});
            break;
        case command::send_cid: // Any will do.
        case command::send_csd:
            begin_data();
            for (const std::uint8_t each : csd) {
                answer(std::byte{each});
            }
            end_data(sizeof(csd));
            break;
        case command::read_single:
        case command::read_multiple:
        case command::write_single:
        case command::write_multiple:
            at_ = 0;
            for (std::size_t i = 1; i <= 4; ++i) {
                at_ = at_ << 8 | std::to_integer<std::uintptr_t>(take_[i]);
            }
            if (which == command::read_single) {
                answer_block();
            }
            break;
        default:
            break;
        }
    }

    void answer(std::byte value) noexcept { answer_[answers_++] = value; }
    void begin_data() noexcept {
        answer(vmem::sd_token::silence);
        answer(vmem::sd_token::block);
    }
    void end_data(std::size_t count) noexcept {
        const auto crc = vmem::sd_crc16(std::span(answer_).subspan(answers_ - count, count));
        answer(static_cast<std::byte>(crc >> 8));
        answer(static_cast<std::byte>(crc));
    }
    void answer_block() noexcept {
        begin_data();
        memory_.read(at_, answer_ + answers_, sector);
        at_ += sector;
        answers_ += sector;
        end_data(sector);
    }

    /// 32 << 9 sectors of 512 bytes.
    static constexpr std::uint8_t csd[16] = {0, 0, 0, 0, 0, 9, 0, 7, 0xFF, 0xFF, 0x80};

    std::byte take_[1 + sector + 2]{};
    std::byte answer_[4 + sector + 2]{};
    std::size_t taken_ = 0;
    std::size_t answers_ = 0;
    std::size_t answered_ = 0;
    /// Where the next sector is.
    std::uintptr_t at_ = 0;
    chip_file memory_{};
    bool selected_ = false;
    bool idle_ = false;
    bool sends_several_ = false;
};

/// A bus with that chip. The emulator's plugin counts nothing from the beginning of `transfer` to
/// that of `bus_ends`. The attribute: so that the compiler knows as little of it as of a driver in
/// another file.
template <class Chip>
struct chip_bus {
    static void select() noexcept { chip_.select(); }
    static void deselect() noexcept { chip_.deselect(); }
    [[nodiscard, gnu::noipa]] static vmem::result<void> transfer(std::span<const std::byte> out,
                                                                 std::span<std::byte> in) noexcept {
        for (const std::byte value : out) {
            static_cast<void>(chip_.exchange(value));
        }
        for (std::byte& value : in) {
            value = chip_.exchange(std::byte{0xFF});
        }
        return bus_ends();
    }

private:
    static inline Chip chip_{};
};

#if defined(COUNTS)
/// The bus of an SRAM or FRAM.
template <std::size_t AddressBytes>
using memory_bus = chip_bus<memory_chip<AddressBytes>>;
using card_bus = chip_bus<card_chip>;
#else
template <std::size_t>
using memory_bus = register_bus;
using card_bus = register_bus;
#endif

#endif
