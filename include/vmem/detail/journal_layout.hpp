// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_JOURNAL_LAYOUT_HPP
#define VMEM_DETAIL_JOURNAL_LAYOUT_HPP

#include <vmem/config.hpp>
#include <vmem/detail/journal_directory.hpp>
#include <vmem/detail/unit_io.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/storage/concept.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace vmem::detail {

/// Base of a journal: its size, if that of the storage is known.
template <class Storage, address Data, std::size_t Block>
struct journal_capacity {};
template <class Storage, address Data, std::size_t Block>
    requires(fixed_size_storage<Storage> && Storage::capacity >= Data + Block)
struct journal_capacity<Storage, Data, Block> {
    /// Bytes.
    static constexpr address capacity = align_down(address{Storage::capacity} - Data, Block);
};

/// Where a journal of `Shape` lies on a storage.
template <class Storage, class Shape>
struct journal_layout {
    using traits = storage_traits<Storage>;
    static constexpr std::size_t unit = access_unit<Storage>;
    static constexpr std::size_t block_bytes = Shape::block_bytes;
    static_assert(std::has_single_bit(block_bytes) && block_bytes >= 64 && block_bytes <= 4096,
                  "journaled: a block is a power of two from 64 to 4096 bytes");
    static_assert(
        block_bytes % unit == 0,
        "journaled: a block must be a multiple of the storage's read_size and write_size");
    static_assert(traits::read_size <= traits::write_size,
                  "journaled: the storage's read_size must not be larger than its write_size");
    /// Whether blocks may leave RAM before their commit.
    static constexpr bool steals = Shape::filter_bits != 0;
    static_assert(!steals || (std::has_single_bit(Shape::filter_bits) && Shape::filter_bits >= 8),
                  "journaled: FilterBits must be a power of two, at least 8");

    /// Bytes of a superblock with its roots.
    static constexpr std::size_t head_bytes =
        align_up(sizeof(superblock) + Shape::roots * sizeof(root_entry), unit);
    static constexpr std::size_t alignment = block_bytes < unit ? unit : block_bytes;
    /// Bytes of a half.
    static constexpr address half = align_down(address{Shape::journal_bytes / 2}, alignment);
    static_assert(half >= head_bytes + 1024 + 4 * alignment,
                  "journaled: the journal is too small; it needs eight blocks and 2 KiB at least");

private:
    static constexpr std::size_t most_slots =
        steals
            ? static_cast<std::size_t>((half - head_bytes) / (block_bytes + sizeof(journal_spill)))
            : 0;

public:
    using directory_type = journal_directory<Storage, most_slots>;
    /// End of the copies of blocks in a half, and start of their directory.
    static constexpr address slots_end =
        steals ? align_down(half - directory_type::size, block_bytes) : half;
    /// Copies of blocks that fit, with a log of at least one entry.
    static constexpr std::size_t slots =
        steals ? static_cast<std::size_t>((slots_end - head_bytes) / block_bytes) : 0;
    static_assert(!steals || (slots_end > head_bytes && slots >= 2 && slots <= most_slots),
                  "journaled: the journal is too small; it needs eight blocks and 2 KiB at least");
    /// Where virtual memory begins.
    static constexpr address data_at = 2 * half;

    [[nodiscard]] static constexpr address head_at(std::uint64_t sequence) noexcept {
        return sequence % 2 * half;
    }
    [[nodiscard]] static constexpr address slot_at(std::uint64_t sequence,
                                                   std::uint32_t slot) noexcept {
        return head_at(sequence) + slots_end - (address{slot} + 1) * block_bytes;
    }
    /// Bytes of a half that superblock and log may take.
    [[nodiscard]] static constexpr address log_room(std::uint32_t spilled) noexcept {
        return slots_end - address{spilled} * block_bytes;
    }
};

} // namespace vmem::detail

#endif
