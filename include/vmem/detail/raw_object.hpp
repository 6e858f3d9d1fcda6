// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_RAW_OBJECT_HPP
#define VMEM_DETAIL_RAW_OBJECT_HPP

#include <cstddef>
#include <span>

namespace vmem::detail {

/// Room for the bytes of a `T`, copied from virtual memory: `T` needs no default constructor, and
/// no constructor or destructor runs.
template <class T>
class raw_object {
public:
    [[nodiscard]] std::span<std::byte> bytes() noexcept { return bytes_; }
    [[nodiscard]] T& get() noexcept { return *reinterpret_cast<T*>(bytes_); }

private:
    alignas(T) std::byte bytes_[sizeof(T)];
};

} // namespace vmem::detail

#endif
