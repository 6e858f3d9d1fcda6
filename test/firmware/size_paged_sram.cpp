// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/device/spi_sram.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>

#include "size_common.hpp"

#include <cstdint>
#include <new>

namespace {

using bus = memory_bus<3>;
constexpr std::size_t page = 256;
using memory = vmem::heap<vmem::spi_sram<bus, vmem::chip::sram_23lc1024>,
                          vmem::paged<page, 8, vmem::clock, vmem::page_table<512>>,
                          vmem::nonresident_linked_list_allocator, vmem::durability<vmem::scratch>>;
using pointer = vmem::vptr<std::uint32_t, memory>;

alignas(memory) std::byte room[sizeof(memory)];

} // namespace

int main() {
    memory& heap = *new (room) memory;
    if (!heap.storage().start() || !heap.format()) {
        give_up();
    }
    pointer p = nullptr;
    measure("nothing", [] {});
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
#if defined(COUNTS)
    // What each costs where there are several: the heap's address is in a register by then.
    const auto row = heap.allocate<std::uint32_t>(8);
    if (!row) {
        give_up();
    }
    (*row)[7] = 0;
    const pointer a = unknown(*row);
    const pointer b = unknown(*row + 1);
    const pointer c = unknown(*row + 2);
    const pointer d = unknown(*row + 3);
    const pointer e = unknown(*row + 4);
    value = measure("one of five", [&] { return std::uint32_t{*a}; });
    value = measure("all five", [&] { return std::uint32_t{*a + *b + *c + *d + *e}; });
#endif
    value = unknown(value) + 1;
    measure("resident write of a word", [&] { *p = value; });
#if defined(COUNTS)
    const auto far = heap.allocate<std::uint32_t>(3000);
    if (!far) {
        give_up();
    }
    for (std::uint32_t i = 0; i < 3000; i += page / 4) {
        value += (*far)[i];
    }
    for (std::uint32_t i = 0; i < 3000; i += page / 4) {
        value += (*far)[i];
    }
    pointer q = unknown(*far);
    value = measure("miss, clean", [&] { return std::uint32_t{*q}; });
    for (std::uint32_t i = 0; i < 3000; i += page / 4) {
        (*far)[i] = value;
    }
    q = unknown(*far);
    value = measure("miss, a word to write back", [&] { return std::uint32_t{*q}; });
    value = *p;
#endif
    measure("free", [&] {
        if (!heap.destroy(p)) {
            give_up();
        }
    });
    return static_cast<int>(unknown(value) & 0);
}
