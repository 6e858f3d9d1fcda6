// SPDX-License-Identifier: BSL-1.0
//
// What objects that are loaded whole cost, next to plain ones in the same run. Names are
// area/what/variant, as in access.cpp; the counter `target` is the ratio that must not be exceeded.
//
// Counts and shares are exact: measured once, and written as aggregates with `value` and the
// `least` that it must be (see tools/bench_table.py).

#include <vmem/allocator/linked_list_allocator.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/tlsf_allocator.hpp>
#include <vmem/container/queue.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/unique_vptr.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string_view>
#include <utility>
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

template <class Live>
int read_all(const Live& live, const std::vector<std::uint32_t>& indices) {
    int sum = 0;
    for (const auto index : indices) {
        if constexpr (requires { live[index].read(); }) {
            const auto held = live[index].read();
            sum += (**held)[0];
        } else {
            sum += (*live[index])[0];
        }
    }
    return sum;
}
std::vector<std::unique_ptr<record>> raw_objects(std::size_t count) {
    std::vector<std::unique_ptr<record>> made;
    for (std::size_t i = 0; i < count; ++i) {
        made.push_back(std::make_unique<record>());
    }
    return made;
}

void read_vmem(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    const auto live = objects(count);
    const auto indices = random_indices(count);
    for (auto _ : state) {
        benchmark::DoNotOptimize(read_all(live, indices));
    }
    state.SetItemsProcessed(state.iterations() * std::int64_t{accesses});
    state.counters["target"] = 6;
}
void read_raw(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    const auto live = raw_objects(count);
    const auto indices = random_indices(count);
    for (auto _ : state) {
        benchmark::DoNotOptimize(read_all(live, indices));
    }
    state.SetItemsProcessed(state.iterations() * std::int64_t{accesses});
}
BENCHMARK(read_vmem)->Name("objects/read_pin/vmem")->Arg(16)->Arg(4096);
BENCHMARK(read_raw)->Name("objects/read_pin/raw")->Arg(16)->Arg(4096);

/// How many times as long as raw pointers it takes, in nanoseconds per nanosecond: both are timed
/// in turns, and the "time" of the benchmark is the ratio of the best times.
void read_ratio(benchmark::State& state, std::size_t count, double target) {
    using clock = std::chrono::steady_clock;
    const auto live = objects(count);
    const auto raw = raw_objects(count);
    const auto indices = random_indices(count);
    const auto time = [&](const auto& owners) {
        const auto start = clock::now();
        benchmark::DoNotOptimize(read_all(owners, indices));
        return std::chrono::duration<double>(clock::now() - start).count();
    };
    for (auto _ : state) {
        double ours = 1;
        double plain = 1;
        for (int turn = 0; turn < 100; ++turn) {
            ours = (std::min)(ours, (std::min)(time(live), time(live)));
            plain = (std::min)(plain, (std::min)(time(raw), time(raw)));
        }
        state.SetIterationTime(1e-9 * ours / plain);
    }
    state.SetItemsProcessed(state.iterations());
    if (target != 0) {
        state.counters["target"] = target;
    }
}
BENCHMARK_CAPTURE(read_ratio, 4096, 4096, 1.5)
    ->Name("objects/read_pin_over_raw_with_4096_live/vmem")
    ->UseManualTime()
    ->Iterations(5);
BENCHMARK_CAPTURE(read_ratio, 16, 16, 0)
    ->Name("objects/read_pin_over_raw_with_4096_live/16_live")
    ->UseManualTime()
    ->Iterations(5);

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

// --- a queue ---

using item = std::array<std::uint32_t, 64>;
static_assert(sizeof(item) == 256);
constexpr std::size_t queued = 64;

/// The same queue in plain memory.
class plain_queue {
public:
    [[nodiscard]] vmem::result<void> push(const item& value) {
        if (size_ == capacity_) {
            return vmem::failure(vmem::errc::full);
        }
        std::uint32_t index = head_ + size_;
        if (size_ >= capacity_ - head_) {
            index -= capacity_;
        }
        ring_[index] = value;
        ++size_;
        return {};
    }
    [[nodiscard]] vmem::result<item> pop() {
        vmem::result<item> taken = front();
        if (taken) {
            head_ = head_ + 1 == capacity_ ? 0 : head_ + 1;
            --size_;
        }
        return taken;
    }
    [[nodiscard]] vmem::result<item> front() const {
        return size_ == 0 ? vmem::failure(vmem::errc::empty) : vmem::result<item>(ring_[head_]);
    }

private:
    std::vector<item> ring_ = std::vector<item>(queued);
    std::uint32_t capacity_ = queued;
    std::uint32_t head_ = 0;
    std::uint32_t size_ = 0;
};

