// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_CHIPS_SD_CARD_CHIP_HPP
#define VMEM_TEST_SUPPORT_CHIPS_SD_CARD_CHIP_HPP

#include <vmem/device/sd_protocol.hpp>

#include "support/chips/chip.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vmem::test {

struct sd_card_kind {
    std::uint32_t sectors = 2048;
    /// Addressed by sectors, not bytes.
    bool high_capacity = true;
    /// Knows CMD8.
    bool version_2 = true;
    std::uint8_t serial_number = 1;
    /// Bytes that go over the wires while a sector is programmed.
    unsigned busy = 20;
    /// How often it is asked until it has started.
    unsigned starts_after = 3;
};

/// An SD card in SPI mode.
class sd_card_model : public spi_chip {
public:
    static constexpr std::size_t sector = 512;

    explicit sd_card_model(const sd_card_kind& kind = {})
        : kind_(kind), memory_(std::size_t{kind.sectors} * sector) {}

    [[nodiscard]] std::vector<std::byte>& memory() { return memory_; }
    /// How often each command came since the last call; 100 more for those after CMD55.
    [[nodiscard]] std::map<unsigned, int> take_commands() { return std::exchange(commands_, {}); }

    // What can go wrong.
    void remove() { power_off(); }
    void insert() { power_on(); }
    void swap_for(std::uint8_t serial_number) { kind_.serial_number = serial_number; }
    void damage_reads(int blocks) { damaged_reads_ = blocks; }
    void damage_writes(int blocks) { damaged_writes_ = blocks; }
    void reject_writes(int blocks) { rejected_writes_ = blocks; }
    void fail_programming() { fails_programming_ = true; }
    void hang() { busy_ = static_cast<unsigned>(-1); }
    [[nodiscard]] bool is_busy() const { return busy_ != 0; }

private:
    enum class state { idle, ready, awaits_block, receives_block, sends_blocks };

    void on_power() override {
        state_ = state::idle;
        clocks_ = 0;
        is_spi_ = application_ = checks_ = several_ = false;
        busy_ = 0;
        asked_ = 0;
        out_.clear();
        frame_.clear();
        block_.clear();
    }
    void on_power_loss() override {
        // What is being programmed is old or new; sectors are not torn.
        if (busy_ != 0 && !before_.empty() && coin()) {
            std::ranges::copy(before_, memory_.begin() + static_cast<std::ptrdiff_t>(last_));
        }
        before_.clear();
    }

    void on_deselect() override {
        if (!frame_.empty()) {
            complain("SD: deselected within a command");
        }
        if (state_ == state::receives_block) {
            complain("SD: deselected within a block");
        }
    }
    [[nodiscard]] std::byte on_idle_byte() override {
        ++clocks_;
        rested_ = rested_ || out_.empty();
        work();
        return sd_token::silence;
    }
    void work() { busy_ -= busy_ != 0 && busy_ != static_cast<unsigned>(-1) ? 1 : 0; }

    [[nodiscard]] std::byte on_byte(std::byte in) override {
        // A card that was just put in understands nothing but CMD0, and nobody can know.
        if (!is_spi_ && frame_.empty() && in != std::byte{0x40}) {
            return sd_token::silence;
        }
        if (!is_spi_ && clocks_ < 10) {
            complain("SD: needs 74 clocks before the first command");
        }
        const bool answers = !out_.empty();
        const std::byte answer = next_out();
        if (state_ == state::receives_block) {
            on_block_byte(in);
        } else if (!frame_.empty() || (in & std::byte{0xC0}) == std::byte{0x40}) {
            on_command_byte(in);
        } else if (state_ == state::awaits_block && in != sd_token::silence) {
            on_token(in);
        } else if (in != sd_token::silence && is_spi_ && state_ != state::idle) {
            complain("SD: neither a command nor a token");
        }
        if (waits_ != 0) {
            --waits_;
        }
        rested_ = !answers;
        return answer;
    }

    [[nodiscard]] std::byte next_out() {
        if (out_.empty() && state_ == state::sends_blocks && frame_.empty()) {
            queue_block();
        }
        if (!out_.empty()) {
            const std::byte value = out_.front();
            out_.pop_front();
            return value;
        }
        const bool was_busy = busy_ != 0;
        work();
        return was_busy && waits_ == 0 ? std::byte{0x00} : sd_token::silence;
    }

