// SPDX-License-Identifier: BSL-1.0

// Any bytes at all as the image of a heap: it opens or is refused; what opens is walked and used.
// Which composition reads it, the first byte says, and whether its checksums are made right first,
// so that what they protect is put to the test as well.
//
//     clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Itest
//         test/fuzz/open_image.cpp -o fuzz
//     ./fuzz -max_len=4200 -max_total_time=60 test/fuzz/corpus/open_image
//
// Without the fuzzer it is a program that replays the files it is given.

#include <vmem/allocator/nonresident_block_allocator.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/persist/crc32c.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/memory_mapped.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "fuzz/replay.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

namespace {

using medium = vmem::ram_storage<4096>;
using storage = vmem::storage_ref<medium>;

using linked_list = vmem::heap<storage, vmem::paged<64, 3>, vmem::nonresident_linked_list_allocator,
                               vmem::roots<2>>;
using buddy =
    vmem::heap<storage, vmem::paged<128, 3>, vmem::nonresident_buddy_allocator<>, vmem::roots<2>>;
using blocks = vmem::heap<storage, vmem::memory_mapped<64>, vmem::nonresident_block_allocator<64>,
                          vmem::roots<2>>;
using objects = vmem::heap<storage, vmem::resident_objects<512, 4>,
                           vmem::nonresident_buddy_allocator<>, vmem::roots<2>>;
using journaled = vmem::heap<storage, vmem::paged<64, 3>, vmem::nonresident_linked_list_allocator,
                             vmem::roots<2>, vmem::durability<vmem::journaled<3072>>>;
using no_steal = vmem::heap<storage, vmem::paged<64, 16>, vmem::nonresident_linked_list_allocator,
                            vmem::roots<2>, vmem::durability<vmem::journaled_no_steal<3072>>>;

void require(bool met) {
    if (!met) {
        std::abort();
    }
}

/// What a root points to.
template <class Heap>
struct node {
    std::uint32_t value = 0;
    typename Heap::address_type next = 0;
};

/// Makes the checksums of a superblock agree with what is there.
void seal(std::span<std::byte> image, std::size_t at) {
    if (at > image.size() - sizeof(vmem::superblock)) {
        return;
    }
    vmem::superblock head;
    std::memcpy(&head, image.data() + at, sizeof(head));
    const auto behind = image.subspan(at + sizeof(head));
    const std::size_t roots = head.roots * sizeof(vmem::root_entry);
    if (head.roots <= behind.size() / sizeof(vmem::root_entry)) {
        head.roots_crc = vmem::crc32c(behind.first(roots));
        if (head.log_bytes <= behind.size() - roots) {
            head.log_crc =
                vmem::content_sum(behind.subspan(roots, static_cast<std::size_t>(head.log_bytes)));
        }
    }
    const auto bytes = std::as_bytes(std::span(&head, 1));
    head.crc = vmem::crc32c(bytes.first(offsetof(vmem::superblock, crc)));
    std::memcpy(image.data() + at, &head, sizeof(head));
}

/// Follows a chain for as long as it can be read, and no longer than it may be.
template <class Heap>
void walk(Heap& heap) {
    for (const char* const name : {"chain", "other"}) {
        const auto root = heap.template root<node<Heap>>(name);
        auto at = root ? root->to_address() : 0;
        node<Heap> found;
        for (int steps = 0; steps < 100 && at != 0; ++steps) {
            if (!heap.read(at, std::as_writable_bytes(std::span(&found, 1)))) {
                break;
            }
            at = found.next;
        }
    }
}

template <class Heap>
void use(Heap& heap) {
    walk(heap);
    const auto consistent = heap.invariants_hold();
    const auto stats = heap.allocation();
    const auto largest = heap.largest_free();
    if (consistent && *consistent && stats && largest) {
        require(stats->in_use <= stats->capacity && *largest <= stats->capacity);
        require(stats->capacity <= heap.size());
    }
    std::array<vmem::vptr<std::uint64_t, Heap>, 4> made{};
    for (std::size_t n = 0; n < made.size(); ++n) {
        if (const auto room = heap.template allocate<std::uint64_t>(1 + 3 * n)) {
            made[n] = *room;
            const std::array<std::byte, 8> bytes{};
            // A grant is within the memory, whatever state the allocator was found in.
            require(heap.write(room->to_address(), bytes).has_value());
        }
    }
    static_cast<void>(heap.deallocate(made[1]));
    if (const auto root = heap.template root<node<Heap>>("chain")) {
        static_cast<void>(heap.deallocate(*root));
    }
    static_cast<void>(heap.set_root("other", made[2]));
    static_cast<void>(heap.flush());
}

template <class Heap>
void run(medium& bytes) {
    {
        Heap heap{storage(bytes)};
        if (heap.open()) {
            use(heap);
        }
    }
    // Whatever that has left.
    Heap heap{storage(bytes)};
    if (heap.open()) {
        walk(heap);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    const std::uint8_t kind = data[0];
    medium bytes;
    const std::span image(bytes.data(), static_cast<std::size_t>(medium::capacity));
    std::memcpy(image.data(), data + 1, (std::min)(size - 1, image.size()));
    if ((kind & 8U) != 0) {
        std::uint64_t second = 0;
        std::memcpy(&second, image.data() + offsetof(vmem::superblock, second), sizeof(second));
        seal(image, 0);
        seal(image, static_cast<std::size_t>((std::min)(second, std::uint64_t{image.size()})));
    }
    switch (kind % 8) {
    case 0:
        run<linked_list>(bytes);
        break;
    case 1:
        run<buddy>(bytes);
        break;
    case 2:
        run<blocks>(bytes);
        break;
    case 3:
        run<objects>(bytes);
        break;
    case 4:
        run<no_steal>(bytes);
        break;
    default:
        run<journaled>(bytes);
        break;
    }
    return 0;
}
