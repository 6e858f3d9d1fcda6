// SPDX-License-Identifier: BSL-1.0
//
// A heap in the memory of the machine at the end of a serial line.
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/device/serial_storage.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>

#include "checks.hpp"
#include "lm3s6965evb.hpp"
#include "suite.hpp"

#include <new>

namespace {

using remote = vmem::serial_storage<board::serial_line, vmem::serial_options{.frame = 256}>;
using memory = vmem::heap<remote, vmem::paged<256, 8>, vmem::nonresident_linked_list_allocator>;

alignas(memory) std::byte room[sizeof(memory)];

} // namespace

void test_serial() {
    board::serial_line::enable();
    memory& heap = *new (room) memory(remote{board::serial_line{}});
    VERIFY(heap.storage().start());
    semihosting::print("size ", heap.storage().size(), "\n");
    VERIFY(heap.format());
    constexpr std::uint32_t count = 4000;
    const auto numbers = heap.allocate<std::uint32_t>(count);
    VERIFY(numbers);
    for (std::uint32_t i = 0; i < count; ++i) {
        (*numbers)[i] = i * i;
    }
    random_numbers random(1);
    for (unsigned i = 0; i < semihosting::number(2, 300); ++i) {
        const std::uint32_t which = random.below(count);
        VERIFY((*numbers)[which] == which * which);
    }
    VERIFY(heap.flush());
    VERIFY(*heap.invariants_hold());
    semihosting::print("repeated ", heap.storage().repeated(), "\n");
}
