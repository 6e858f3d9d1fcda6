// SPDX-License-Identifier: BSL-1.0
//
// A heap on each kind of chip, for compilers whose programs are not run.
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/device/sd_card.hpp>
#include <vmem/device/spi_fram.hpp>
#include <vmem/device/spi_sram.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#if !defined(__AVR__)
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/residency/resident_objects.hpp>
#endif

using bus = vmem::spi_bus_archetype;
using pages = vmem::heap<vmem::spi_sram<bus, vmem::chip::sram_23lc1024>, vmem::paged<256, 4>,
                         vmem::nonresident_linked_list_allocator>;
// On 8-bit processors std::size_t has 16 bits: there are pages, but no whole objects and no
// journal.
#if !defined(__AVR__)
using objects = vmem::heap<vmem::spi_fram<bus, vmem::chip::fram_mb85rs64v>,
                           vmem::resident_objects<512, 8>, vmem::nonresident_buddy_allocator<>>;
using commits =
    vmem::heap<vmem::sd_card<bus>, vmem::paged<512, 4>, vmem::nonresident_linked_list_allocator,
               vmem::durability<vmem::journaled<65'536>>>;

int use(objects& heap) {
    const auto made = heap.make_unique<int>(1);
    return heap.format() && made && heap.persist() ? made->get().value_or(0) : 0;
}
int use(commits& heap) {
    return heap.open() && heap.make<int>(1) && heap.commit() ? 1 : 0;
}
#endif

int use(pages& heap) {
    const auto made = heap.make<int>(1);
    return heap.format() && made && heap.flush() ? static_cast<int>(**made) : 0;
}
