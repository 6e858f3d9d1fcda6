// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_I2C_MEMORY_HPP
#define VMEM_DEVICE_I2C_MEMORY_HPP

#include <vmem/config.hpp>
#include <vmem/device/i2c_bus.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

/// What `i2c_memory` needs to know of a chip.
struct i2c_memory_chip {
    /// Bytes.
    address size = 0;
    /// Of an address on the wires: 1 or 2. Higher bits go into the device address.
    std::size_t address_bytes = 2;
    /// Bytes, a power of two: a write beyond the end of such a page would go on at its start. 0
    /// where there is no such limit.
    std::size_t page = 0;
    /// Which bit of the 7-bit device address is the first above those on the wires.
    unsigned block_bit = 0;
    /// Longest time that the chip does not answer after a write (milliseconds).
    unsigned write_time = 0;
};

namespace chip {

/// An EEPROM of Microchip's 24LC series.
/// \{
inline constexpr i2c_memory_chip eeprom_24lc16{
    .size = 2'048, .address_bytes = 1, .page = 16, .write_time = 5};
inline constexpr i2c_memory_chip eeprom_24lc32{.size = 4'096, .page = 32, .write_time = 5};
inline constexpr i2c_memory_chip eeprom_24lc64{.size = 8'192, .page = 32, .write_time = 5};
inline constexpr i2c_memory_chip eeprom_24lc128{.size = 16'384, .page = 64, .write_time = 5};
inline constexpr i2c_memory_chip eeprom_24lc256{.size = 32'768, .page = 64, .write_time = 5};
inline constexpr i2c_memory_chip eeprom_24lc512{.size = 65'536, .page = 128, .write_time = 5};
inline constexpr i2c_memory_chip eeprom_24lc1025{
    .size = 131'072, .page = 128, .block_bit = 2, .write_time = 5};
inline constexpr i2c_memory_chip eeprom_24lc1026{.size = 131'072, .page = 128, .write_time = 5};
/// \}
/// An FRAM of Fujitsu's MB85RC series.
/// \{
inline constexpr i2c_memory_chip fram_mb85rc16{.size = 2'048, .address_bytes = 1};
inline constexpr i2c_memory_chip fram_mb85rc64{.size = 8'192};
inline constexpr i2c_memory_chip fram_mb85rc256{.size = 32'768};
inline constexpr i2c_memory_chip fram_mb85rc512{.size = 65'536};
inline constexpr i2c_memory_chip fram_mb85rc1m{.size = 131'072};
/// \}

} // namespace chip

/// Where a chip is, and how fast it can be asked.
struct i2c_memory_options {
    /// 7 bits; what the chip's address pins add to the 0x50 of all memories.
    std::uint8_t device = 0x50;
    /// Of the bus clock: how often a chip that is busy can be asked within its `write_time`.
    std::uint32_t hertz = 400'000;
};

/// A serial EEPROM of the 24 series, or an FRAM that answers to the same: reads of any length,
/// writes cut at the chip's pages. Each write ends when the chip has it in its cells.
///
/// A read is one transaction for each `1 << 8 * Chip.address_bytes` bytes it touches, a write one
/// for each page, after which the chip is asked until it answers. Errors: no_device if it never
/// answers, timed_out if it stops doing so for longer than a write takes; the bus's. A power cut
/// leaves the bytes of one page old or new or, in an EEPROM, neither.
template <class Bus, i2c_memory_chip Chip, i2c_memory_options Options = i2c_memory_options{}>
class i2c_memory {
    static_assert((check_i2c_bus<Bus>(), true));
    static_assert(Chip.size != 0 && (Chip.address_bytes == 1 || Chip.address_bytes == 2),
                  "i2c_memory: a chip has a size, and 1 or 2 address bytes");
    static_assert(Chip.page == 0 || std::has_single_bit(Chip.page),
                  "i2c_memory: the page must be a power of two");

public:
    /// Bytes.
    static constexpr address capacity = Chip.size;

    constexpr i2c_memory() = default;
    constexpr explicit i2c_memory(Bus bus) noexcept(std::is_nothrow_move_constructible_v<Bus>)
        : bus_(std::move(bus)) {}

    /// Finds out whether the chip is there; it may be in the middle of a write that an earlier run
    /// began. Errors: no_device; the bus's.
    [[nodiscard]] result<void> start() {
        const auto answered = await(0);
        return !answered && answered.error() == errc::timed_out ? failure(errc::no_device)
                                                                : answered;
    }

    [[nodiscard]] constexpr address size() const noexcept { return capacity; }

    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        if (const auto fits = detail::check_range(capacity, from, out.size()); !fits) {
            return fits;
        }
        while (!out.empty()) {
            const std::size_t part = up_to(block, from, out.size());
            if (const auto done = bus_.read(device(from), word_address(from), out.first(part));
                !done) {
                return done;
            }
            from += part;
            out = out.subspan(part);
        }
        return {};
    }

    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        if (const auto fits = detail::check_range(capacity, to, in.size()); !fits) {
            return fits;
        }
        while (!in.empty()) {
            const std::size_t part = up_to(Chip.page != 0 ? Chip.page : block, to, in.size());
            if (const auto done = bus_.write(device(to), word_address(to), in.first(part)); !done) {
                return done;
            }
            if constexpr (Chip.write_time != 0) {
                if (const auto ready = await(to); !ready) {
                    return ready;
                }
            }
            to += part;
            in = in.subspan(part);
        }
        return {};
    }
    /// Nothing to do: each write has waited for the chip.
    [[nodiscard]] constexpr result<void> sync() noexcept { return {}; }

    /// The bus that the chip is on.
    [[nodiscard]] constexpr Bus& bus() noexcept { return bus_; }

private:
    /// Bytes that one device address reaches.
    static constexpr address block = address{1} << (8 * Chip.address_bytes);
    /// Start, address, acknowledge and stop take 11 clock periods at least.
    static constexpr std::uint32_t most_polls = Options.hertz / 11'000 * Chip.write_time + 1;

    [[nodiscard]] static constexpr std::uint8_t device(address at) noexcept {
        return static_cast<std::uint8_t>(Options.device | (at / block << Chip.block_bit));
    }
    [[nodiscard]] static constexpr auto word_address(address at) noexcept {
        std::array<std::byte, Chip.address_bytes> bytes{};
        bytes.back() = static_cast<std::byte>(at);
        if constexpr (Chip.address_bytes == 2) {
            bytes.front() = static_cast<std::byte>(at >> 8);
        }
        return bytes;
    }
    /// Bytes from `at` to the next multiple of `unit`, at most `count`.
    [[nodiscard]] static constexpr std::size_t up_to(address unit, address at,
                                                     std::size_t count) noexcept {
        const address left = unit - (at & (unit - 1));
        return left < count ? static_cast<std::size_t>(left) : count;
    }

    /// Until the chip acknowledges its address.
    [[nodiscard]] result<void> await(address at) {
        for (std::uint32_t polls = most_polls; polls != 0; --polls) {
            const auto answered = bus_.write(device(at), {}, {});
            if (answered || answered.error() != errc::no_device) {
                return answered;
            }
        }
        return failure(errc::timed_out);
    }

    [[no_unique_address]] Bus bus_;
};
static_assert(storage<i2c_memory<i2c_bus_archetype, chip::eeprom_24lc256>> &&
              fixed_size_storage<i2c_memory<i2c_bus_archetype, chip::fram_mb85rc256>>);

} // namespace vmem

#endif
