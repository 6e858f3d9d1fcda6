// SPDX-License-Identifier: BSL-1.0
// EXPECT: storage: missing 'result<void> sync()'
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstddef>
#include <span>

struct bad {
    [[nodiscard]] vmem::address size() const noexcept;
    [[nodiscard]] vmem::result<void> read(vmem::address from, std::span<std::byte> out);
    [[nodiscard]] vmem::result<void> write(vmem::address to, std::span<const std::byte> in);
};

using memory = vmem::heap<bad, vmem::paged<64, 4>, vmem::nonresident_linked_list_allocator,
                          vmem::address_bits<32>>;
static_assert(sizeof(memory) != 0);
