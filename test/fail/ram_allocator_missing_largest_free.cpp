// SPDX-License-Identifier: BSL-1.0
// EXPECT: RAM allocator: missing 'std::size_t largest_free() const noexcept'
#include <vmem/allocator/concept.hpp>

#include <cstddef>
#include <span>

struct bad {
    explicit bad(std::span<std::byte> arena) noexcept;
    vmem::result<void*> allocate(std::size_t size, std::size_t align = vmem::default_alignment);
    vmem::result<void> deallocate(void* p, std::size_t size, std::size_t align);
    vmem::result<void*> reallocate(void* p, std::size_t old_size, std::size_t new_size,
                                   std::size_t align);
    vmem::result<void> allocate_at(void* p, std::size_t size,
                                   std::size_t align = vmem::default_alignment);
    void sort_free() noexcept;
    bool invariants_hold() const noexcept;
    vmem::allocator_stats stats() const noexcept;
};

static_assert((vmem::check_ram_allocator<bad>(), true));
