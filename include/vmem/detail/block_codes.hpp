// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_BLOCK_CODES_HPP
#define VMEM_DETAIL_BLOCK_CODES_HPP

#include <vmem/config.hpp>
#include <vmem/detail/free_survey.hpp>

#include <array>
#include <cstddef>
#include <limits>

/// \file
/// Which leaves (units of allocation) of a group are in use, in bytes on a medium: the truth of the
/// non-resident allocators. Whatever happens to a block changes one byte, so that no power cut can
/// leave half a change. All bytes of a group without blocks are 0.
namespace vmem::detail {

/// Bytes of a group on the medium, and what is read of it at a time.
inline constexpr unsigned group_bytes = 64;
inline constexpr unsigned group_bytes_shift = 6;
using group_image = std::array<std::byte, group_bytes>;

/// Buddy blocks, two bits per leaf: a block is written down at its first leaf, and the bytes of its
/// other leaves stay 0. A byte is either
/// - `0x80 | order`: a block of order 2 or more starts here; it may go on beyond the group, or
/// - two nibbles, of two leaves each: bit 0, the left leaf is a block; bit 1, the right one is;
///   bit 2, both together are one.
struct buddy_codes {
    static constexpr unsigned leaves_per_byte_shift = 2;
    static constexpr unsigned most_order = 63;

    [[nodiscard]] static constexpr unsigned byte_of(address leaf) noexcept {
        return static_cast<unsigned>(leaf >> leaves_per_byte_shift) % group_bytes;
    }

    /// Order + 1 of the block that starts at `leaf`; 0 if none does.
    [[nodiscard]] static constexpr unsigned span_at(const group_image& in, address leaf) noexcept {
        const auto code = std::to_integer<unsigned>(in[byte_of(leaf)]);
        if ((code & whole_byte) != 0) {
            return leaf % 4 == 0 ? (code & most_order) + 1 : 0;
        }
        const unsigned pair = code >> shift_of(leaf);
        if ((pair & (1U << leaf % 2)) != 0) {
            return 1;
        }
        return leaf % 2 == 0 && (pair & both) != 0 ? 2 : 0;
    }

    /// Precondition: the leaves of the block are free.
    static constexpr void put(group_image& in, address leaf, unsigned order) noexcept {
        in[byte_of(leaf)] |= code_of(leaf, order);
    }
    /// Precondition: it is there.
    static constexpr void clear(group_image& in, address leaf, unsigned order) noexcept {
        in[byte_of(leaf)] &= ~code_of(leaf, order);
    }

private:
    static constexpr unsigned whole_byte = 0x80;
    static constexpr unsigned both = 4;

    [[nodiscard]] static constexpr unsigned shift_of(address leaf) noexcept {
        return leaf % 4 < 2 ? 0 : 4;
    }
    [[nodiscard]] static constexpr std::byte code_of(address leaf, unsigned order) noexcept {
        const unsigned code = order >= 2   ? whole_byte | order
                              : order == 1 ? both << shift_of(leaf)
                                           : (1U << leaf % 2) << shift_of(leaf);
        return static_cast<std::byte>(code);
    }
};

/// Blocks of one leaf, one bit each.
struct bit_codes {
    static constexpr unsigned leaves_per_byte_shift = 3;
    static constexpr unsigned most_order = 0;

    [[nodiscard]] static constexpr unsigned byte_of(address leaf) noexcept {
        return static_cast<unsigned>(leaf >> leaves_per_byte_shift) % group_bytes;
    }
    [[nodiscard]] static constexpr unsigned span_at(const group_image& in, address leaf) noexcept {
        return (in[byte_of(leaf)] & mask_of(leaf)) != std::byte{0} ? 1 : 0;
    }
    static constexpr void put(group_image& in, address leaf, unsigned) noexcept {
        in[byte_of(leaf)] |= mask_of(leaf);
    }
    static constexpr void clear(group_image& in, address leaf, unsigned) noexcept {
        in[byte_of(leaf)] &= ~mask_of(leaf);
    }

private:
    [[nodiscard]] static constexpr std::byte mask_of(address leaf) noexcept {
        return static_cast<std::byte>(1U << leaf % 8);
    }
};

/// Leaves of a block. A damaged byte may state any order.
[[nodiscard]] constexpr address block_length(unsigned order) noexcept {
    using limits = std::numeric_limits<address>;
    return order < limits::digits ? address{1} << order : (limits::max)();
}

/// Calls `block(leaf, order)` and `run(from, to)` for all blocks that start, and all longest runs
/// of free leaves, in `[from, to)`, which is part of one group.
template <class Codes, class Block, class Run>
constexpr void walk(const group_image& in, address from, address to, Block block, Run run) {
    constexpr address per_byte = address{1} << Codes::leaves_per_byte_shift;
    address free_from = from;
    while (from < to) {
        if (from % per_byte == 0 && in[Codes::byte_of(from)] == std::byte{0}) {
            from += per_byte;
            continue;
        }
        const unsigned span = Codes::span_at(in, from);
        if (span == 0) {
            ++from;
            continue;
        }
        if (free_from < from) {
            run(free_from, from);
        }
        block(from, span - 1);
        const address length = block_length(span - 1);
        from = length < to - from ? from + length : to;
        free_from = from;
    }
    if (free_from < to) {
        run(free_from, to);
    }
}

/// The free blocks in `[from, to)`, which is part of one group; only the first if all are alike.
template <class Codes>
constexpr void survey(const group_image& in, address from, address to, free_survey& into) {
    if constexpr (Codes::most_order == 0) {
        while (from < to && Codes::span_at(in, from) != 0) {
            // Where every leaf of a byte is a block, all its bits are set.
            from += from % 8 == 0 && in[Codes::byte_of(from)] == std::byte{0xFF} ? 8 : 1;
        }
        if (from < to) {
            into.add(from, 0);
        }
    } else {
        walk<Codes>(
            in, from, to, [](address, unsigned) {},
            [&](address run_from, address run_to) { into.add_run(run_from, run_to); });
    }
}

} // namespace vmem::detail

#endif