struct of_queues;
using disk = vmem::counted<vmem::ram_storage<1 << 20>>;
template <std::size_t Ram>
using object_queues = vmem::heap<disk, vmem::resident_objects<Ram, 200>,
                                 vmem::nonresident_buddy_allocator<>, vmem::instance<of_queues>>;
template <std::size_t Ram>
using page_queues = vmem::heap<disk, vmem::paged<512, Ram / 512>,
                               vmem::nonresident_buddy_allocator<>, vmem::instance<of_queues>>;

/// Almost fills a queue, and empties it. It is a queue that others know as well, not one that is
/// taken apart into registers.
template <class Queue>
void through(Queue& queue, item& value) {
    Queue* known = &queue;
    benchmark::DoNotOptimize(known);
    for (std::size_t i = 0; i + 4 < queued; ++i) {
        benchmark::DoNotOptimize(value);
        if (!queue.push(value)) {
            __builtin_trap();
        }
    }
    for (std::size_t i = 0; i + 4 < queued; ++i) {
        const auto taken = queue.pop();
        benchmark::DoNotOptimize(taken);
    }
}

template <class Heap>
void queue_vmem(benchmark::State& state) {
    const auto store = std::make_unique<Heap>();
    store->format().value();
    auto queue = vmem::queue<item, Heap>::make(queued).value();
    item value{};
    for (auto _ : state) {
        through(queue, value);
    }
    state.SetItemsProcessed(state.iterations() * std::int64_t{queued - 4});
    state.counters["target"] = 1.5;
}
void queue_plain(benchmark::State& state) {
    plain_queue queue;
    item value{};
    for (auto _ : state) {
        through(queue, value);
    }
    state.SetItemsProcessed(state.iterations() * std::int64_t{queued - 4});
}
BENCHMARK(queue_vmem<object_queues<32768>>)->Name("objects/queue_of_256_B_in_RAM/vmem/of:objects");
BENCHMARK(queue_vmem<page_queues<32768>>)->Name("objects/queue_of_256_B_in_RAM/vmem/of:pages");
BENCHMARK(queue_plain)->Name("objects/queue_of_256_B_in_RAM/plain");

// --- figures ---

void report(benchmark::State& state, double value, double least) {
    for (auto _ : state) {
    }
    state.counters["value"] = value;
    if (least != 0) {
        state.counters["least"] = least;
    }
}

/// A queue of 1000 items, RAM for 128: items that go in and out per storage access.
template <class Heap>
vmem::storage_counts spilled() {
    const auto store = std::make_unique<Heap>();
    store->format().value();
    auto queue = vmem::queue<item, Heap>::make(1000).value();
    store->storage().reset_counts();
    for (std::uint32_t i = 0; i < 1000; ++i) {
        queue.push(item{i}).value();
    }
    for (std::uint32_t i = 0; i < 1000; ++i) {
        if (queue.pop().value()[0] != i) {
            __builtin_trap();
        }
    }
    return store->storage().counts();
}
template <class Heap>
void items_per_read(benchmark::State& state) {
    report(state, 1000.0 / static_cast<double>(spilled<Heap>().reads), 1);
}
template <class Heap>
void items_per_write(benchmark::State& state) {
    report(state, 1000.0 / static_cast<double>(spilled<Heap>().writes), 1);
}
BENCHMARK(items_per_read<object_queues<32768>>)
    ->Iterations(1)
    ->Repetitions(1)
    ->Name("objects/queue_past_RAM:_items_per_storage_read/vmem/of:objects");
BENCHMARK(items_per_write<object_queues<32768>>)
    ->Iterations(1)
    ->Repetitions(1)
    ->Name("objects/queue_past_RAM:_items_per_storage_write/vmem/of:objects");
