// SPDX-License-Identifier: BSL-1.0
//
// Workloads whose costs are the same on every machine and in every run: page-ins, storage
// operations, and bytes. Without an argument it prints those of all workloads; with the name of
// one, only its own; callgrind counts instructions inside `measured`. See tools/count_gate.py.

#include <vmem/algorithm.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/cstring.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/ranges.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string_view>

namespace {

constexpr std::size_t numbers = 16384;
constexpr std::size_t number_bytes = numbers * sizeof(std::uint32_t);

template <template <std::size_t> class Eviction, std::size_t PageSize, std::size_t Frames,
          class Transfer = vmem::one_by_one>
using memory =
    vmem::heap<vmem::counted<vmem::ram_storage<1 << 19>>,
               vmem::paged<PageSize, Frames, Eviction, vmem::automatic_translation, Transfer>,
               vmem::nonresident_linked_list_allocator, vmem::statistics<true>>;

using small = memory<vmem::clock, 512, 16>;
using sieving = memory<vmem::sieve, 512, 32>;
using ahead = memory<vmem::clock, 512, 32, vmem::sequential<8>>;
/// Everything stays in RAM.
using resident = memory<vmem::clock, 4096, 64>;

std::uint64_t random_state = 1;
/// Marsaglia's xorshift64: the same numbers everywhere.
std::uint64_t random_number() {
    random_state ^= random_state << 13U;
    random_state ^= random_state >> 7U;
    random_state ^= random_state << 17U;
    return random_state;
}

template <class Heap>
struct workspace {
    std::unique_ptr<Heap> heap = formatted();
    vmem::vptr<std::uint32_t, Heap> first = heap->template allocate<std::uint32_t>(numbers).value();
    vmem::vptr<std::uint32_t, Heap> second =
        heap->template allocate<std::uint32_t>(numbers).value();

    workspace() {
        random_state = 1;
        for (std::size_t i = 0; i < numbers; ++i) {
            first[static_cast<std::ptrdiff_t>(i)] = static_cast<std::uint32_t>(random_number());
        }
        heap->flush().value();
        heap->residency().reset_statistics();
        heap->storage().reset_counts();
    }

    [[nodiscard]] static std::unique_ptr<Heap> formatted() {
        auto made = std::make_unique<Heap>();
        made->format().value();
        return made;
    }
};

/// Callgrind collects while this runs.
extern "C" [[gnu::noinline]] void measured(void (*work)(void*), void* argument) {
    work(argument);
    asm volatile("" ::: "memory"); // No tail call.
}

template <class Heap, class Work>
void run(std::string_view name, Work work) {
    workspace<Heap> w;
    struct both {
        workspace<Heap>& space;
        Work& work;
    } argument{w, work};
    measured(
        [](void* given) {
            const both& work_on = *static_cast<both*>(given);
            work_on.work(work_on.space);
            work_on.space.heap->flush().value();
        },
        &argument);
    const auto pages = w.heap->residency().statistics();
    const auto counts = w.heap->storage().counts();
    std::cout << name << " page_ins=" << pages.page_ins
              << " operations=" << counts.reads + counts.writes
              << " bytes_read=" << counts.bytes_read << " bytes_written=" << counts.bytes_written
              << '\n';
}

const auto sum = [](auto& w) {
    std::uint32_t total = 0;
    for (std::size_t i = 0; i < numbers; ++i) {
        total += w.first[static_cast<std::ptrdiff_t>(i)];
    }
    w.second[0] = total;
};
const auto sum_of_chunks = [](auto& w) {
    std::uint32_t total = 0;
    vmem::for_each(w.first, numbers, [&](std::uint32_t each) { total += each; });
    w.second[0] = total;
};
const auto increments = [](auto& w) {
    for (std::size_t i = 0; i < numbers; ++i) {
        w.first[static_cast<std::ptrdiff_t>(i)] += 1U;
    }
};
/// A few places are much more popular than the rest.
const auto popular = [](auto& w) {
    std::uint32_t total = 0;
    for (int i = 0; i < 20000; ++i) {
        const std::uint64_t bound = (numbers >> random_number() % 12) + 1;
        total += w.first[static_cast<std::ptrdiff_t>(random_number() % bound)];
    }
    w.second[0] = total;
};
const auto copies = [](auto& w) { vmem::memcpy(w.second, w.first, number_bytes); };
const auto sorts = [](auto& w) { vmem::sort(w.first, numbers).value(); };
const auto allocations = [](auto& w) {
    std::array<decltype(w.first), 64> held{};
    for (int i = 0; i < 1000; ++i) {
        auto& p = held[random_number() % held.size()];
        w.heap->deallocate(p).value();
        p = w.heap->template allocate<std::uint32_t>(1 + random_number() % 100).value();
    }
};

struct workload {
    std::string_view name;
    void (*run)(std::string_view name);
};

constexpr std::array workloads{
    workload{"sum", [](std::string_view name) { run<small>(name, sum); }},
    workload{"sum_resident", [](std::string_view name) { run<resident>(name, sum); }},
    workload{"sum_of_chunks", [](std::string_view name) { run<small>(name, sum_of_chunks); }},
    workload{"sum_read_ahead", [](std::string_view name) { run<ahead>(name, sum); }},
    workload{"increments", [](std::string_view name) { run<small>(name, increments); }},
    workload{"increments_resident", [](std::string_view name) { run<resident>(name, increments); }},
    workload{"increments_write_behind",
             [](std::string_view name) { run<ahead>(name, increments); }},
    workload{"popular_clock", [](std::string_view name) { run<small>(name, popular); }},
    workload{"popular_sieve", [](std::string_view name) { run<sieving>(name, popular); }},
    workload{"memcpy", [](std::string_view name) { run<small>(name, copies); }},
    workload{"memcpy_read_ahead", [](std::string_view name) { run<ahead>(name, copies); }},
    workload{"sort", [](std::string_view name) { run<small>(name, sorts); }},
    workload{"allocations", [](std::string_view name) { run<small>(name, allocations); }},
};

} // namespace

int main(int argc, char** argv) {
    bool any = false;
    for (const workload& each : workloads) {
        if (argc < 2 || each.name == argv[1]) {
            each.run(each.name);
            any = true;
        }
    }
    return any ? 0 : 1;
}