    void on_command_byte(std::byte in) {
        if (frame_.empty()) {
            if (busy_ != 0 && in != std::byte{0x40}) {
                complain("SD: a command while it is busy");
            }
            if ((!out_.empty() || !rested_) && state_ != state::sends_blocks) {
                complain("SD: a command before the last answer was taken, and a byte more");
            }
        }
        frame_.push_back(in);
        if (frame_.size() == 6) {
            const std::vector<std::byte> frame = std::exchange(frame_, {});
            std::uint32_t argument = 0;
            for (std::size_t i = 1; i <= 4; ++i) {
                argument = argument << 8 | std::to_integer<std::uint32_t>(frame[i]);
            }
            const unsigned index = std::to_integer<unsigned>(frame[0]) & 0x3F;
            const bool whole = sd_crc7(std::span(frame).first(5)) == frame[5];
            if (!whole && (checks_ || index == 0 || index == 8)) {
                complain("SD: a command with a wrong CRC");
            }
            on_command(index, argument);
        }
    }

    void on_command(unsigned index, std::uint32_t argument) {
        const bool special = std::exchange(application_, false);
        ++commands_[index + (special ? 100 : 0)];
        if (index == 12) {
            stop();
            return;
        }
        if (state_ == state::sends_blocks && index != 0) {
            complain("SD: only CMD12 ends a sequence of reads");
        }
        if (state_ == state::awaits_block && several_ && index != 0) {
            complain("SD: only the stop token or CMD12 ends a sequence of writes");
        }
        if (index == 0) {
            restart();
        } else if (state_ == state::idle) {
            on_idle_command(index, argument, special);
        } else {
            on_ready_command(index, argument);
        }
    }

    void restart() {
        on_power();
        is_spi_ = true;
        clocks_ = 10;
        answer(std::byte{0x01});
    }

