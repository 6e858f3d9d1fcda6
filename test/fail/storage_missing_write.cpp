// SPDX-License-Identifier: BSL-1.0
// EXPECT: storage: missing 'result<void> write(address, std::span<const std::byte>)'
#include <vmem/storage/concatenated.hpp>

#include <cstddef>
#include <span>

struct bad {
    [[nodiscard]] vmem::address size() const noexcept;
    [[nodiscard]] vmem::result<void> read(vmem::address from, std::span<std::byte> out);
    [[nodiscard]] vmem::result<void> sync();
};

using user = vmem::concatenated<bad>;
static_assert(sizeof(user) != 0);
