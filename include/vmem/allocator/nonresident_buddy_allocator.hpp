// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_NONRESIDENT_BUDDY_ALLOCATOR_HPP
#define VMEM_ALLOCATOR_NONRESIDENT_BUDDY_ALLOCATOR_HPP

#include <vmem/allocator/io_bound.hpp>
#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/block_codes.hpp>
#include <vmem/detail/check_request.hpp>
#include <vmem/detail/group_allocator.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace vmem {

/// Blocks of a power of two of bytes (Knuth, TAOCP 1, 2.5, the buddy system), at multiples of their
/// size, on a range of any size. Made for media on which an access costs more than its bytes: an
/// allocation and a deallocation together access a range of up to 1 MiB (with `MinBlock` 16) at
/// most 8 times, and 2.5 times in the mean where random blocks are replaced one by one. An
/// allocation that can have the block that was freed last accesses nothing.
///
/// On the medium: two bits per `MinBlock` bytes say where blocks start and how large they are, and
/// are the truth; for every 64 bytes of that a byte tells the largest free block, and for every 256
/// of those bytes another one does, as far as that goes. A block comes and goes with a single
/// byte, so that no power cut leaves half a block, in whatever order the rest was written.
///
/// The write that frees a block is put off until the next call, which can often spare it or join it
/// to its own; until then, or until `settle`, a power cut leaks that block. No more than one block
/// is ever leaked: the one freed last, or the one that an interrupted call was about to grant or
/// free. If a write is torn that does both, it may be two. No block is granted twice. All that
/// presumes a medium that stores writes in the order in which they are made.
///
/// `open` reads the whole state, `1 / (4 * MinBlock)` of the range, once. RAM: about ten words, and
/// `CacheBytes`, a multiple of 64: copies of the groups of 64 bytes that were used last. A heap
/// has frames for that; there 0 is best.
template <std::size_t MinBlock = 16, std::size_t CacheBytes = 64>
class nonresident_buddy_allocator {
    static_assert(std::has_single_bit(MinBlock) && MinBlock <= (std::size_t{1} << 30),
                  "nonresident_buddy_allocator: MinBlock must be a power of two");
    static constexpr unsigned block_shift = static_cast<unsigned>(std::countr_zero(MinBlock));
    using core = detail::group_allocator<block_shift, detail::buddy_codes, CacheBytes>;

public:
    static constexpr std::uint32_t media_id = 0x42440000U | block_shift;
    static constexpr address max_address = (std::numeric_limits<address>::max)();

    /// Most accesses of one call of `allocate` on the range `[begin, end)`, unless the call before
    /// failed with an error of the medium: that may cost a write more.
    [[nodiscard]] static constexpr io_bound worst_case_allocate(address begin,
                                                                address end) noexcept {
        return core::worst_case_allocate(begin, end);
    }
    /// The same for `deallocate`.
    [[nodiscard]] static constexpr io_bound worst_case_deallocate(address begin,
                                                                  address end) noexcept {
        return core::worst_case_deallocate(begin, end);
    }
    /// Most reads of one call of either, or of `settle` or `largest_free`.
    [[nodiscard]] static constexpr unsigned worst_case_reads(address begin, address end) noexcept {
        return detail::larger(worst_case_allocate(begin, end).reads,
                              worst_case_deallocate(begin, end).reads);
    }
    /// Most writes of one call of any of these.
    [[nodiscard]] static constexpr unsigned worst_case_writes(address begin, address end) noexcept {
        return detail::larger(worst_case_allocate(begin, end).writes,
                              worst_case_deallocate(begin, end).writes);
    }

    /// Makes all of `[begin, end)` free but the state at its beginning. Errors: wrong_size if the
    /// range is too small; the medium's.
    template <storage Medium>
    [[nodiscard]] result<void> format(Medium& medium, address begin, address end) {
        return core_.format(medium, begin, end, media_id);
    }

    /// Takes up what is there. Reads the whole state; writes the summaries that a power cut kept
    /// from being written. Errors: those of `format`; corrupt if there is no such state, or one
    /// that this allocator cannot have written; geometry_mismatch if it is that of another range.
    template <storage Medium>
    [[nodiscard]] result<void> open(Medium& medium, address begin, address end) {
        return core_.open(medium, begin, end, media_id);
    }

    /// Writes what was put off, so that a power cut leaks nothing. At most `worst_case_writes`.
    template <storage Medium>
    [[nodiscard]] result<void> settle(Medium& medium) {
        return core_.settle(medium);
    }

    /// Grants the power of two that is not less than `size` and `MinBlock`. An alignment beyond
    /// that needs a free block of that alignment's size. Errors: zero_size; misaligned (not powers
    /// of two, or `within` too small); out_of_memory; corrupt; the medium's.
    template <storage Medium>
    [[nodiscard]] result<address> allocate(Medium& medium, block_request request) {
        if (const auto valid = detail::check_request(request); !valid) {
            return failure(valid.error());
        }
        const unsigned order = order_of(request.size);
        const unsigned need = order_of(request.align);
        return core_.allocate(medium, order, need > order ? need : order);
    }

    /// Errors: double_free if `block` is an address in free memory; foreign_pointer if it is
    /// not the first of a block in use otherwise; the medium's.
    template <storage Medium>
    [[nodiscard]] result<void> deallocate(Medium& medium, address block) {
        return core_.deallocate(medium, block);
    }

    /// Bytes, a power of two; 0 when full. A read per level of summaries, and one of a group.
    template <storage Medium>
    [[nodiscard]] result<address> largest_free(Medium& medium) {
        const auto span = core_.largest(medium);
        if (!span) {
            return failure(span.error());
        }
        return *span == 0 ? address{0} : address{MinBlock} << (*span - 1);
    }

    /// Whether the state on the medium is one that this allocator wrote, and all of its parts and
    /// this object agree. Reads all of it.
    template <storage Medium>
    [[nodiscard]] result<bool> invariants_hold(Medium& medium) {
        return core_.invariants_hold(medium);
    }

    /// Counts the blocks in full. Does not access the medium.
    template <storage Medium>
    [[nodiscard]] result<nonresident_stats> stats(Medium&) {
        return core_.stats();
    }

private:
    /// Of the smallest block that has so many bytes; `bytes` is not 0.
    [[nodiscard]] static constexpr unsigned order_of(address bytes) noexcept {
        return static_cast<unsigned>(std::bit_width((bytes - 1) >> block_shift));
    }

    core core_;
};
static_assert(nonresident_allocator<nonresident_buddy_allocator<>, storage_archetype>);
static_assert(nonresident_allocator<nonresident_buddy_allocator<16, 0>, storage_archetype>);

} // namespace vmem

#endif
