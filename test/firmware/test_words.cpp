// SPDX-License-Identifier: BSL-1.0
//
// Counts the words of a text on an SD card, in a tree that lies on the same card.
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/device/sd_card.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/partition.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "board.hpp"
#include "checks.hpp"
#include "suite.hpp"

#include <array>
#include <cstring>
#include <new>

namespace {

using card = vmem::sd_card<board::sd_bus>;
using part = vmem::partition<vmem::storage_ref<card>>;
using memory =
    vmem::heap<part, vmem::paged<512, 8>, vmem::nonresident_linked_list_allocator, vmem::roots<1>>;
struct node;
using link = vmem::vptr<node, memory>;

struct node {
    char word[20];
    std::uint32_t count;
    link less;
    link more;
};
struct totals {
    std::uint32_t words = 0;
    std::uint32_t different = 0;
    std::uint32_t longest = 0;
};

constexpr vmem::address text_end = 1 << 20;

alignas(memory) std::byte room[sizeof(memory)];
card disk{board::sd_bus{}};
vmem::vptr<link, memory> root;

memory& start() {
    board::sd_bus::enable();
    VERIFY(disk.start());
    auto rest = part::make(vmem::storage_ref<card>(disk),
                           {.offset = text_end, .size = disk.size() - text_end});
    VERIFY(rest);
    return *new (room) memory(*rest);
}

void count_word(memory& heap, const char* word) {
    link at = *root;
    link parent = nullptr;
    int order = 0;
    while (at != nullptr) {
        order = std::strcmp(word, at->word);
        if (order == 0) {
            at->count += 1;
            return;
        }
        parent = at;
        at = order < 0 ? at->less : at->more;
    }
    node fresh{};
    std::strcpy(fresh.word, word);
    fresh.count = 1;
    const auto made = heap.make<node>(fresh);
    VERIFY(made);
    if (parent == nullptr) {
        *root = *made;
    } else if (order < 0) {
        parent->less = *made;
    } else {
        parent->more = *made;
    }
}

void add_up(link at, totals& all) {
    if (at != nullptr) {
        const node here = *at;
        add_up(here.less, all);
        all.words += here.count;
        all.different += 1;
        const auto length = static_cast<std::uint32_t>(std::strlen(here.word));
        all.longest = all.longest < length ? length : all.longest;
        add_up(here.more, all);
    }
}

void report() {
    totals all;
    add_up(*root, all);
    semihosting::print("words ", all.words, " different ", all.different, " longest ");
    semihosting::print(all.longest, "\n");
}

} // namespace

void test_words() {
    memory& heap = start();
    VERIFY(heap.format());
    const auto made = heap.make<link>(nullptr);
    VERIFY(made);
    root = *made;
    VERIFY(heap.set_root("words", root));
    std::array<std::byte, 512> sector;
    char word[20];
    std::size_t length = 0;
    const std::uint32_t size = semihosting::number(2, 0);
    for (std::uint32_t at = 0; at <= size; ++at) {
        if (at % 512 == 0 && at < text_end) {
            VERIFY(disk.read(at, sector));
        }
        const char c = at < size ? static_cast<char>(sector[at % 512]) : ' ';
        const char lower = static_cast<char>(c | 0x20);
        if (lower >= 'a' && lower <= 'z') {
            if (length + 1 < sizeof(word)) {
                word[length++] = lower;
            }
        } else if (length != 0) {
            word[length] = '\0';
            count_word(heap, word);
            length = 0;
        }
    }
    VERIFY(heap.flush());
    report();
}

void test_words_again() {
    memory& heap = start();
    VERIFY(heap.open());
    const auto found = heap.root<link>("words");
    VERIFY(found && *found != nullptr);
    root = *found;
    VERIFY(*heap.invariants_hold());
    report();
}
