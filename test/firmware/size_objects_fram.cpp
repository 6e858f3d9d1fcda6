// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/linked_list_allocator.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/device/spi_fram.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/resident_objects.hpp>

#include "size_common.hpp"

#include <cstdint>
#include <new>

namespace {

using bus = memory_bus<2>;
using memory =
    vmem::heap<vmem::spi_fram<bus, vmem::chip::fram_mb85rs64v>,
               vmem::resident_objects<1'024, 16, vmem::linked_list_allocator<>, vmem::clock>,
               vmem::nonresident_linked_list_allocator, vmem::dirty_limit<512>>;
struct sample {
    std::uint32_t fields[8];
};
using object = vmem::unique_vptr<sample, memory>;

alignas(memory) std::byte room[sizeof(memory)];

object make(memory& heap) {
    auto made = heap.make_unique<sample>();
    if (!made) {
        give_up();
    }
    return static_cast<object&&>(*made);
}

} // namespace

int main() {
    memory& heap = *new (room) memory;
    if (!heap.storage().start() || !heap.format()) {
        give_up();
    }
    measure("nothing", [] {});
    object thing;
    measure("make", [&] { thing = make(heap); });
    std::uint32_t value = 0;
    measure("resident read, pin and release", [&] {
        const auto pinned = thing.read();
        if (!pinned) {
            give_up();
        }
        value = (*pinned)->fields[3];
    });
    value = unknown(value) + 1;
#if defined(COUNTS)
    if (!heap.flush()) {
        give_up();
    }
    static constexpr const char* writes[] = {"first write to a saved object",
                                             "resident write, pin and release"};
    // In a loop, or there would be two copies of it, or none inlined.
    for (const char* const name : writes)
#else
    const char* const name = nullptr;
#endif
        measure(name, [&] {
            auto pinned = thing.write();
            if (!pinned) {
                give_up();
            }
            (*pinned)->fields[3] = value;
        });
    measure("persist of 32 bytes", [&] {
        if (!heap.persist()) {
            give_up();
        }
    });
#if defined(COUNTS)
    object others[6];
    for (object& each : others) {
        each = make(heap);
    }
    measure("persist of 224 bytes", [&] {
        if (!heap.persist()) {
            give_up();
        }
    });
    for (object& each : others) {
        static_cast<void>(each.unload());
    }
    measure("miss", [&] {
        const auto pinned = others[2].read();
        if (!pinned) {
            give_up();
        }
        value += (*pinned)->fields[3];
    });
#endif
    measure("free", [&] {
        if (!thing.reset()) {
            give_up();
        }
    });
    return static_cast<int>(unknown(value) & 0);
}
