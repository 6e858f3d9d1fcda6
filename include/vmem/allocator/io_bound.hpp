// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_IO_BOUND_HPP
#define VMEM_ALLOCATOR_IO_BOUND_HPP

namespace vmem {

/// How often a call accesses its medium, at most.
struct io_bound {
    unsigned reads = 0;
    unsigned writes = 0;
    /// Reads and writes together; less than their sum where no single call needs both bounds.
    unsigned operations = 0;

    [[nodiscard]] friend constexpr bool operator==(const io_bound&, const io_bound&) = default;
};

namespace detail {

/// `std::max` without <algorithm>.
[[nodiscard]] constexpr unsigned larger(unsigned a, unsigned b) noexcept {
    return a < b ? b : a;
}

} // namespace detail
} // namespace vmem

#endif
