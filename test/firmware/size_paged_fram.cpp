// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/device/spi_fram.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>

#include "size_misses.hpp"

#include <cstdint>
#include <new>

namespace {

using bus = memory_bus<2>;
using memory = vmem::heap<vmem::spi_fram<bus, vmem::chip::fram_mb85rs64v>,
                          vmem::paged<256, 8, vmem::clock, vmem::page_table<32>>,
                          vmem::nonresident_linked_list_allocator>;
using pointer = vmem::vptr<std::uint32_t, memory>;

alignas(memory) std::byte room[sizeof(memory)];

} // namespace

int main() {
    memory& heap = *new (room) memory;
#if defined(MISSES)
    return run_misses<256, true>(heap);
#else
    if (!heap.storage().start() || !(heap.open() || heap.format())) {
        give_up();
    }
    measure("nothing", [] {});
    pointer p = nullptr;
    measure("make", [&] {
        const auto made = heap.make<std::uint32_t>(42);
        if (!made) {
            give_up();
        }
        p = *made;
    });
    p = unknown(p);
    std::uint32_t value = 0;
    value = measure("resident read of a word", [&] { return std::uint32_t{*p}; });
    value = unknown(value) + 1;
    measure("resident write of a word", [&] { *p = value; });
    measure("flush of what make changed", [&] {
        if (!heap.flush()) {
            give_up();
        }
    });
    measure("free", [&] {
        if (!heap.destroy(p)) {
            give_up();
        }
    });
    return static_cast<int>(unknown(value) & 0);
#endif
}
