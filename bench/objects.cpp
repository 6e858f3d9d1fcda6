// SPDX-License-Identifier: BSL-1.0
//
// What objects that are loaded whole cost, next to plain ones in the same run. Names are
// area/what/variant, as in access.cpp; the counter `target` is the ratio that must not be exceeded.

#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/unique_vptr.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

namespace {

constexpr std::size_t accesses = 4096;

using record = std::array<char, 32>;
using memory = vmem::heap<vmem::ram_storage<1 << 20>, vmem::resident_objects<1 << 18, 4200>,
                          vmem::nonresident_buddy_allocator<>>;
using owner = vmem::unique_vptr<record, memory>;

memory& heap() {
    static memory instance;
    if (!instance.is_open()) {
        instance.format().value();
    }
    return instance;
}

std::vector<owner> objects(std::size_t count) {
    std::vector<owner> made;
    for (std::size_t i = 0; i < count; ++i) {
        made.push_back(heap().make_unique<record>().value());
    }
    return made;
}

std::vector<std::uint32_t> random_indices(std::size_t bound) {
    std::mt19937 random(1);
    std::vector<std::uint32_t> indices(accesses);
    for (auto& index : indices) {
        index = static_cast<std::uint32_t>(random() % bound);
    }
    return indices;
}

void read_vmem(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    const auto live = objects(count);
    const auto indices = random_indices(count);
    for (auto _ : state) {
        int sum = 0;
        for (const auto index : indices) {
            const auto held = live[index].read();
            sum += (**held)[0];
        }
        benchmark::DoNotOptimize(sum);
    }
    state.SetItemsProcessed(state.iterations() * std::int64_t{accesses});
    state.counters["target"] = 6;
}
void read_raw(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    std::vector<std::unique_ptr<record>> live;
    for (std::size_t i = 0; i < count; ++i) {
        live.push_back(std::make_unique<record>());
    }
    const auto indices = random_indices(count);
    for (auto _ : state) {
        int sum = 0;
        for (const auto index : indices) {
            sum += (*live[index])[0];
        }
        benchmark::DoNotOptimize(sum);
    }
    state.SetItemsProcessed(state.iterations() * std::int64_t{accesses});
}
BENCHMARK(read_vmem)->Name("objects/read_pin/vmem")->Arg(16)->Arg(4096);
BENCHMARK(read_raw)->Name("objects/read_pin/raw")->Arg(16)->Arg(4096);

void make(benchmark::State& state, std::size_t live_count, double target) {
    const auto live = objects(live_count);
    for (auto _ : state) {
        benchmark::DoNotOptimize(heap().make_unique<record>());
    }
    if (target != 0) {
        state.counters["target"] = target;
    }
}
BENCHMARK_CAPTURE(make, 4096, 4096, 1.5)->Name("objects/make_and_destroy_with_4096_live/vmem");
BENCHMARK_CAPTURE(make, 16, 16, 0)->Name("objects/make_and_destroy_with_4096_live/16_live");

} // namespace

BENCHMARK_MAIN();
