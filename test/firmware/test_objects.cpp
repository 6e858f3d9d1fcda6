// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/resident_objects.hpp>

#include "checks.hpp"
#include "file_chip.hpp"
#include "suite.hpp"

#include <cstdint>
#include <new>

namespace {

using memory = vmem::heap<file_chip<32'768, 'o'>, vmem::resident_objects<2'048, 16>,
                          vmem::nonresident_buddy_allocator<>, vmem::dirty_limit<512>>;
using object = vmem::unique_vptr<std::uint32_t[], memory>;

constexpr std::uint32_t objects = 30;
constexpr std::uint32_t words = 24;

static_assert(sizeof(memory) <= sizeof(shared_room) && alignof(memory) <= 16);
object live[objects];
std::uint32_t expected[objects][words];

} // namespace

void test_objects() {
    memory& heap = *new (shared_room) memory;
    VERIFY(heap.format());
    for (object& each : live) {
        auto made = heap.make_unique<std::uint32_t[]>(words);
        VERIFY(made);
        each = static_cast<object&&>(*made);
    }
    random_numbers random;
    for (unsigned i = 0; i < 3000; ++i) {
        const auto which = random.below(objects);
        const auto word = random.below(words);
        const auto found = live[which].get(word);
        VERIFY(found && *found == expected[which][word]);
        expected[which][word] = random();
        VERIFY(live[which].set(word, expected[which][word]));
        VERIFY(heap.dirty_bytes() <= 512);
        if (i % 500 == 250) {
            VERIFY(heap.persist());
        }
    }
    VERIFY(heap.persist());
    // All that RAM held is lost, and comes back.
    heap.residency().lose_ram();
    VERIFY(heap.restore());
    for (unsigned which = 0; which < objects; ++which) {
        for (unsigned word = 0; word < words; ++word) {
            const auto found = live[which].get(word);
            VERIFY(found && *found == expected[which][word]);
        }
    }
    VERIFY(heap.flush());
    VERIFY(*heap.invariants_hold());
    std::uint32_t where[objects];
    for (unsigned which = 0; which < objects; ++which) {
        where[which] = live[which].release().to_address();
    }
    file_chip<sizeof(where) + sizeof(expected), 's'> note;
    VERIFY(note.write(0, std::as_bytes(std::span(where))));
    VERIFY(note.write(sizeof(where), std::as_bytes(std::span(&expected, 1))));
}

void test_objects_again() {
    memory& heap = *new (shared_room) memory;
    VERIFY(heap.open());
    std::uint32_t where[objects];
    file_chip<sizeof(where) + sizeof(expected), 's'> note;
    VERIFY(note.read(0, std::as_writable_bytes(std::span(where))));
    VERIFY(note.read(sizeof(where), std::as_writable_bytes(std::span(&expected, 1))));
    for (unsigned which = 0; which < objects; ++which) {
        auto each =
            heap.adopt(vmem::vptr<std::uint32_t, memory>::from_address(where[which]), words);
        for (unsigned word = 0; word < words; ++word) {
            const auto found = each.get(word);
            VERIFY(found && *found == expected[which][word]);
        }
        VERIFY(each.reset());
    }
    VERIFY(heap.allocation()->blocks == 0);
    VERIFY(*heap.invariants_hold());
}
