// SPDX-License-Identifier: BSL-1.0
// EXPECT: storage: missing 'result<void> sync()'; return {} where writes are durable at once
#include <vmem/storage/counted.hpp>

#include <cstddef>
#include <span>

struct bad {
    [[nodiscard]] vmem::address size() const noexcept;
    [[nodiscard]] vmem::result<void> read(vmem::address from, std::span<std::byte> out);
    [[nodiscard]] vmem::result<void> write(vmem::address to, std::span<const std::byte> in);
};

using user = vmem::counted<bad>;
static_assert(sizeof(user) != 0);
