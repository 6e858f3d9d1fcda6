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
        stop();
        lost_ = lost_ || unsynced_;
        unsynced_ = false;
        clock(400'000);
        detail::sd_identity found{};
        auto started = detail::start_sd_card<Options.crc>(link_, found);
        clock(Options.hertz);
        if (started && card_.sectors != 0 && found.identity != card_.identity) {
            started = failure(errc::wrong_device);
        } else if (started) {
            card_ = found;
        }
        return finish(started);
    }
    /// Lets the next `start` accept any card.
    void forget() noexcept { card_.sectors = 0; }

    /// Bytes; 0 before `start`. What an address cannot express is not used.
    [[nodiscard]] constexpr address size() const noexcept { return card_.sectors * sector; }

    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        return transfer(from, out.size(), {.out = out.data()});
    }
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        return transfer(to, in.size(), {.in = in.data(), .left = in.size()});
    }
    /// Is not repeated if it fails: the pieces are gone. `count` must be whole sectors.
    [[nodiscard]] result<void> write_gathered(address to, address count, auto& next) {
        using pieces = std::remove_reference_t<decltype(next)>;
        return transfer(to, count, {.pieces = &next, .next = [](bytes& from) {
                                        const auto piece = (*static_cast<pieces*>(from.pieces))();
                                        from.in = piece.data();
                                        from.left = piece.size();
                                    }});
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
        auto outcome = ask(command::send_status, 0, errc::sync_failed);
        if (outcome && link_.receive() != std::byte{}) {
            outcome = failure(errc::sync_failed);
        }
        outcome = finish(outcome);
        unsynced_ = !outcome;
        return outcome;
    }

    /// The bus that the card is on.
    [[nodiscard]] constexpr Bus& bus() noexcept { return link_.bus(); }

private:
    using command = sd_command;
    enum class way : std::uint8_t { none, read, write };

    /// Where the bytes go, or where they come from, whatever hands them out: there is one function
    /// that transfers.
    struct bytes {
        /// Null for a write.
        std::byte* out = nullptr;
        /// What is left of the piece that is being written.
        const std::byte* in = nullptr;
        std::size_t left = 0;
        void* pieces = nullptr;
        /// Makes it the next one.
        void (*next)(bytes&) = nullptr;
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
        if (!outcome && stop()) {
            static_cast<void>(link_.command(command::stop_transmission));
        }
        const auto wires = link_.bus_error();
        return wires ? outcome : wires;
    }
    /// What comes next begins anew. Whether a sequence was open.
    bool stop() noexcept {
        last_ = way::none;
        return std::exchange(open_, false);
    }

    // --- transfers

    /// Transfers, and tries again if what is to be written is still there.
    [[nodiscard]] result<void> transfer(address at, address count, const bytes& what) {
        if (const auto fits = check(at, count); !fits || count == 0) {
            return fits;
        }
        for (int left = what.next == nullptr ? 2 : 0;; --left) {
            bytes rest = what;
            const auto outcome = transfer_blocks(at, count, rest);
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

    /// One attempt. `count` is not 0.
    [[nodiscard]] result<void> transfer_blocks(address at, address count, bytes& what) {
        const selection selected(link_);
        const auto block = static_cast<std::uint32_t>(at / sector);
        const bool is_write = what.out == nullptr;
        auto outcome = begin(is_write ? writes : reads, block, count > sector);
        next_ = static_cast<std::uint32_t>((at + count) / sector);
        for (; outcome && count != 0; count -= sector) {
            if (is_write) {
                outcome = send_block(what);
            } else {
                outcome = link_.receive_block(what.out, sector);
                what.out += sector;
            }
        }
        if (is_write && outcome) {
            unsynced_ = true;
        }
        return finish(outcome);
    }

    struct transfer_kind {
        way which;
        /// For one sector; the next one is for several.
        command one;
        errc refused;
    };
    static constexpr transfer_kind reads = {way::read, command::read_single, errc::read_failed};
    static constexpr transfer_kind writes = {way::write, command::write_single, errc::write_failed};

    /// Makes the card ready to transfer from `block` on, in the open sequence if it leads there.
    /// Errors: no_device, timed_out, and that of `kind`.
    [[nodiscard]] result<void> begin(const transfer_kind& kind, std::uint32_t block, bool several) {
        if (last_ == kind.which && next_ == block) {
            if (open_) {
                return {};
            }
            several = true;
        }
        const auto which = static_cast<command>(static_cast<unsigned>(kind.one) + several);
        const auto outcome = ask(which, card_.high_capacity ? block : block * sector, kind.refused);
        if (outcome) {
            last_ = kind.which;
            open_ = several;
        }
        return outcome;
    }

    /// Ends what is open, waits until the card has programmed it, and sends a command.
    [[nodiscard]] result<void> ask(command which, std::uint32_t argument, errc refused) {
        const way before = last_;
        if (stop()) {
            if (before == way::read) {
                // It may complain of what follows the last block, which nobody asked for.
                static_cast<void>(link_.command(command::stop_transmission));
            } else {
                if (const auto ready = link_.ready(); !ready) {
                    return ready;
                }
                link_.send(sd_token::stop);
                link_.idle(1);
            }
        }
        const auto ready = link_.ready();
        return ready ? link_.request(which, argument, refused) : ready;
    }

    [[nodiscard]] result<void> send_block(bytes& from) {
        if (const auto ready = link_.ready(); !ready) {
            return ready;
        }
        link_.send(open_ ? sd_token::next_block : sd_token::block);
        std::uint16_t crc = 0;
        for (std::size_t left = sector; left != 0;) {
            if (from.left == 0) {
                from.next(from);
            }
            const std::size_t part = detail::lesser(from.left, left);
            link_.send(from.in, part);
            if constexpr (Options.crc) {
                crc = sd_crc16(std::span(from.in, part), crc);
            }
            from.in += part;
            from.left -= part;
            left -= part;
        }
        return link_.end_block(crc);
    }

    link_type link_;
    detail::sd_identity card_{};
    /// Where the last transfer ended.
    std::uint32_t next_ = 0;
    /// And which way it went; none if what comes next begins anew.
    way last_ = way::none;
    /// A sequence is open.
    bool open_ = false;
    bool unsynced_ = false;
    bool lost_ = false;
};
static_assert(storage<sd_card<spi_bus_archetype>> && gathering_storage<sd_card<spi_bus_archetype>>);

} // namespace vmem

#endif
