// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_GROUP_CACHE_HPP
#define VMEM_DETAIL_GROUP_CACHE_HPP

#include <vmem/config.hpp>
#include <vmem/detail/block_codes.hpp>

#include <array>
#include <cstddef>

namespace vmem::detail {

/// Copies of the `Groups` groups of level 0 that were put in last. What is written to the medium is
/// put in as well, so that nothing is lost when a copy goes.
template <std::size_t Groups>
class group_cache {
public:
    /// Null if it is not here. O(Groups).
    [[nodiscard]] constexpr const group_image* find(address group) const noexcept {
        const std::size_t slot = slot_of(group);
        return slot < Groups ? &images_[slot] : nullptr;
    }

    constexpr void put(address group, const group_image& image) noexcept {
        std::size_t slot = slot_of(group);
        if (slot == Groups) {
            slot = next_;
            next_ = (next_ + 1) % Groups;
        }
        // One more than the number, so that 0 is none.
        holds_[slot] = group + 1;
        images_[slot] = image;
    }

    constexpr void set(address group, std::size_t byte, std::byte value) noexcept {
        if (const std::size_t slot = slot_of(group); slot < Groups) {
            images_[slot][byte] = value;
        }
    }

    constexpr void forget(address group) noexcept {
        if (const std::size_t slot = slot_of(group); slot < Groups) {
            holds_[slot] = 0;
        }
    }

private:
    [[nodiscard]] constexpr std::size_t slot_of(address group) const noexcept {
        std::size_t slot = 0;
        while (slot < Groups && holds_[slot] != group + 1) {
            ++slot;
        }
        return slot;
    }

    std::array<address, Groups> holds_{};
    std::array<group_image, Groups> images_{};
    std::size_t next_ = 0;
};

template <>
class group_cache<0> {
public:
    [[nodiscard]] static constexpr const group_image* find(address) noexcept { return nullptr; }
    static constexpr void put(address, const group_image&) noexcept {}
    static constexpr void set(address, std::size_t, std::byte) noexcept {}
    static constexpr void forget(address) noexcept {}
};

} // namespace vmem::detail

#endif
