// SPDX-License-Identifier: BSL-1.0
// Runs resident objects from end to end in a program in which every way to get memory from the heap
// aborts.
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/persist/persist_all.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/file_storage.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/unique_vptr.hpp>

#include "no_heap/forbidden_heap.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace {

#define CHECK(...) check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__)

struct record {
    std::int32_t id = 0;
    char name[28] = {};
};

template <class Heap>
void run(Heap& heap) {
    CHECK(heap.format());
    std::array<vmem::unique_vptr<record, Heap>, 40> records;
    for (std::size_t i = 0; i < records.size(); ++i) {
        auto made = heap.template make_unique<record>();
        CHECK(made);
        records[i] = std::move(*made);
        CHECK(records[i].set({static_cast<std::int32_t>(i), "record"}));
    }
    auto text = std::move(*heap.template make_unique<char[]>(300));
    CHECK(text.set(299, 'x'));
    CHECK(heap.persist());
    heap.residency().lose_ram();
    CHECK(heap.restore());
    for (std::size_t i = 0; i < records.size(); ++i) {
        CHECK(records[i].get().value().id == static_cast<std::int32_t>(i));
    }
    CHECK(text.get(299).value() == 'x');
    const auto plain = records[3].release();
    plain->id += 4;
    CHECK(plain->id == 7);
    records[3] = heap.adopt(plain);
    CHECK(records[3].unload());
    CHECK(records[3].get().value().id == 7);
    CHECK(heap.flush());
    CHECK(vmem::persist_all(heap));
    for (auto& each : records) {
        CHECK(each.reset());
    }
    CHECK(text.reset());
    CHECK(heap.dirty_bytes() == 0);
}

using objects = vmem::resident_objects<2048, 12>;
using in_ram = vmem::heap<vmem::ram_storage<32768>, objects, vmem::nonresident_buddy_allocator<>,
                          vmem::dirty_limit<700>>;
using in_file = vmem::heap<vmem::file_storage, objects, vmem::nonresident_buddy_allocator<>,
                           vmem::dirty_limit<700>>;

in_ram ram;

} // namespace

int main() {
    use = heap_use::forbidden;
    run(ram);
    const char* const path = "no_heap_objects.vmem";
    {
        in_file file(std::move(*vmem::file_storage::open(path, 32768)));
        run(file);
    }
    ::unlink(path);
    use = heap_use::permitted;
    return sound && uses == 0 ? 0 : 1;
}