BENCHMARK(items_per_read<page_queues<32768>>)
    ->Iterations(1)
    ->Repetitions(1)
    ->Name("objects/queue_past_RAM:_items_per_storage_read/vmem/of:pages");
BENCHMARK(items_per_write<page_queues<32768>>)
    ->Iterations(1)
    ->Repetitions(1)
    ->Name("objects/queue_past_RAM:_items_per_storage_write/vmem/of:pages");

/// Of the bytes of the arena, those in resident objects of 16 to 512 bytes (%), when there are
/// twice as many as fit and any of them is read.
template <class Allocator, int Least>
void utilisation(benchmark::State& state) {
    using heap_type =
        vmem::heap<vmem::ram_storage<1 << 19>, vmem::resident_objects<1 << 16, 600, Allocator>,
                   vmem::nonresident_buddy_allocator<>>;
    const auto store = std::make_unique<heap_type>();
    store->format().value();
    std::mt19937 random(1);
    std::vector<vmem::unique_vptr<char[], heap_type>> live;
    for (int i = 0; i < 500; ++i) {
        live.push_back(store->template make_unique<char[]>(16 + random() % 497).value());
    }
    std::size_t used = 0;
    constexpr std::size_t samples = 100;
    for (std::size_t sample = 0; sample <= samples; ++sample) {
        for (int i = 0; i < 200; ++i) {
            live[random() % live.size()].read().value();
        }
        for (const auto& object : live) {
            used += sample != 0 && object.is_resident() ? object.size() : 0;
        }
    }
    report(state, 100 * static_cast<double>(used) / static_cast<double>(samples << 16), Least);
}
BENCHMARK(utilisation<vmem::linked_list_allocator<>, 95>)
    ->Iterations(1)
    ->Repetitions(1)
    ->Name("objects/arena_in_use_(%)/vmem/of:linked_list");
BENCHMARK(utilisation<vmem::tlsf_allocator<>, 0>)
    ->Iterations(1)
    ->Repetitions(1)
    ->Name("objects/arena_in_use_(%)/vmem/of:tlsf");

/// Of all numbers of unsaved bytes that a limit allows, those with which a persist takes one write,
/// one sync, and no more bytes than these and the header (%). The header is `image_overhead`, and a
/// slot for each resident object that is saved.
void persists(benchmark::State& state) {
    constexpr std::size_t limit = 4096;
    constexpr std::size_t slot = 12;
    using heap_type = vmem::heap<disk, vmem::resident_objects<8192, 200>,
                                 vmem::nonresident_buddy_allocator<>, vmem::dirty_limit<limit>>;
    const auto store = std::make_unique<heap_type>();
    store->format().value();
    std::vector<vmem::unique_vptr<char[], heap_type>> live;
    for (int i = 0; i < 160; ++i) {
        live.push_back(store->make_unique<char[]>(16).value());
    }
    std::size_t good = 0;
    for (std::size_t bytes = slot + 1; bytes <= limit; ++bytes) {
        store->flush().value();
        const std::size_t changed = (bytes + slot + 15) / (slot + 16);
        std::size_t left = bytes - slot * changed;
        for (std::size_t i = 0; i < changed; ++i) {
            const std::size_t part = (std::min)(std::size_t{16}, left - (changed - 1 - i));
            live[i].write(0, part).value();
            left -= part;
        }
        store->storage().reset_counts();
        const bool exact = store->dirty_bytes() == bytes && store->persist().has_value();
        const auto counts = store->storage().counts();
        const std::size_t header =
            heap_type::residency_type::image_overhead + slot * (live.size() - changed);
        good += exact && counts.writes == 1 && counts.syncs == 1 && counts.reads == 0 &&
                        counts.bytes_written <= bytes + header
                    ? 1
                    : 0;
    }
    report(state, 100 * static_cast<double>(good) / static_cast<double>(limit - slot), 100);
}
BENCHMARK(persists)->Iterations(1)->Repetitions(1)->Name(
    "objects/persists_of_1_write,_1_sync,_D_+_header_(%)/vmem");

