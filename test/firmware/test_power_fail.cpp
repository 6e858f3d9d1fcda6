// SPDX-License-Identifier: BSL-1.0
//
// A timer interrupt is the warning that power is about to fail. It comes at any instruction; what
// is unsaved is persisted, and the lights go out.
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/device/sd_card.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/resident_objects.hpp>

#include "board.hpp"
#include "checks.hpp"
#include "sector_window.hpp"
#include "suite.hpp"

#include <cstdint>
#include <new>

namespace {

constexpr int lights_out = 55;

/// Counts what is under way when the interrupt comes.
struct counted_bus : board::sd_bus {
    static inline volatile bool active = false;
    static void select() noexcept {
        active = true;
        sd_bus::select();
    }
    static void deselect() noexcept {
        sd_bus::deselect();
        active = false;
    }
};

struct power_goes {
    void operator()(const vmem::result<void>& persisted) const {
        VERIFY(persisted);
        semihosting::exit(lights_out);
    }
};

using card = sector_window<vmem::sd_card<counted_bus>>;
using memory =
    vmem::heap<card, vmem::resident_objects<2'048, 16>, vmem::nonresident_buddy_allocator<>,
               vmem::dirty_limit<1'024>, vmem::on_persisted<power_goes>>;
using object = vmem::unique_vptr<std::uint32_t[], memory>;

constexpr std::uint32_t objects = 30;
constexpr std::uint32_t words = 24;

alignas(memory) std::byte room[sizeof(memory)];
object live[objects];

memory& start() {
    board::sd_bus::enable();
    memory& heap = *new (room) memory(card{vmem::sd_card<counted_bus>{counted_bus{}}});
    VERIFY(heap.storage().inner().start());
    return heap;
}

volatile std::uint32_t step;

} // namespace

extern "C" void SysTick_Handler() {
    board::no_alarm();
    // What the program had done by now, for whoever checks it.
    semihosting::print(counted_bus::active ? "inside " : "outside ", step, "\n");
    VERIFY(memory::current().persist());
}

/// Element 0 of an object is how often it was changed, all others follow from that.
void test_power_fail() {
    memory& heap = start();
    VERIFY(heap.format());
    for (object& each : live) {
        auto made = heap.make_unique<std::uint32_t[]>(words);
        VERIFY(made);
        each = static_cast<object&&>(*made);
        semihosting::print("at ", each.address().to_address(), "\n");
    }
    VERIFY(heap.flush());
    semihosting::print("ready\n");
    board::alarm_in(semihosting::number(2, 100'000));
    random_numbers random(semihosting::number(3, 1));
    for (;;) {
        // In this order, so that a power cut between leaves the one or the other.
        object& each = live[random.below(objects)];
        auto pinned = each.write();
        VERIFY(pinned);
        for (std::uint32_t word = 0; word < words; ++word) {
            (*pinned)[word] += word + 1;
        }
        step = step + 1;
    }
}

void test_power_fail_check() {
    memory& heap = start();
    VERIFY(heap.open());
    std::uint32_t changes = 0;
    std::uint32_t torn = 0;
    for (std::uint32_t which = 0; which < objects; ++which) {
        const auto each = heap.adopt(
            vmem::vptr<std::uint32_t, memory>::from_address(semihosting::number(3 + which, 0)),
            words);
        const auto first = each.get(0);
        VERIFY(first);
        changes += *first;
        std::uint32_t count = *first;
        for (std::uint32_t word = 1; word < words; ++word) {
            const auto found = each.get(word);
            VERIFY(found);
            if (*found != count * (word + 1)) {
                // It was being changed: from here on it is as it was before.
                ++torn;
                --count;
                VERIFY(*found == count * (word + 1));
            }
        }
        static_cast<void>(const_cast<object&&>(each).release());
    }
    VERIFY(torn <= 1);
    const std::uint32_t steps = semihosting::number(2, 0);
    VERIFY(changes == steps || changes == steps + 1);
    VERIFY(*heap.invariants_hold());
}
