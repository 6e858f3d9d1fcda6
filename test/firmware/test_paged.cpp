// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>

#include "checks.hpp"
#include "file_chip.hpp"
#include "suite.hpp"

#include <cstdint>
#include <new>

namespace {

using memory = vmem::heap<file_chip<65'536, 'p'>, vmem::paged<256, 8>,
                          vmem::nonresident_linked_list_allocator>;
struct node;
using link = vmem::vptr<node, memory>;

struct node {
    std::uint32_t value;
    link next;
};
struct odd {
    char bytes[3];
    std::uint16_t number;
};

constexpr std::uint32_t nodes = 1000;

static_assert(sizeof(memory) <= sizeof(shared_room) && alignof(memory) <= 16);

void check_fields(memory& heap) {
    const auto p = heap.make<odd>(odd{{'a', 'b', 'c'}, 0xBEEF});
    VERIFY(p);
    VERIFY((*p)->number == 0xBEEF);
    (*p)->bytes[2] = 'z';
    const odd copy = **p;
    VERIFY(copy.bytes[2] == 'z' && copy.number == 0xBEEF);
    VERIFY(heap.destroy(*p));
    const auto freed = heap.destroy(*p);
    VERIFY(!freed && freed.error() == vmem::errc::double_free);
}

void check_array(memory& heap) {
    constexpr std::uint32_t count = 5000;
    const auto numbers = heap.allocate<std::uint16_t>(count);
    VERIFY(numbers);
    for (std::uint32_t i = 0; i < count; ++i) {
        (*numbers)[i] = static_cast<std::uint16_t>(i * 3);
    }
    std::uint32_t sum = 0;
    for (std::uint32_t i = count; i-- != 0;) {
        sum += (*numbers)[i] - static_cast<std::uint16_t>(i * 3);
    }
    VERIFY(sum == 0);
    VERIFY(heap.deallocate(*numbers));
}

} // namespace

void test_paged() {
    memory& heap = *new (shared_room) memory;
    VERIFY(heap.format());
    check_fields(heap);
    check_array(heap);
    const auto root = heap.make<link>(nullptr);
    VERIFY(root);
    for (std::uint32_t i = 0; i < nodes; ++i) {
        const link before = **root;
        const auto made = heap.make<node>(node{i, before});
        VERIFY(made);
        **root = *made;
    }
    VERIFY(*heap.invariants_hold());
    VERIFY(heap.flush());
    file_chip<4, 'r'> note;
    const std::uint32_t where = root->to_address();
    VERIFY(note.write(0, std::as_bytes(std::span(&where, 1))));
}

void test_paged_again() {
    memory& heap = *new (shared_room) memory;
    VERIFY(heap.open());
    file_chip<4, 'r'> note;
    std::uint32_t where = 0;
    VERIFY(note.read(0, std::as_writable_bytes(std::span(&where, 1))));
    link at = *vmem::vptr<link, memory>::from_address(where);
    for (std::uint32_t i = nodes; i-- != 0;) {
        VERIFY(at != nullptr && at->value == i);
        const link next = at->next;
        VERIFY(heap.destroy(at));
        at = next;
    }
    VERIFY(at == nullptr);
    VERIFY(*heap.invariants_hold());
    VERIFY(heap.allocation()->blocks == 1);
}
