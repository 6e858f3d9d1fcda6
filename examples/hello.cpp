// SPDX-License-Identifier: BSL-1.0

#include <vmem/vmem.hpp>

#include <cstdio>

using memory = vmem::heap<vmem::file_storage,                     // where do the bytes live?
                          vmem::paged<512, 8, vmem::sieve>,       // which of them are in RAM?
                          vmem::nonresident_linked_list_allocator // who hands out addresses?
                          >;

int main() {
    memory heap{vmem::file_storage::open("hello.vmem", 262'144).value()};
    heap.format().value();

    vmem::vptr<int, memory> p = heap.make<int>(41).value();
    *p += 1; // goes through the page frames, as each access does

    vmem::vptr<char, memory> text = heap.allocate<char>(10'000).value();
    vmem::memset(text, 'A', 10'000);
    text[9'999] = 'Z';

    const int answer = *p;
    const char first = text[0], last = text[9'999];
    std::printf("%d, %c to %c, in %zu bytes of RAM\n", answer, first, last, sizeof(heap));
}
