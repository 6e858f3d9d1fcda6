// SPDX-License-Identifier: BSL-1.0
// EXPECT: RAM allocator: missing a constructor from the arena, a 'std::span<std::byte>'
#include <vmem/allocator/concept.hpp>

#include <cstddef>

struct bad {
    vmem::result<void*> allocate(std::size_t size, std::size_t align = vmem::default_alignment);
    vmem::result<void> deallocate(void* p, std::size_t size, std::size_t align);
    vmem::result<void*> reallocate(void* p, std::size_t old_size, std::size_t new_size,
                                   std::size_t align);
    vmem::result<void> allocate_at(void* p, std::size_t size,
                                   std::size_t align = vmem::default_alignment);
    void sort_free() noexcept;
    std::size_t largest_free() const noexcept;
    bool invariants_hold() const noexcept;
    vmem::allocator_stats stats() const noexcept;
};

static_assert((vmem::check_ram_allocator<bad>(), true));
