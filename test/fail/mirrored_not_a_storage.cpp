// SPDX-License-Identifier: BSL-1.0
// EXPECT: storage: missing 'result<void> sync()'
#include <vmem/storage/mirrored.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstddef>
#include <span>

struct bad {
    [[nodiscard]] vmem::address size() const noexcept;
    [[nodiscard]] vmem::result<void> read(vmem::address from, std::span<std::byte> out);
    [[nodiscard]] vmem::result<void> write(vmem::address to, std::span<const std::byte> in);
};

using user = vmem::mirrored<vmem::ram_storage<4096>, bad>;
static_assert(sizeof(user) != 0);
