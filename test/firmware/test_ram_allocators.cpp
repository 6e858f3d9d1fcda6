// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/buddy_allocator.hpp>
#include <vmem/allocator/linked_list_allocator.hpp>
#include <vmem/allocator/tlsf_allocator.hpp>

#include "checks.hpp"
#include "suite.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace {

constexpr unsigned blocks = 24;

struct block {
    void* at = nullptr;
    std::size_t size = 0;
};

/// Whether what was put there is there, and is aligned.
bool holds(const block& each, unsigned which) {
    const auto* bytes = static_cast<const unsigned char*>(each.at);
    for (std::size_t i = 0; i < each.size; ++i) {
        if (bytes[i] != static_cast<unsigned char>(which + i)) {
            return false;
        }
    }
    return true;
}

template <class Allocator>
void exercise() {
    Allocator allocator{std::span(shared_room).first(2048)};
    const std::size_t all = allocator.largest_free();
    VERIFY(all >= 500);
    VERIFY(!allocator.allocate(0) && !allocator.allocate(4096));
    VERIFY(!allocator.allocate(static_cast<std::size_t>(-1)));
    block live[blocks];
    random_numbers random;
    for (unsigned step = 0; step < 2000; ++step) {
        const unsigned which = random.below(blocks);
        block& each = live[which];
        if (each.at != nullptr) {
            VERIFY(holds(each, which));
            VERIFY(allocator.deallocate(each.at, each.size));
            each = {};
        } else {
            each.size = 1 + random.below(120);
            const auto granted = allocator.allocate(each.size);
            if (granted) {
                each.at = *granted;
                VERIFY(reinterpret_cast<std::uintptr_t>(each.at) % alignof(std::max_align_t) == 0);
                for (std::size_t i = 0; i < each.size; ++i) {
                    static_cast<unsigned char*>(each.at)[i] = static_cast<unsigned char>(which + i);
                }
            } else {
                VERIFY(granted.error() == vmem::errc::out_of_memory);
            }
        }
        VERIFY(step % 16 != 0 || allocator.invariants_hold());
    }
    for (block& each : live) {
        if (each.at != nullptr) {
            VERIFY(allocator.deallocate(each.at, each.size));
        }
    }
    VERIFY(allocator.invariants_hold());
    VERIFY(allocator.largest_free() == all);
}

} // namespace

void test_ram_allocators() {
    exercise<vmem::linked_list_allocator<>>();
    exercise<vmem::buddy_allocator<>>();
    exercise<vmem::tlsf_allocator<>>();
}
