// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_SPI_FRAM_HPP
#define VMEM_DEVICE_SPI_FRAM_HPP

#include <vmem/config.hpp>
#include <vmem/device/spi_bus.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

/// What `spi_fram` needs to know of a chip.
struct spi_fram_chip {
    /// Bytes, a power of two of at least 1024: the chip's identification names it.
    address size = 0;
    /// Of an address on the wires: 2 or 3.
    std::size_t address_bytes = 2;
    /// Whether it has a sleep mode.
    bool sleeps = false;
    /// Manufacturer, as the first byte of the identification. 0x04 is Fujitsu.
    std::byte maker{0x04};
};

namespace chip {

/// An FRAM of Fujitsu's MB85RS series.
/// \{
inline constexpr spi_fram_chip fram_mb85rs64v{.size = 8'192};
inline constexpr spi_fram_chip fram_mb85rs128b{.size = 16'384};
inline constexpr spi_fram_chip fram_mb85rs256b{.size = 32'768};
inline constexpr spi_fram_chip fram_mb85rs512t{.size = 65'536, .sleeps = true};
inline constexpr spi_fram_chip fram_mb85rs1mt{.size = 131'072, .address_bytes = 3, .sleeps = true};
inline constexpr spi_fram_chip fram_mb85rs2mta{.size = 262'144, .address_bytes = 3, .sleeps = true};
inline constexpr spi_fram_chip fram_mb85rs4mt{.size = 524'288, .address_bytes = 3, .sleeps = true};
/// \}

} // namespace chip

/// A serial FRAM with the commands of Fujitsu's MB85RS: reads and writes of any length at the speed
/// of the wires, no waiting and no wear, and each byte is durable when it has been sent.
///
/// A read is one transaction of 1 + `Chip.address_bytes` bytes and the data; a write has another of
/// one byte before it. Errors: the bus's. A chip that is not there can be told in `start` alone.
template <class Bus, spi_fram_chip Chip>
class spi_fram {
    static_assert((check_spi_bus<Bus>(), true));
    static_assert(std::has_single_bit(Chip.size) && Chip.size >= 1024,
                  "spi_fram: the chip's size must be a power of two of at least 1024 bytes");
    static_assert((Chip.size - 1) >> (8 * Chip.address_bytes - 1) >> 1 == 0,
                  "spi_fram: the chip's size does not fit its address bytes");

public:
    /// Bytes.
    static constexpr address capacity = Chip.size;

    constexpr spi_fram() = default;
    constexpr explicit spi_fram(Bus bus) noexcept(std::is_nothrow_move_constructible_v<Bus>)
        : bus_(std::move(bus)) {}

    /// Wakes the chip and asks who it is. Errors: no_device if nothing answers; wrong_device if its
    /// maker or its size is another; read_only if some of it is protected; the bus's. At most 400
    /// transactions of 5 bytes (one if the chip cannot sleep), and one of 2.
    [[nodiscard]] result<void> start() {
        if (const auto known = identify(); !known) {
            return known;
        }
        std::byte status{};
        if (const auto done = ask(read_status, &status, 1); !done) {
            return done;
        }
        if ((status & protected_blocks) != std::byte{}) {
            return failure(errc::read_only);
        }
        return {};
    }

    [[nodiscard]] constexpr address size() const noexcept { return capacity; }

    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        return access(from, nullptr, out.data(), out.size());
    }
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        return access(to, in.data(), nullptr, in.size());
    }
    /// Nothing to do: writes are durable at once.
    [[nodiscard]] constexpr result<void> sync() noexcept { return {}; }

    /// Lets the chip sleep until the next `start`. Errors: the bus's. One transaction of one byte.
    [[nodiscard]] result<void> sleep()
        requires(Chip.sleeps)
    {
        return ask(go_to_sleep, nullptr, 0);
    }

    /// The bus that the chip is on.
    [[nodiscard]] constexpr Bus& bus() noexcept { return bus_; }

private:
    static constexpr std::byte write_bytes{0x02};
    static constexpr std::byte read_bytes{0x03};
    static constexpr std::byte enable_write{0x06};
    static constexpr std::byte read_status{0x05};
    static constexpr std::byte identity{0x9F};
    static constexpr std::byte go_to_sleep{0xB9};
    static constexpr std::byte protected_blocks{0x0C};
    /// The low bits of the third byte of the identification: the size is 1024 << this.
    static constexpr std::byte density{std::countr_zero(Chip.size / 1024)};
    /// A chip that wakes answers within 400 us; at 40 MHz one of these takes 1 us.
    static constexpr int wakes_within = Chip.sleeps ? 400 : 1;

    [[nodiscard]] result<void> identify() {
        std::array<std::byte, 4> id{};
        for (int tries = wakes_within; tries != 0; --tries) {
            if (const auto done = ask(identity, id.data(), id.size()); !done) {
                return done;
            }
            if (id[0] == Chip.maker && id[1] == std::byte{0x7F} &&
                (id[2] & std::byte{0x1F}) == density) {
                return {};
            }
        }
        const bool silent = id[0] == id[1] && id[1] == id[2] && id[2] == id[3];
        return failure(silent ? errc::no_device : errc::wrong_device);
    }

    /// Writes what is at `out`, or if that is null reads to `in`. Both in one function, out of
    /// line: flash is short, and the wires are slow.
    [[nodiscard, gnu::noinline]] result<void> access(address at, const std::byte* out,
                                                     std::byte* in, std::size_t size) {
        auto outcome = detail::check_range(capacity, at, size);
        if (!outcome || size == 0) {
            return outcome;
        }
        detail::spi_data data{{}, {in, size}};
        auto opcode = read_bytes;
        if (out != nullptr) {
            // The chip forgets after each write that it may be written.
            outcome = ask(enable_write, nullptr, 0);
            data = {{out, size}, {}};
            opcode = write_bytes;
        }
        return outcome ? detail::spi_transact(
                             bus_, detail::command_bytes<Chip.address_bytes>(opcode, at), data)
                       : outcome;
    }

    /// A command of one byte, and what the chip answers.
    [[nodiscard]] result<void> ask(std::byte command, std::byte* answer, std::size_t size) {
        return detail::spi_transact(bus_, std::span(&command, 1), {{}, {answer, size}});
    }

    [[no_unique_address]] Bus bus_;
};
static_assert(storage<spi_fram<spi_bus_archetype, chip::fram_mb85rs64v>> &&
              fixed_size_storage<spi_fram<spi_bus_archetype, chip::fram_mb85rs64v>>);

} // namespace vmem

#endif
