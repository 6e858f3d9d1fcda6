// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_CHECK_REQUEST_HPP
#define VMEM_DETAIL_CHECK_REQUEST_HPP

#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/result.hpp>

namespace vmem::detail {

/// Errors of requests that nobody could grant: zero_size; misaligned if `align` or `within` are not
/// powers of two, or `within` is less than `size` or `align`.
[[nodiscard]] constexpr result<void> check_request(const block_request& request) noexcept {
    if (request.size == 0) {
        return failure(errc::zero_size);
    }
    // `std::has_single_bit` counts bits, which is a library call on processors that cannot.
    const auto has_several_bits = [](address value) { return (value & (value - 1)) != 0; };
    if (request.align == 0 || has_several_bits(request.align) ||
        (request.within != 0 &&
         (has_several_bits(request.within) || request.within < request.size ||
          request.within < request.align))) {
        return failure(errc::misaligned);
    }
    return {};
}

} // namespace vmem::detail

#endif
