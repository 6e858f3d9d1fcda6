// SPDX-License-Identifier: BSL-1.0
// EXPECT: residency: missing 'read_reserved(std::span<std::byte>)'
#include <vmem/residency/concept.hpp>

#include <cstddef>

struct bad : vmem::storage_archetype {
    [[nodiscard]] vmem::result<void> start(vmem::address end);
    void stop() noexcept;
    [[nodiscard]] vmem::result<vmem::pinned_bytes> pin(vmem::address at, std::size_t count,
                                                       std::size_t unit, vmem::access how);
    void unpin(std::size_t slot) noexcept;
    [[nodiscard]] vmem::result<vmem::pinned_bytes> copy_out(vmem::address from, std::size_t count);
    [[nodiscard]] vmem::result<void> put_back(const vmem::pinned_bytes& copy, vmem::address to);
    void discard(const vmem::pinned_bytes& copy) noexcept;
};

static_assert((vmem::check_residency<bad>(), true));
