// SPDX-License-Identifier: BSL-1.0
// EXPECT: linked_list_allocator: Fit is first_fit, best_fit, or a type with 'static bool
// EXPECT: is_good(std::size_t size, std::size_t wanted) noexcept'
#include <vmem/allocator/linked_list_allocator.hpp>

struct bad {};

static_assert(sizeof(vmem::linked_list_allocator<bad>) != 0);
