// SPDX-License-Identifier: BSL-1.0
// What test_gdb.py looks at of a heap with whole objects: it stops in `stop_here`.

#include <vmem/vmem.hpp>

#include <cstdio>

using memory =
    vmem::heap<vmem::ram_storage<4096>, vmem::resident_objects<256, 4, vmem::tlsf_allocator<>>,
               vmem::nonresident_buddy_allocator<>>;

struct node {
    int value;
    int weight;
};

extern "C" [[gnu::noinline]] void stop_here(const char* where) {
    std::puts(where);
}

int main() {
    memory heap;
    heap.format().value();
    vmem::unique_vptr<node, memory> nothing;
    vmem::unique_vptr<node, memory> object = heap.make_unique<node>(3, 4).value();
    vmem::unique_vptr<short[], memory> numbers = heap.make_unique<short[]>(3).value();
    for (short i = 0; i < 3; ++i) {
        numbers.set(static_cast<std::size_t>(i), static_cast<short>(10 * i)).value();
    }
    vmem::unique_vptr<char[], memory> first = heap.make_unique<char[]>(64).value();
    vmem::unique_vptr<char[], memory> second = heap.make_unique<char[]>(64).value();
    vmem::unique_vptr<char[], memory> third = heap.make_unique<char[]>(64).value();
    const int value = object.get().value().value;
    stop_here("objects");
    return value == 3 && first && second && third && !nothing ? 0 : 1;
}
