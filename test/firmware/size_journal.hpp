// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_SIZE_JOURNAL_HPP
#define VMEM_TEST_FIRMWARE_SIZE_JOURNAL_HPP

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/device/sd_card.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>

#include "size_misses.hpp"

#include <cstdint>
#include <new>
#include <type_traits>

namespace {

/// What the programs with a journal on an SD card do; `Mode` is the kind of journal.
template <class Mode, std::size_t Frames>
int run_journal() {
    using memory =
        vmem::heap<vmem::sd_card<card_bus>, vmem::paged<512, Frames>,
                   vmem::nonresident_linked_list_allocator, vmem::durability<Mode>, vmem::roots<1>>;
    alignas(memory) static std::byte room[sizeof(memory)];
    memory& heap = *new (room) memory;
#if defined(MISSES)
    constexpr bool steals = !std::is_same_v<Mode, vmem::journaled_no_steal<Mode::journal_bytes>>;
    return run_misses<512, steals>(heap);
#else
    if (!heap.storage().start() || !(heap.open() || heap.format())) {
        give_up();
    }
    measure("nothing", [] {});
    vmem::vptr<std::uint32_t, memory> p = nullptr;
    measure("make", [&] {
        const auto made = heap.template make<std::uint32_t>(42);
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
    measure("commit of what make changed", [&] {
        if (!heap.commit()) {
            give_up();
        }
    });
#if defined(COUNTS)
    *p = value;
    measure("commit of a word", [&] {
        if (!heap.commit()) {
            give_up();
        }
    });
#endif
    measure("free", [&] {
        if (!heap.destroy(p)) {
            give_up();
        }
    });
    return static_cast<int>(unknown(value) & 0);
#endif
}

} // namespace

#endif
