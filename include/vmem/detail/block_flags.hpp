// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_BLOCK_FLAGS_HPP
#define VMEM_DETAIL_BLOCK_FLAGS_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

namespace vmem::detail {

/// Two flags per granule of an arena: a live block starts here; a free block ends here. As no two
/// free blocks are neighbours, these tell of each block that starts at a known granule whether it
/// is live, and whether the block before it is free. Nothing else needs to be known of a live
/// block.
class block_flags {
    struct group {
        std::uint32_t starts = 0;
        std::uint32_t ends = 0;
    };
    /// Granules in a group.
    static constexpr std::size_t per_group = 32;

public:
    static constexpr std::size_t alignment = alignof(group);
    /// Room for the flags of granules 0 to `last`, in bytes.
    [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t last) noexcept {
        return (last / per_group + 1) * sizeof(group);
    }

    block_flags() noexcept = default;
    /// No flag is set in the `bytes_for(last)` bytes at `at`. O(last).
    block_flags(void* at, std::size_t last) noexcept : groups_(static_cast<group*>(at)) {
        for (std::size_t i = 0; i <= last / per_group; ++i) {
            ::new (static_cast<void*>(groups_ + i)) group{};
        }
    }

    [[nodiscard]] bool starts(std::size_t at) const noexcept {
        return (of(at).starts & bit(at)) != 0;
    }
    void set_start(std::size_t at) const noexcept { of(at).starts |= bit(at); }
    void clear_start(std::size_t at) const noexcept { of(at).starts &= ~bit(at); }

    [[nodiscard]] bool ends(std::size_t at) const noexcept { return (of(at).ends & bit(at)) != 0; }
    void set_end(std::size_t at) const noexcept { of(at).ends |= bit(at); }
    void clear_end(std::size_t at) const noexcept { of(at).ends &= ~bit(at); }

    /// The first granule from `at` on that has a flag. Precondition: there is one.
    [[nodiscard]] std::size_t next(std::size_t at) const noexcept {
        std::size_t i = at / per_group;
        std::uint32_t found =
            (groups_[i].starts | groups_[i].ends) & (~std::uint32_t{0} << (at % per_group));
        while (found == 0) {
            ++i;
            found = groups_[i].starts | groups_[i].ends;
        }
        return i * per_group + static_cast<unsigned>(std::countr_zero(found));
    }

private:
    [[nodiscard]] static constexpr std::uint32_t bit(std::size_t at) noexcept {
        return std::uint32_t{1} << (at % per_group);
    }
    [[nodiscard]] group& of(std::size_t at) const noexcept { return groups_[at / per_group]; }

    group* groups_ = nullptr;
};

} // namespace vmem::detail

#endif
