// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_SD_CARD_HPP
#define VMEM_DEVICE_SD_CARD_HPP

#include <vmem/config.hpp>
#include <vmem/device/sd_link.hpp>
#include <vmem/device/sd_protocol.hpp>
#include <vmem/device/sd_start.hpp>
#include <vmem/device/spi_bus.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

/// An SD card in SPI mode: SDSC, SDHC and SDXC, in sectors of 512 bytes, which a power cut leaves
/// old or new. All that goes over the wires is protected by a CRC unless `Options` says otherwise.
///
/// Neighbouring sectors are transferred in one sequence, whether they are asked for in one call or
/// in several: from the second call on that begins where the last one ended, the sequence stays
/// open until something else is asked for. A single sector is one command of 6 bytes, the card's
/// answer, a token, 512 bytes and 2 of CRC.
///
/// A write returns when the card has the data, and the card programs it while the program goes on;
/// what goes wrong meanwhile is reported by the next operation. `sync` waits for it.
///
/// If a transfer fails, the card is started anew and asked again, at most twice; so a card that was
/// taken out and put back goes on working. Errors: no_device while there is none; wrong_device if
/// another one was put in; timed_out; read_failed, write_failed, sync_failed; the bus's.
template <class Bus, sd_options Options = sd_options{}>
class sd_card {
    static_assert((check_spi_bus<Bus>(), true));

    using link_type = detail::sd_link<Bus, Options>;
    using selection = typename link_type::selection;

public:
    /// Bytes, the unit of all transfers.
    static constexpr std::size_t sector = link_type::block_size;
    static constexpr storage_geometry geometry = {
        .read_size = sector, .write_size = sector, .erase_size = 0, .atomic_write_size = sector};

    constexpr sd_card() = default;
    constexpr explicit sd_card(Bus bus) noexcept(std::is_nothrow_move_constructible_v<Bus>)
        : link_(std::move(bus)) {}

    /// Must have succeeded before anything else is called. Errors: no_device, wrong_device (not the
    /// card that was started before), timed_out, read_failed. Takes up to a second.
    [[nodiscard]] result<void> start() {
        mode_ = mode::idle;
        lost_ = lost_ || unsynced_;
        unsynced_ = false;
        clock(400'000);
        const auto started = initialise();
        clock(Options.hertz);
        return finish(started);
    }
    /// Lets the next `start` accept any card.
    void forget() noexcept { blocks_ = 0; }

    /// Bytes; 0 before `start`. What an address cannot express is not used.
    [[nodiscard]] constexpr address size() const noexcept {
        constexpr address most = (std::numeric_limits<address>::max)() / sector;
        return (blocks_ < most ? static_cast<address>(blocks_) : most) * sector;
    }

    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        return transfer(from, {}, out);
    }
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        return transfer(to, in, {});
    }
    /// Is not repeated if it fails: the pieces are gone. `count` must be whole sectors.
    [[nodiscard]] result<void> write_gathered(address to, address count, auto& next) {
        if (const auto fits = check(to, count); !fits || count == 0) {
            return fits;
        }
        using pieces = std::remove_reference_t<decltype(next)>;
        source all{.from = &next,
                   .next = [](void* from) -> std::span<const std::byte> {
                       return (*static_cast<pieces*>(from))();
                   },
                   .piece = {}};
        return transfer_blocks(to, count, all, {});
    }
    /// Ends what is open, waits until the card has programmed it, and asks whether it could. Errors
    /// also if the card was started anew since it was written to: what it had not programmed then
    /// may be lost.
    [[nodiscard]] result<void> sync() {
        if (std::exchange(lost_, false)) {
            return failure(errc::sync_failed);
        }
        if (!unsynced_) {
            return {};
        }
        const selection selected(link_);
        const auto outcome = finish(complete());
        unsynced_ = !outcome;
        return outcome;
    }

    /// The bus that the card is on.
    [[nodiscard]] constexpr Bus& bus() noexcept { return link_.bus(); }

