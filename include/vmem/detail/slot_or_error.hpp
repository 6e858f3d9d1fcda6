// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_SLOT_OR_ERROR_HPP
#define VMEM_DETAIL_SLOT_OR_ERROR_HPP

#include <vmem/result.hpp>

#include <cstddef>
#include <limits>

namespace vmem::detail {

/// A slot, a place, or why there is none: `result<std::size_t>` of small numbers, in one word,
/// which a processor returns in a register.
class [[nodiscard]] slot_or_error {
public:
    // NOLINTBEGIN(google-explicit-constructor): as those of `result`
    /// Precondition: `slot` is at most half of what a word can be.
    constexpr slot_or_error(std::size_t slot) noexcept : word_(slot) {}
    constexpr slot_or_error(const failure& failed) noexcept
        : word_(~static_cast<std::size_t>(result<void>(failed).error())) {}
    // NOLINTEND(google-explicit-constructor)

    [[nodiscard]] constexpr explicit operator bool() const noexcept {
        return word_ <= (std::numeric_limits<std::size_t>::max)() / 2;
    }
    /// Precondition: there is one.
    [[nodiscard]] constexpr std::size_t operator*() const noexcept { return word_; }
    /// Precondition: there is none.
    [[nodiscard]] constexpr errc error() const noexcept { return static_cast<errc>(~word_); }

private:
    std::size_t word_;
};

} // namespace vmem::detail

#endif
