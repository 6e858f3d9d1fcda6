// SPDX-License-Identifier: BSL-1.0
#include <vmem/vmem.hpp>

#include <cstdio>

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<128, 4, vmem::sieve>,
                          vmem::nonresident_linked_list_allocator>;

int main() {
    memory heap;
    if (!heap.format()) {
        return 1;
    }
    const auto made = heap.make<int>(40);
    if (!made) {
        return 1;
    }
    const vmem::vptr<int, memory> p = *made;
    *p += 2;
    const int value = *p;
    std::printf("%d\n", value);
    return 0;
}
