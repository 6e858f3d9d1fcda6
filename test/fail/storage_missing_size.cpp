// SPDX-License-Identifier: BSL-1.0
// EXPECT: storage: missing 'address size() const noexcept', the number of bytes it holds
#include <vmem/storage/partition.hpp>

#include <cstddef>
#include <span>

struct bad {
    [[nodiscard]] vmem::result<void> read(vmem::address from, std::span<std::byte> out);
    [[nodiscard]] vmem::result<void> write(vmem::address to, std::span<const std::byte> in);
    [[nodiscard]] vmem::result<void> sync();
};

using user = vmem::partition<bad>;
static_assert(sizeof(user) != 0);