private:
    enum class mode : std::uint8_t { idle, has_read, has_written, reading, writing };

    using command = sd_command;

    /// Where the bytes of a write come from, whatever hands them out: there is one function that
    /// writes.
    struct source {
        void* from;
        std::span<const std::byte> (*next)(void*);
        /// What is left of the piece at hand.
        std::span<const std::byte> piece;
    };

    [[nodiscard]] constexpr result<void> check(address at, address count) const noexcept {
        const auto fits = detail::check_range(size(), at, count);
        return fits && (at | count) % sector != 0 ? failure(errc::misaligned) : fits;
    }

    void clock([[maybe_unused]] std::uint32_t hertz) {
        if constexpr (requires(Bus& bus) { bus.clock(hertz); }) {
            link_.bus().clock(hertz);
        }
    }

    /// The outcome of a transfer: what the bus says, before what the card did. What failed in the
    /// middle of a sequence ends it.
    [[nodiscard]] result<void> finish(result<void> outcome) {
        if (!outcome && std::exchange(mode_, mode::idle) >= mode::reading) {
            static_cast<void>(link_.command(command::stop_transmission));
        }
        const auto wires = link_.bus_error();
        return wires ? outcome : wires;
    }

    // --- transfers

    /// Writes `in`, or reads `out` if that is empty, and tries again.
    [[nodiscard]] result<void> transfer(address at, std::span<const std::byte> in,
                                        std::span<std::byte> out) {
        const std::size_t count = in.size() + out.size();
        if (const auto fits = check(at, count); !fits || count == 0) {
            return fits;
        }
        for (int left = 2;; --left) {
            source all{.from = nullptr, .next = nullptr, .piece = in};
            const auto outcome = transfer_blocks(at, count, all, out);
            if (outcome || left == 0) {
                return outcome;
            }
            if (outcome.error() != errc::read_failed && outcome.error() != errc::write_failed) {
                if (const auto again = start(); !again) {
                    return again;
                }
            }
        }
    }

    /// One attempt; `out` is empty for a write. `count` is not 0.
    [[nodiscard]] result<void> transfer_blocks(address at, address count, source& bytes,
                                               std::span<std::byte> out) {
        const selection selected(link_);
        const auto block = static_cast<std::uint32_t>(at / sector);
        const bool is_write = out.empty();
        auto outcome = begin(is_write ? writes : reads, block, count > sector);
        next_ = block;
        for (; outcome && count != 0; count -= sector, ++next_) {
            if (is_write) {
                outcome = send_block(bytes);
            } else {
                outcome = link_.receive_block(out.first(sector));
                out = out.subspan(sector);
            }
        }
        unsynced_ = unsynced_ || (is_write && outcome);
        return finish(outcome);
    }

    struct transfer_kind {
        mode once;
        mode sequence;
        command single;
        command several;
        errc refused;
    };
    static constexpr transfer_kind reads = {mode::has_read, mode::reading, command::read_single,
                                            command::read_multiple, errc::read_failed};
    static constexpr transfer_kind writes = {mode::has_written, mode::writing,
                                             command::write_single, command::write_multiple,
                                             errc::write_failed};

    /// Makes the card ready to transfer from `block` on, in the open sequence if it leads there.
    /// Errors: no_device, timed_out, and that of `kind`.
    [[nodiscard]] result<void> begin(const transfer_kind& kind, std::uint32_t block, bool several) {
        if (mode_ == kind.sequence && next_ == block) {
            return {};
        }
        several = several || (mode_ == kind.once && next_ == block);
        if (const auto ended = end_sequence(); !ended) {
            return ended;
        }
        if (const auto ready = link_.ready(link_type::write_time); !ready) {
            return ready;
        }
        const std::byte response = link_.command(several ? kind.several : kind.single,
                                                 high_capacity_ ? block : block * sector);
        if (response != std::byte{}) {
            return failure(response == sd_token::silence ? errc::no_device : kind.refused);
        }
        mode_ = several ? kind.sequence : kind.once;
        return {};
    }

    [[nodiscard]] result<void> complete() {
        auto outcome = end_sequence();
        if (outcome) {
            outcome = link_.ready(link_type::write_time);
        }
        if (outcome) {
            const std::byte response = link_.command(command::send_status);
            if ((response | link_.receive()) != std::byte{}) {
                outcome =
                    failure(response == sd_token::silence ? errc::no_device : errc::sync_failed);
            }
        }
        return outcome;
    }

    [[nodiscard]] result<void> end_sequence() {
        const mode before = std::exchange(mode_, mode::idle);
        if (before == mode::reading) {
            // It may complain of what follows the last block, which nobody asked for.
            static_cast<void>(link_.command(command::stop_transmission));
        } else if (before == mode::writing) {
            if (const auto ready = link_.ready(link_type::write_time); !ready) {
                return ready;
            }
            link_.send(sd_token::stop);
            link_.idle(1);
        }
        return {};
    }

    [[nodiscard]] result<void> send_block(source& bytes) {
        if (const auto ready = link_.ready(link_type::write_time); !ready) {
            return ready;
        }
        link_.send(mode_ == mode::writing ? sd_token::next_block : sd_token::block);
        std::uint16_t crc = 0;
        for (std::size_t left = sector; left != 0;) {
            if (bytes.piece.empty()) {
                bytes.piece = bytes.next(bytes.from);
            }
            const auto part = bytes.piece.first(detail::lesser(bytes.piece.size(), left));
            link_.send(part);
            if constexpr (Options.crc) {
                crc = sd_crc16(part, crc);
            }
            bytes.piece = bytes.piece.subspan(part.size());
            left -= part.size();
        }
        return link_.end_block(crc);
    }

    [[nodiscard]] result<void> initialise() {
        const auto card = detail::start_sd_card<Options.crc>(link_);
        if (!card) {
            return failure(card.error());
        }
        if (blocks_ != 0 && card->identity != identity_) {
            return failure(errc::wrong_device);
        }
        identity_ = card->identity;
        blocks_ = card->sectors;
        high_capacity_ = card->high_capacity;
        return {};
    }

    link_type link_;
    std::uint32_t blocks_ = 0;
    /// Where the last transfer ended.
    std::uint32_t next_ = 0;
    std::uint16_t identity_ = 0;
    mode mode_ = mode::idle;
    bool high_capacity_ = false;
    bool unsynced_ = false;
    bool lost_ = false;
};
static_assert(storage<sd_card<spi_bus_archetype>> && gathering_storage<sd_card<spi_bus_archetype>>);

} // namespace vmem

#endif
