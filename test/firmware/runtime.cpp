// SPDX-License-Identifier: BSL-1.0
//
// What compilers refer to. There is no operator new, malloc, _sbrk or throw: whoever uses one does
// not link.
#include "semihosting.hpp"
#include "suite.hpp"

#include <cstddef>

alignas(16) std::byte shared_room[4096];

extern "C" {

void* __dso_handle = nullptr;

int __aeabi_atexit(void*, void (*)(void*), void*) {
    return 0;
}
int __cxa_atexit(void (*)(void*), void*, void*) {
    return 0;
}
[[noreturn]] void abort() {
    semihosting::print("ABORTED\n");
    semihosting::exit(99);
}
[[noreturn]] void __cxa_pure_virtual() {
    abort();
}

} // extern "C"

void operator delete(void*) noexcept {
    abort();
}
void operator delete(void*, std::size_t) noexcept {
    abort();
}
