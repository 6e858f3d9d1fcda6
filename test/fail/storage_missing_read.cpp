// SPDX-License-Identifier: BSL-1.0
// EXPECT: storage: missing 'result<void> read(address, std::span<std::byte>)'
#include <vmem/storage/storage_ref.hpp>

#include <cstddef>
#include <span>

struct bad {
    [[nodiscard]] vmem::address size() const noexcept;
    [[nodiscard]] vmem::result<void> write(vmem::address to, std::span<const std::byte> in);
    [[nodiscard]] vmem::result<void> sync();
};

using user = vmem::storage_ref<bad>;
static_assert(sizeof(user) != 0);
