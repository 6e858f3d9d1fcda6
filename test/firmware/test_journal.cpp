// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>

#include "bank.hpp"
#include "checks.hpp"
#include "file_chip.hpp"
#include "suite.hpp"

#include <new>

namespace {

using memory =
    vmem::heap<file_chip<65'536, 'j'>, vmem::paged<256, 8>, vmem::nonresident_linked_list_allocator,
               vmem::durability<vmem::journaled<16'384>>>;

static_assert(sizeof(memory) <= sizeof(shared_room) && alignof(memory) <= 16);

} // namespace

void test_journal() {
    memory& heap = *new (shared_room) memory;
    VERIFY(heap.format());
    bank<memory> accounts(heap);
    accounts.create();
    for (unsigned i = 1; i <= 60; ++i) {
        accounts.change();
        if (i % 5 == 0) {
            VERIFY(heap.rollback());
        } else {
            VERIFY(heap.commit());
        }
    }
    accounts.verify();
    VERIFY(accounts.transactions() == 48);
    // Not committed, and the program ends as in a power cut.
    accounts.change();
    VERIFY(accounts.transactions() == 49);
}

void test_journal_again() {
    memory& heap = *new (shared_room) memory;
    VERIFY(heap.open());
    bank<memory> accounts(heap);
    accounts.open();
    VERIFY(accounts.transactions() == 48);
    accounts.verify();
    accounts.change();
    VERIFY(heap.commit());
    accounts.verify();
}
