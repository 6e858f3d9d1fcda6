// SPDX-License-Identifier: BSL-1.0
// What test_gdb.py looks at: it stops in `stop_here`.

#include <vmem/vmem.hpp>

#include <cstdio>

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<128, 4, vmem::fifo>,
                          vmem::nonresident_linked_list_allocator>;
using narrow = vmem::heap<vmem::ram_storage<4096>, vmem::paged<128, 4>,
                          vmem::nonresident_linked_list_allocator, vmem::address_bits<16>>;

struct node {
    int value;
    vmem::vptr<node, memory> next;
};

extern "C" [[gnu::noinline]] void stop_here(const char* where) {
    std::puts(where);
}

int main() {
    vmem::vptr<int, narrow> homeless = vmem::vptr<int, narrow>::from_address(512);
    memory heap;
    vmem::vptr<int, memory> early = vmem::vptr<int, memory>::from_address(512);
    stop_here("closed");

    heap.format().value();
    vmem::vptr<int, memory> null;
    vmem::vptr<void, memory> untyped = early;
    vmem::vptr<int, memory> numbers = heap.allocate<int>(256).value();
    for (int i = 0; i < 256; ++i) {
        numbers[i] = i * i;
    }
    vmem::vptr<int, memory> last = numbers + 255;
    vmem::vptr<node, memory> tail = heap.make<node>(7, nullptr).value();
    vmem::vptr<node, memory> list = heap.make<node>(8, tail).value();
    const int again = *last;
    vmem::vref<int, memory> reference = *last;
    vmem::pin<int, memory> empty;
    vmem::pin<int, memory> held = (numbers + 253).write(3).value();
    stop_here("open");
    held.release();

    narrow small;
    small.format().value();
    vmem::vptr<int, narrow> narrow_number = small.make<int>(99).value();
    stop_here("narrow");
    return again == 255 * 255 && untyped && null == nullptr && list && reference == again &&
                   !empty && homeless && narrow_number && early
               ? 0
               : 1;
}
