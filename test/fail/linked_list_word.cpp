// SPDX-License-Identifier: BSL-1.0
// EXPECT: linked list allocator: Word must have 32 or 64 bits
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>

#include <cstdint>

vmem::basic_nonresident_linked_list_allocator<std::uint16_t> allocator;
