// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_SPI_SRAM_HPP
#define VMEM_DEVICE_SPI_SRAM_HPP

#include <vmem/config.hpp>
#include <vmem/device/spi_bus.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

/// What `spi_sram` needs to know of a chip.
struct spi_sram_chip {
    /// Bytes.
    address size = 0;
    /// Of an address on the wires: 2 or 3.
    std::size_t address_bytes = 2;
    /// What makes addresses count on by themselves over the whole chip.
    std::byte sequential_mode{0x40};
};

/// Chips by name, for `spi_sram`, `spi_fram` and `i2c_memory`; figures from their data sheets.
namespace chip {

/// An SRAM of Microchip's 23K, 23A or 23LC series.
/// \{
inline constexpr spi_sram_chip sram_23k640{.size = 8'192, .sequential_mode = std::byte{0x41}};
inline constexpr spi_sram_chip sram_23k256{.size = 32'768, .sequential_mode = std::byte{0x41}};
inline constexpr spi_sram_chip sram_23a512{.size = 65'536};
inline constexpr spi_sram_chip sram_23lc512 = sram_23a512;
inline constexpr spi_sram_chip sram_23a1024{.size = 131'072, .address_bytes = 3};
inline constexpr spi_sram_chip sram_23lc1024 = sram_23a1024;
/// \}

} // namespace chip

/// A serial RAM with the commands of Microchip's 23K, 23A and 23LC: reads and writes of any length
/// at the speed of the wires, and no waiting. What it holds is gone when its power is.
///
/// A read or write is one transaction of 1 + `Chip.address_bytes` bytes and the data. Errors: the
/// bus's. A chip that is not there can be told in `start` alone, for a RAM acknowledges nothing.
template <class Bus, spi_sram_chip Chip>
class spi_sram {
    static_assert((check_spi_bus<Bus>(), true));
    static_assert(Chip.size != 0 && (Chip.size - 1) >> (8 * Chip.address_bytes - 1) >> 1 == 0,
                  "spi_sram: the chip's size does not fit its address bytes");

public:
    /// Bytes.
    static constexpr address capacity = Chip.size;

    constexpr spi_sram() = default;
    constexpr explicit spi_sram(Bus bus) noexcept(std::is_nothrow_move_constructible_v<Bus>)
        : bus_(std::move(bus)) {}

    /// Must have succeeded before anything else is called: sets the mode in which addresses count
    /// on. Errors: no_device if the chip does not say that it is in that mode; the bus's. Two
    /// transactions of 2 bytes.
    [[nodiscard]] result<void> start() {
        const std::array set{std::byte{0x01}, Chip.sequential_mode};
        if (const auto done = detail::spi_transact(bus_, set, {}); !done) {
            return done;
        }
        const std::array ask{std::byte{0x05}};
        std::array<std::byte, 1> mode{};
        if (const auto done = detail::spi_transact(bus_, ask, {{}, mode}); !done) {
            return done;
        }
        if (mode[0] != Chip.sequential_mode) {
            return failure(errc::no_device);
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
    /// Nothing to do: writes take effect at once.
    [[nodiscard]] constexpr result<void> sync() noexcept { return {}; }

    /// The bus that the chip is on.
    [[nodiscard]] constexpr Bus& bus() noexcept { return bus_; }

private:
    /// Writes what is at `out`, or if that is null reads to `in`. Both in one function, out of
    /// line: flash is short, and the wires are slow.
    [[nodiscard, gnu::noinline]] result<void> access(address at, const std::byte* out,
                                                     std::byte* in, std::size_t size) {
        const auto fits = detail::check_range(capacity, at, size);
        if (!fits || size == 0) {
            return fits;
        }
        const bool writes = out != nullptr;
        return detail::spi_transact(
            bus_, detail::command_bytes<Chip.address_bytes>(writes ? write_bytes : read_bytes, at),
            {{out, writes ? size : 0}, {in, writes ? 0 : size}});
    }

    static constexpr std::byte write_bytes{0x02};
    static constexpr std::byte read_bytes{0x03};

    [[no_unique_address]] Bus bus_;
};
static_assert(storage<spi_sram<spi_bus_archetype, chip::sram_23lc1024>> &&
              fixed_size_storage<spi_sram<spi_bus_archetype, chip::sram_23lc1024>>);

} // namespace vmem

#endif
