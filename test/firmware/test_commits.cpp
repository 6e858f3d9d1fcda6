// SPDX-License-Identifier: BSL-1.0
//
// Commits on an SD card until power fails. Each run begins where the last one was cut off, and
// says which transaction it found, and then which ones are durable.
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/device/sd_card.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>

#include "bank.hpp"
#include "board.hpp"
#include "checks.hpp"
#include "suite.hpp"
#include "watched_bus.hpp"

#include <new>

namespace {

using card = vmem::sd_card<watched_bus>;
using memory = vmem::heap<card, vmem::paged<512, 8>, vmem::nonresident_linked_list_allocator,
                          vmem::durability<vmem::journaled<65'536>>>;

alignas(memory) std::byte room[sizeof(memory)];

memory& start() {
    board::sd_bus::enable();
    memory& heap = *new (room) memory(card{watched_bus{}});
    VERIFY(heap.storage().start());
    return heap;
}

} // namespace

void test_commits() {
    memory& heap = start();
    bank<memory> accounts(heap);
    if (const auto opened = heap.open(); opened) {
        accounts.open();
    } else {
        VERIFY(opened.error() == vmem::errc::not_formatted);
        VERIFY(heap.format());
        accounts.create();
    }
    semihosting::print("found ", accounts.transactions(), "\n");
    accounts.verify();
    for (std::uint32_t left = semihosting::number(2, 20); left != 0; --left) {
        accounts.change();
        VERIFY(heap.commit());
        semihosting::print("durable ", accounts.transactions(), "\n");
    }
}
