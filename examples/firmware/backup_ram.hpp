// SPDX-License-Identifier: BSL-1.0
#ifndef BACKUP_RAM_HPP
#define BACKUP_RAM_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

/// A storage of our own: RAM behind a window. The board has a memory of many banks, of which the
/// processor sees one at a time at `window`, chosen by the register `bank`; a battery keeps it.
///
/// There is nothing to derive from. A storage has a size, reads, writes, and says when what was
/// written is safe.
template <class Board>
class backup_ram {
public:
    static constexpr vmem::address capacity = vmem::address{Board::banks} * Board::bank_size;

    [[nodiscard]] static constexpr vmem::address size() noexcept { return capacity; }

    [[nodiscard]] vmem::result<void> read(vmem::address from, std::span<std::byte> out) {
        return each(from, out.size(),
                    [&](volatile std::byte& cell, std::size_t i) { out[i] = cell; });
    }
    [[nodiscard]] vmem::result<void> write(vmem::address to, std::span<const std::byte> in) {
        return each(to, in.size(), [&](volatile std::byte& cell, std::size_t i) { cell = in[i]; });
    }
    // The battery keeps every byte from the moment on that it is written.
    [[nodiscard]] vmem::result<void> sync() { return {}; }

private:
    template <class Action>
    [[nodiscard]] static vmem::result<void> each(vmem::address at, std::size_t count,
                                                 Action action) {
        // Like this it cannot overflow.
        if (at > capacity || count > capacity - at) {
            return vmem::failure(vmem::errc::out_of_range);
        }
        for (std::size_t i = 0; i < count; ++i, ++at) {
            action(Board::cell(static_cast<unsigned>(at / Board::bank_size),
                               static_cast<unsigned>(at % Board::bank_size)),
                   i);
        }
        return {};
    }
};

#endif