/// Accesses per storage read: 1024 objects of 64 bytes, RAM for 256, zipf 1.0.
template <template <std::size_t> class Eviction, int MostReadsPerHundred>
void accesses_per_read(benchmark::State& state) {
    using heap_type =
        vmem::heap<disk, vmem::resident_objects<17408, 256, vmem::tlsf_allocator<>, Eviction>,
                   vmem::nonresident_buddy_allocator<>>;
    const auto store = std::make_unique<heap_type>();
    store->format().value();
    std::vector<vmem::unique_vptr<std::array<char, 64>, heap_type>> live;
    std::vector<std::uint64_t> weight_up_to;
    for (std::uint64_t i = 1; i <= 1024; ++i) {
        live.push_back(store->template make_unique<std::array<char, 64>>().value());
        weight_up_to.push_back((std::uint64_t{1} << 32) / i +
                               (weight_up_to.empty() ? 0 : weight_up_to.back()));
    }
    std::mt19937_64 random(1);
    std::ranges::shuffle(live, random);
    constexpr int counted = 100'000;
    for (int i = 0; i < 2 * counted; ++i) {
        if (i == counted) {
            store->storage().reset_counts();
        }
        const auto drawn = std::ranges::upper_bound(weight_up_to, random() % weight_up_to.back());
        live[static_cast<std::size_t>(drawn - weight_up_to.begin())].read().value();
    }
    report(state, counted / static_cast<double>(store->storage().counts().reads),
           100.0 / MostReadsPerHundred);
}
BENCHMARK(accesses_per_read<vmem::sieve, 22>)
    ->Iterations(1)
    ->Repetitions(1)
    ->Name("objects/zipf_1.0,_RAM_for_a_quarter:_accesses_per_read/vmem/of:sieve");
BENCHMARK(accesses_per_read<vmem::clock, 26>)
    ->Iterations(1)
    ->Repetitions(1)
    ->Name("objects/zipf_1.0,_RAM_for_a_quarter:_accesses_per_read/vmem/of:clock");

/// Pairs of make_unique and destruction, of 32 bytes each with 1000 live, per four storage
/// accesses.
void pairs_per_access(benchmark::State& state) {
    using heap_type = vmem::heap<disk, vmem::resident_objects<1 << 16, 1100>,
                                 vmem::nonresident_buddy_allocator<>>;
    const auto store = std::make_unique<heap_type>();
    store->format().value();
    std::vector<vmem::unique_vptr<record, heap_type>> live(1000);
    for (auto& object : live) {
        object = store->make_unique<record>().value();
    }
    std::mt19937 random(1);
    store->storage().reset_counts();
    constexpr int pairs = 20'000;
    for (int i = 0; i < pairs; ++i) {
        auto& object = live[random() % live.size()];
        object.reset().value();
        object = store->make_unique<record>().value();
    }
    const auto counts = store->storage().counts();
    report(state,
           4.0 * pairs /
               static_cast<double>((std::max)(counts.reads + counts.writes, std::uint64_t{1})),
           1);
}
BENCHMARK(pairs_per_access)
    ->Iterations(1)
    ->Repetitions(1)
    ->Name("objects/make_and_destroy:_pairs_per_4_storage_accesses/vmem");

/// Writes figures as the aggregates that they are, and names without how often something ran.
class reporter : public benchmark::JSONReporter {
public:
    void ReportRuns(const std::vector<Run>& runs) override {
        std::vector<Run> kept;
        for (const Run& run : runs) {
            kept.push_back(run);
            kept.back().run_name.iterations.clear();
            kept.back().run_name.repetitions.clear();
            if (run.counters.contains("value")) {
                kept.back().run_type = Run::RT_Aggregate;
                kept.back().aggregate_name = "figure";
            }
        }
        JSONReporter::ReportRuns(kept);
    }
};

} // namespace

int main(int argc, char** argv) {
    const bool wants_file = std::any_of(argv, argv + argc, [](const char* argument) {
        return std::string_view(argument).starts_with("--benchmark_out=");
    });
    benchmark::Initialize(&argc, argv);
    reporter to_file;
    const auto to_screen =
        std::unique_ptr<benchmark::BenchmarkReporter>(benchmark::CreateDefaultDisplayReporter());
    benchmark::RunSpecifiedBenchmarks(to_screen.get(), wants_file ? &to_file : nullptr);
    benchmark::Shutdown();
}
