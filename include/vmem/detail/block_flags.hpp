// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_BLOCK_FLAGS_HPP
#define VMEM_DETAIL_BLOCK_FLAGS_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

namespace vmem::detail {

/// Two flags per granule of an arena: a live block starts here; a free block ends right before it.
/// As no two free blocks are neighbours, these tell of each block that starts at a known granule
/// whether it is live, and whether the block before it is free. Nothing else needs to be known of a
/// live block.
class block_flags {
    struct group {
        std::uint32_t live = 0;
        std::uint32_t after_free = 0;
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

    /// Whether a live block starts at `at`.
    [[nodiscard]] bool live(std::size_t at) const noexcept { return is_set(of(at).live, at); }
    void set_live(std::size_t at) const noexcept { of(at).live |= mask_of(at); }
    void clear_live(std::size_t at) const noexcept { of(at).live &= ~mask_of(at); }

    /// Whether a free block ends right before `at`.
    [[nodiscard]] bool after_free(std::size_t at) const noexcept {
        return is_set(of(at).after_free, at);
    }
    void set_after_free(std::size_t at) const noexcept { of(at).after_free |= mask_of(at); }
    void clear_after_free(std::size_t at) const noexcept { of(at).after_free &= ~mask_of(at); }

    /// The first granule from `at` on that has a flag. Precondition: there is one.
    [[nodiscard]] std::size_t next(std::size_t at) const noexcept {
        std::size_t i = at / per_group;
        std::uint32_t found = any_of(i) & (~std::uint32_t{0} << (at % per_group));
        while (found == 0) {
            ++i;
            found = any_of(i);
        }
        return i * per_group + static_cast<unsigned>(std::countr_zero(found));
    }

private:
    [[nodiscard]] static constexpr std::uint32_t mask_of(std::size_t at) noexcept {
        return std::uint32_t{1} << (at % per_group);
    }
    /// Shifted to the right, a flag is one instruction where a processor has one for that.
    [[nodiscard]] static constexpr bool is_set(std::uint32_t flags, std::size_t at) noexcept {
        return (flags >> (at % per_group) & 1) != 0;
    }
    [[nodiscard]] group& of(std::size_t at) const noexcept { return groups_[at / per_group]; }
    [[nodiscard]] std::uint32_t any_of(std::size_t i) const noexcept {
        return groups_[i].live | groups_[i].after_free;
    }

    group* groups_ = nullptr;
};

} // namespace vmem::detail

#endif
