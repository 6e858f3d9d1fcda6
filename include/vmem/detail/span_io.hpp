// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_SPAN_IO_HPP
#define VMEM_DETAIL_SPAN_IO_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <cstddef>
#include <span>

namespace vmem::detail {

/// Bytes of a medium, with an error that sticks: after the first failure reads leave their span as
/// it was and writes do nothing, so that a sequence of them is checked once, where it matters.
template <class Medium>
class span_io {
    static_assert(storage_traits<Medium>::read_size == 1 && storage_traits<Medium>::write_size == 1,
                  "non-resident allocator: the medium must be byte-addressable; put a page cache "
                  "over it");

public:
    explicit span_io(Medium& medium) noexcept : medium_(medium) {}

    void read(address from, std::span<std::byte> out) {
        if (outcome_) {
            outcome_ = medium_.read(from, out);
        }
    }
    void write(address to, std::span<const std::byte> in) {
        if (outcome_) {
            outcome_ = medium_.write(to, in);
        }
    }
    /// Makes the sequence fail for a reason of the caller's.
    void fail(errc code) {
        if (outcome_) {
            outcome_ = failure(code);
        }
    }
    [[nodiscard]] bool ok() const noexcept { return outcome_.has_value(); }
    [[nodiscard]] const result<void>& outcome() const noexcept { return outcome_; }

private:
    Medium& medium_;
    result<void> outcome_;
};

} // namespace vmem::detail

#endif
