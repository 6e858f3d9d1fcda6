// SPDX-License-Identifier: BSL-1.0
// EXPECT: residency: missing 'result<pinned_bytes> pin(address, std::size_t count, std::size_t
// unit, access)'
#include <vmem/residency/concept.hpp>

#include <cstddef>
#include <span>

struct bad : vmem::storage_archetype {
    [[nodiscard]] vmem::result<void> start(vmem::address end);
    void stop() noexcept;
    [[nodiscard]] vmem::result<vmem::pinned_bytes> copy_out(vmem::address from, std::size_t count);
    [[nodiscard]] vmem::result<void> put_back(const vmem::pinned_bytes& copy, vmem::address to);
    void discard(const vmem::pinned_bytes& copy) noexcept;
    [[nodiscard]] vmem::result<void> read_reserved(std::span<std::byte> out);
    [[nodiscard]] vmem::result<void> write_reserved(std::span<const std::byte> in);
};

static_assert((vmem::check_residency<bad>(), true));
