// SPDX-License-Identifier: BSL-1.0
// EXPECT: conversion from
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator>;

void convert(vmem::vptr<const int, memory> p) {
    const vmem::vptr<int, memory> q = p;
    static_cast<void>(q);
}