    void on_idle_command(unsigned index, std::uint32_t argument, bool special) {
        switch (index) {
        case 8:
            answer(kind_.version_2 ? std::byte{0x01} : std::byte{0x05});
            if (kind_.version_2) {
                put_word(argument & 0xFFF);
            }
            break;
        case 55:
            application_ = true;
            answer(std::byte{0x01});
            break;
        case 41:
            if (!special) {
                complain("SD: CMD41 is after CMD55");
            }
            if (kind_.high_capacity && (argument & 0x4000'0000) == 0) {
                complain("SD: a high capacity card was not told that it may be one");
            }
            if (++asked_ >= kind_.starts_after) {
                state_ = state::ready;
            }
            answer(state_ == state::ready ? std::byte{0x00} : std::byte{0x01});
            break;
        case 58:
            answer(std::byte{0x01});
            put_word(0x00FF'8000);
            break;
        case 59:
            checks_ = (argument & 1) != 0;
            answer(std::byte{0x01});
            break;
        default:
            complain("SD: CMD" + std::to_string(index) + " before it has started");
            answer(std::byte{0x05});
        }
    }

    void on_ready_command(unsigned index, std::uint32_t argument) {
        switch (index) {
        case 9:
        case 10:
            answer(std::byte{0x00});
            put_data(index == 9 ? csd() : cid());
            break;
        case 13:
            answer(std::byte{0x00});
            out_.push_back(fails_programming_ ? std::byte{0x04} : std::byte{0x00});
            fails_programming_ = false;
            break;
        case 16:
            if (argument != sector) {
                complain("SD: a block size other than 512");
            }
            answer(std::byte{0x00});
            break;
        case 17:
        case 18:
        case 24:
        case 25:
            transfer(index, argument);
            break;
        case 58:
            answer(std::byte{0x00});
            put_word(0x80FF'8000u | (kind_.high_capacity ? 0x4000'0000u : 0u));
            break;
        default:
            complain("SD: CMD" + std::to_string(index) + " is not one that it knows");
            answer(std::byte{0x04});
        }
    }

    void transfer(unsigned index, std::uint32_t argument) {
        if (!kind_.high_capacity && argument % sector != 0) {
            complain("SD: an address within a block");
        }
        at_ = std::size_t{argument} * (kind_.high_capacity ? sector : 1);
        if (at_ >= memory_.size()) {
            complain("SD: beyond the end");
            answer(std::byte{0x40});
            return;
        }
        answer(std::byte{0x00});
        several_ = index == 18 || index == 25;
        if (index == 17) {
            queue_block();
        } else {
            state_ = index == 18 ? state::sends_blocks : state::awaits_block;
            // One byte at least between the answer and the token.
            waits_ = out_.size() + 1;
        }
    }

    void queue_block() {
        if (at_ + sector > memory_.size()) {
            state_ = state::sends_blocks;
            out_.push_back(std::byte{0x08}); // Out of range.
            return;
        }
        put_data(std::span(memory_).subspan(at_, sector));
        at_ += sector;
    }

    void stop() {
        if (state_ != state::sends_blocks && state_ != state::awaits_block) {
            complain("SD: CMD12, but there is nothing to stop");
        }
        out_.clear();
        out_.push_back(std::byte{0x3C}); // Means nothing.
        answer(std::byte{0x00});
        busy_ = busy_ < 5 ? 5 : busy_;
        state_ = state::ready;
        several_ = false;
    }

    void on_token(std::byte in) {
        if (waits_ != 0) {
            complain("SD: a token right after the answer");
        }
        if (busy_ != 0) {
            complain("SD: a token while it is busy");
        }
        if (in == (several_ ? sd_token::next_block : sd_token::block)) {
            state_ = state::receives_block;
            block_.clear();
        } else if (in == sd_token::stop && several_) {
            state_ = state::ready;
            several_ = false;
            busy_ = kind_.busy;
            waits_ = 2;
        } else {
            complain("SD: not the token that was due");
        }
    }

    void on_block_byte(std::byte in) {
        block_.push_back(in);
        if (block_.size() < sector + 2) {
            return;
        }
        state_ = several_ ? state::awaits_block : state::ready;
        const auto data = std::span(block_).first(sector);
        if (damaged_writes_ != 0) {
            --damaged_writes_;
            data[17] ^= std::byte{0x20};
        }
        const std::uint16_t crc = sd_crc16(data);
        const bool whole = block_[sector] == static_cast<std::byte>(crc >> 8) &&
                           block_[sector + 1] == static_cast<std::byte>(crc);
        if (checks_ && !whole) {
            out_.push_back(std::byte{0xEB});
            return;
        }
        if (rejected_writes_ != 0 || at_ + sector > memory_.size()) {
            rejected_writes_ -= rejected_writes_ != 0 ? 1 : 0;
            out_.push_back(std::byte{0xED});
            return;
        }
        last_ = at_;
        const std::span cells = std::span(memory_).subspan(at_, sector);
        before_.assign(cells.begin(), cells.end());
        std::ranges::copy(data, cells.begin());
        at_ += sector;
        out_.push_back(std::byte{0xE5});
        busy_ = kind_.busy;
    }

    void answer(std::byte r1) {
        out_.push_back(sd_token::silence);
        out_.push_back(r1);
    }
    void put_word(std::uint32_t word) {
        for (int shift = 24; shift >= 0; shift -= 8) {
            out_.push_back(static_cast<std::byte>(word >> shift));
        }
    }
    void put_data(std::span<const std::byte> data) {
        out_.insert(out_.end(), 3, sd_token::silence);
        out_.push_back(sd_token::block);
        const std::uint16_t crc = sd_crc16(data);
        const std::size_t first = out_.size();
        out_.insert(out_.end(), data.begin(), data.end());
        if (damaged_reads_ != 0) {
            --damaged_reads_;
            out_[first + 3] ^= std::byte{0x01};
        }
        out_.push_back(static_cast<std::byte>(crc >> 8));
        out_.push_back(static_cast<std::byte>(crc));
    }
    [[nodiscard]] std::vector<std::byte> cid() const {
        std::vector<std::byte> bytes(16, std::byte{0x33});
        bytes[9] = static_cast<std::byte>(kind_.serial_number);
        return bytes;
    }
    [[nodiscard]] std::vector<std::byte> csd() const {
        std::vector<std::byte> bytes(16);
        if (kind_.high_capacity) {
            const std::uint32_t size = kind_.sectors / 1024 - 1;
            bytes[0] = std::byte{0x40};
            bytes[7] = static_cast<std::byte>(size >> 16);
            bytes[8] = static_cast<std::byte>(size >> 8);
            bytes[9] = static_cast<std::byte>(size);
        } else {
            // Blocks of 1024 bytes, a multiplier of 4.
            const std::uint32_t size = kind_.sectors / 8 - 1;
            bytes[5] = std::byte{0x0A};
            bytes[6] = static_cast<std::byte>(size >> 10 & 3);
            bytes[7] = static_cast<std::byte>(size >> 2);
            bytes[8] = static_cast<std::byte>(size << 6);
        }
        return bytes;
    }

    sd_card_kind kind_;
    std::vector<std::byte> memory_;
    std::map<unsigned, int> commands_;
    state state_ = state::idle;
    std::deque<std::byte> out_;
    std::vector<std::byte> frame_;
    std::vector<std::byte> block_;
    /// What the sector held that is being programmed, and where it is.
    std::vector<std::byte> before_;
    std::size_t last_ = 0;
    std::size_t at_ = 0;
    std::size_t waits_ = 0;
    std::size_t clocks_ = 0;
    unsigned busy_ = 0;
    unsigned asked_ = 0;
    int damaged_reads_ = 0;
    int damaged_writes_ = 0;
    int rejected_writes_ = 0;
    /// Whether it has had a byte of clocks since its last answer.
    bool rested_ = true;
    bool is_spi_ = false;
    bool application_ = false;
    bool checks_ = false;
    bool several_ = false;
    bool fails_programming_ = false;
};

} // namespace vmem::test

#endif
