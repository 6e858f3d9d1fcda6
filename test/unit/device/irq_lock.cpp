// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/device/irq_lock.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <doctest/doctest.h>
#include <utility>

namespace {

/// A processor whose interrupts are on.
struct processor {
    static inline bool masked = false;
    static inline int changes = 0;

    static bool disable() noexcept {
        changes += masked ? 0 : 1;
        return std::exchange(masked, true);
    }
    static void restore(bool before) noexcept { masked = before; }
};
using lock = vmem::irq_lock<processor>;
static_assert(vmem::lockable<lock>);

struct no_restore {
    static bool disable() noexcept;
};
struct nothing_to_restore {
    static void disable() noexcept;
    static void restore() noexcept;
};
static_assert(!vmem::interrupt_mask<no_restore> && !vmem::interrupt_mask<nothing_to_restore>);

TEST_CASE("irq_lock: the outermost section restores what was before") {
    lock outer;
    for (const bool before : {false, true}) {
        processor::masked = before;
        outer.lock();
        CHECK(processor::masked);
        outer.lock();
        outer.unlock();
        CHECK(processor::masked);
        outer.unlock();
        CHECK(processor::masked == before);
    }
    processor::masked = false;
}

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<256, 2>,
                          vmem::nonresident_linked_list_allocator, vmem::locking<lock>>;

TEST_CASE("irq_lock: a heap works with interrupts masked, and gives them back") {
    memory heap;
    processor::changes = 0;
    CHECK(heap.format());
    CHECK(processor::changes == 1);
    CHECK_FALSE(processor::masked);
    auto p = heap.make<int>(1).value();
    *p = 3;
    CHECK(*p == 3);
    CHECK_FALSE(processor::masked);
    CHECK(processor::changes > 3);
}

} // namespace
