// SPDX-License-Identifier: BSL-1.0
//
// What every one of these programs has: the functions that compilers call, as small as they can be.
#include "size_common.hpp"

#include <cstddef>

vmem::result<void> bus_ends() noexcept {
    return {};
}

extern "C" {

void mark() {
    asm volatile("");
}

// The attribute: or the compiler makes them call themselves.
[[gnu::optimize("no-tree-loop-distribute-patterns")]] void* memcpy(void* to, const void* from,
                                                                   std::size_t count) {
    auto* out = static_cast<unsigned char*>(to);
    for (const auto* in = static_cast<const unsigned char*>(from); count != 0; --count) {
        *out++ = *in++;
    }
    return to;
}
[[gnu::optimize("no-tree-loop-distribute-patterns")]] void* memset(void* to, int value,
                                                                   std::size_t count) {
    auto* out = static_cast<unsigned char*>(to);
    for (; count != 0; --count) {
        *out++ = static_cast<unsigned char>(value);
    }
    return to;
}
[[gnu::optimize("no-tree-loop-distribute-patterns")]] void* memmove(void* to, const void* from,
                                                                    std::size_t count) {
    auto* out = static_cast<unsigned char*>(to);
    const auto* in = static_cast<const unsigned char*>(from);
    if (out <= in) {
        return memcpy(to, from, count);
    }
    while (count != 0) {
        --count;
        out[count] = in[count];
    }
    return to;
}

} // extern "C"
