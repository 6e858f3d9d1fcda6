// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_NONRESIDENT_BLOCK_ALLOCATOR_HPP
#define VMEM_ALLOCATOR_NONRESIDENT_BLOCK_ALLOCATOR_HPP

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

/// Blocks of `BlockSize` bytes, a power of two, at multiples of it; one bit each on the medium. For
/// objects of one size; an allocation and a deallocation in turn access the medium about once.
///
/// On the medium: a bit per block is the truth; for every 64 bytes of bits a byte tells whether one
/// of their blocks is free, and for every 256 of those bytes another one does, as far as that goes.
/// What power cuts do, and what `open` and the cache cost, is the same as for
/// `nonresident_buddy_allocator`: at most one block is leaked, none is granted twice; the state
/// takes `1 / (8 * BlockSize)` of the range. No write does two things at a time here.
template <std::size_t BlockSize, std::size_t CacheBytes = 64>
class nonresident_block_allocator {
    static_assert(std::has_single_bit(BlockSize) && BlockSize <= (std::size_t{1} << 30),
                  "nonresident_block_allocator: BlockSize must be a power of two");
    static constexpr unsigned block_shift = static_cast<unsigned>(std::countr_zero(BlockSize));
    using core = detail::group_allocator<block_shift, detail::bit_codes, CacheBytes>;

public:
    static constexpr std::uint32_t media_id = 0x424B0000U | block_shift;
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

    /// Grants a block. Errors: zero_size; misaligned (not powers of two, or `within` too small);
    /// out_of_memory if no block is free, and for a size or an alignment beyond `BlockSize`;
    /// corrupt; the medium's.
    template <storage Medium>
    [[nodiscard]] result<address> allocate(Medium& medium, block_request request) {
        if (const auto valid = detail::check_request(request); !valid) {
            return failure(valid.error());
        }
        if (request.size > BlockSize || request.align > BlockSize) {
            return failure(errc::out_of_memory);
        }
        return core_.allocate(medium, 0, 0);
    }

    /// Errors: double_free if the block is free; foreign_pointer if `block` is not the first
    /// address of one; the medium's.
    template <storage Medium>
    [[nodiscard]] result<void> deallocate(Medium& medium, address block) {
        return core_.deallocate(medium, block);
    }

    /// Bytes: `BlockSize`, or 0 when full. A read per level of summaries, and one of a group.
    template <storage Medium>
    [[nodiscard]] result<address> largest_free(Medium& medium) {
        const auto span = core_.largest(medium);
        if (!span) {
            return failure(span.error());
        }
        return *span == 0 ? address{0} : address{BlockSize};
    }

    /// Whether the state on the medium is one that this allocator wrote, and all of its parts and
    /// this object agree. Reads all of it.
    template <storage Medium>
    [[nodiscard]] result<bool> invariants_hold(Medium& medium) {
        return core_.invariants_hold(medium);
    }

    /// Does not access the medium.
    template <storage Medium>
    [[nodiscard]] result<nonresident_stats> stats(Medium&) {
        return core_.stats();
    }

private:
    core core_;
};
static_assert(nonresident_allocator<nonresident_block_allocator<64>, storage_archetype>);
static_assert(nonresident_allocator<nonresident_block_allocator<64, 0>, storage_archetype>);

} // namespace vmem

#endif
