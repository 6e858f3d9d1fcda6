// SPDX-License-Identifier: BSL-1.0
// EXPECT: conversion from
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator>;

using other = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                         vmem::nonresident_linked_list_allocator, vmem::instance<struct tag>>;

void convert(vmem::vptr<int, memory> p) {
    const vmem::vptr<const int, other> q = p;
    static_cast<void>(q);
}
