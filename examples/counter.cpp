// SPDX-License-Identifier: BSL-1.0
//
// A counter that outlives its RAM: what a battery-less device does when its power fails and comes
// back. In a device, `persist` is called by the power-fail interrupt and `restore` by the start-up
// code; here they follow each other.

#include <vmem/vmem.hpp>

#include <cstdint>
#include <cstdio>

using memory = vmem::heap<vmem::ram_storage<4096>,             // where do the bytes live?
                          vmem::resident_objects<1024, 16>,    // which of them are in RAM?
                          vmem::nonresident_buddy_allocator<>, // who hands out addresses?
                          vmem::dirty_limit<512>>;             // how much may be unsaved?

class counter {
public:
    explicit counter(std::uint32_t start) : value_(start) {}
    void increase(std::uint32_t by = 1) { value_ += by; }
    [[nodiscard]] std::uint32_t value() const { return value_; }

private:
    std::uint32_t value_;
};

int main() {
    memory heap;
    heap.format().value();

    auto object = heap.make_unique<counter>(0u).value();
    {
        const auto held =
            object.write().value(); // stays in RAM, at one place, until the end of the block
        held->increase();
        std::printf("counter: %u\n", static_cast<unsigned>(held->value()));
        held->increase(100);
    }
    std::printf("a power failure would have %zu bytes to save, and never more than %zu\n",
                heap.dirty_bytes(), static_cast<std::size_t>(memory::worst_case_persist.bytes));

    heap.persist().value();
    heap.residency().lose_ram();
    heap.restore().value();

    std::printf("counter: %u\n", static_cast<unsigned>(object.read().value()->value()));
} // the counter's room is free again
