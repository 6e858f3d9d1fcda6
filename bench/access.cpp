// SPDX-License-Identifier: BSL-1.0
//
// What an access through a virtual pointer costs, next to a plain array that does the same work in
// the same run. Names are area/what/variant: `vmem` is compared with the other variant of the same
// area/what; the counter `target` is the ratio it must not exceed, `target_ns` the nanoseconds it
// may take beyond.

#include <vmem/vmem.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t accesses = 4096;

struct record {
    std::int32_t id;
    std::int32_t x;
    std::int32_t y;
    std::int32_t z;
};

/// A heap of `Frames` pages in RAM over a RAM storage four times that size, and a plain array of
/// the size of the frames.
template <std::size_t PageSize, std::size_t Frames, class Translation = vmem::automatic_translation>
struct fixture {
    static constexpr std::size_t bytes = PageSize * Frames;
    using memory = vmem::heap<vmem::ram_storage<4 * bytes + 2 * PageSize>,
                              vmem::paged<PageSize, Frames, vmem::clock, Translation>,
                              vmem::nonresident_linked_list_allocator>;
    template <class T>
    using pointer = vmem::vptr<T, memory>;

    static memory& heap() {
        static memory instance;
        if (!instance.is_open()) {
            instance.format().value();
        }
        return instance;
    }
    /// As many `T` as are resident at once, but for one page that holds the allocator's state.
    template <class T>
    static constexpr std::size_t count = (Frames - 2) * PageSize / sizeof(T);

    template <class T>
    static pointer<T> resident(const std::vector<T>& values) {
        heap().format().value();
        const auto p = heap().template allocate<T>(values.size()).value();
        vmem::copy(values.data(), values.size(), p);
        heap().flush().value();
        return p;
    }
};

using large = fixture<4096, 256>;

std::vector<std::int32_t> numbers(std::size_t count) {
    std::vector<std::int32_t> values(count);
    std::iota(values.begin(), values.end(), 0);
    return values;
}

std::vector<std::uint32_t> random_indices(std::size_t bound) {
    std::mt19937 random(1);
    std::vector<std::uint32_t> indices(accesses);
    for (auto& index : indices) {
        index = static_cast<std::uint32_t>(random() % bound);
    }
    return indices;
}

/// One cycle through all elements, in random order (Sattolo).
std::vector<std::int32_t> cycle(std::size_t count) {
    std::vector<std::int32_t> next(count);
    std::iota(next.begin(), next.end(), 0);
    std::mt19937 random(2);
    for (std::size_t i = count - 1; i > 0; --i) {
        std::swap(next[i], next[random() % i]);
    }
    return next;
}

void finish(benchmark::State& state, std::size_t items) {
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items));
}

// Each workload is written once, for a pointer of either kind.

template <class Pointer>
void random_read(benchmark::State& state, Pointer p, std::size_t count) {
    const auto indices = random_indices(count);
    for (auto _ : state) {
        std::int32_t sum = 0;
        for (const auto index : indices) {
            sum += p[index];
        }
        benchmark::DoNotOptimize(sum);
    }
    finish(state, accesses);
}

template <class Pointer>
void read_modify_write(benchmark::State& state, Pointer p, std::size_t count) {
    const auto indices = random_indices(count);
    for (auto _ : state) {
        for (const auto index : indices) {
            p[index] += 1;
        }
        benchmark::ClobberMemory();
    }
    finish(state, accesses);
}

template <class Pointer>
void chase(benchmark::State& state, Pointer p) {
    std::int32_t at = 0;
    for (auto _ : state) {
        for (std::size_t i = 0; i < accesses; ++i) {
            at = p[at];
        }
        benchmark::DoNotOptimize(at);
    }
    finish(state, accesses);
}

template <class Pointer>
void member(benchmark::State& state, Pointer p, std::size_t count) {
    const auto indices = random_indices(count);
    for (auto _ : state) {
        std::int32_t sum = 0;
        for (const auto index : indices) {
            sum += (p + index)->y;
        }
        benchmark::DoNotOptimize(sum);
    }
    finish(state, accesses);
}

template <class Pointer>
void sequential(benchmark::State& state, Pointer p, std::size_t count) {
    for (auto _ : state) {
        std::int32_t sum = 0;
        for (std::size_t i = 0; i < count; ++i) {
            sum += p[static_cast<std::ptrdiff_t>(i)];
        }
        benchmark::DoNotOptimize(sum);
    }
    finish(state, count);
}

template <class Run>
void with_target(const char* name, double target, Run run) {
    benchmark::RegisterBenchmark(name, [=](benchmark::State& state) {
        run(state);
        state.counters["target"] = target;
    });
}
template <class Run>
void yardstick(const char* name, Run run) {
    benchmark::RegisterBenchmark(name, run);
}

void register_resident() {
    static auto ints = numbers(large::count<std::int32_t>);
    static std::vector<record> records(large::count<record>);
    static auto next = cycle(large::count<std::int32_t>);

    yardstick("access/random read/raw",
              [](auto& state) { random_read(state, ints.data(), ints.size()); });
    with_target("access/random read/vmem", 2.5,
                [](auto& state) { random_read(state, large::resident(ints), ints.size()); });
    yardstick("access/read-modify-write/raw",
              [](auto& state) { read_modify_write(state, ints.data(), ints.size()); });
    with_target("access/read-modify-write/vmem", 4,
                [](auto& state) { read_modify_write(state, large::resident(ints), ints.size()); });
    yardstick("access/dependent chase/raw", [](auto& state) { chase(state, next.data()); });
    with_target("access/dependent chase/vmem", 3,
                [](auto& state) { chase(state, large::resident(next)); });
    yardstick("access/p->x/raw",
              [](auto& state) { member(state, records.data(), records.size()); });
    with_target("access/p->x/vmem", 4,
                [](auto& state) { member(state, large::resident(records), records.size()); });
    yardstick("access/const p->x/raw",
              [](auto& state) { member(state, records.data(), records.size()); });
    with_target("access/const p->x/vmem", 4, [](auto& state) {
        member(state, large::pointer<const record>(large::resident(records)), records.size());
    });
    yardstick("access/sequential p[i]/raw",
              [](auto& state) { sequential(state, ints.data(), ints.size()); });
    yardstick("access/sequential p[i]/vmem",
              [](auto& state) { sequential(state, large::resident(ints), ints.size()); });
}

std::int32_t sum_of(const std::int32_t* first, const std::int32_t* last) {
    std::int32_t sum = 0;
    for (; first != last; ++first) {
        sum += *first;
    }
    return sum;
}

/// Bytes in `buffer` that start at the same place of a page as `p`: how fast a processor copies
/// depends on how its source and its target lie to each other.
char* placed_like(large::pointer<char> p, std::vector<char>& buffer) {
    const auto start = reinterpret_cast<std::uintptr_t>(buffer.data());
    return buffer.data() + static_cast<std::ptrdiff_t>((p.to_address() - start) % 4096);
}

void register_memcpy() {
    constexpr std::size_t size = 256 * 1024;
    struct blocks {
        large::pointer<char> source;
        large::pointer<char> target;
    };
    const auto allocate = [] {
        large::heap().format().value();
        const auto source = large::heap().allocate<char>(size).value();
        return blocks{source, large::heap().allocate<char>(size).value()};
    };
    static std::vector<char> from(size + 4096, 'x');
    static std::vector<char> to(size + 4096);
    yardstick("access/memcpy/raw", [=](auto& state) {
        const auto [source, target] = allocate();
        const char* const raw_source = placed_like(source, from);
        char* const raw_target = placed_like(target, to);
        for (auto _ : state) {
            std::memcpy(raw_target, raw_source, size);
            benchmark::ClobberMemory();
        }
        finish(state, size);
    });
    with_target("access/memcpy/vmem", 1.25, [=](auto& state) {
        const auto [source, target] = allocate();
        vmem::memcpy(source, from.data(), size);
        for (auto _ : state) {
            vmem::memcpy(target, source, size);
            benchmark::ClobberMemory();
        }
        finish(state, size);
    });
}

void register_hoisted() {
    static auto ints = numbers(large::count<std::int32_t>);
    const auto raw = [](auto& state) {
        for (auto _ : state) {
            benchmark::DoNotOptimize(sum_of(ints.data(), ints.data() + ints.size()));
        }
        finish(state, ints.size());
    };
    yardstick("access/sequential, chunks/raw", raw);
    with_target("access/sequential, chunks/vmem", 1.1, [](auto& state) {
        const large::pointer<const std::int32_t> p = large::resident(ints);
        for (auto _ : state) {
            std::int32_t sum = 0;
            for (const auto chunk : vmem::chunks(p, ints.size())) {
                sum += sum_of(chunk.data(), chunk.data() + chunk.size());
            }
            benchmark::DoNotOptimize(sum);
        }
        finish(state, ints.size());
    });
    yardstick("access/sequential, pins/raw", raw);
    with_target("access/sequential, pins/vmem", 1.1, [](auto& state) {
        const large::pointer<const std::int32_t> p = large::resident(ints);
        for (auto _ : state) {
            std::int32_t sum = 0;
            for (std::size_t i = 0; i < ints.size();) {
                const auto pin = (p + static_cast<std::ptrdiff_t>(i)).read(ints.size() - i).value();
                sum += sum_of(pin.begin(), pin.end());
                i += pin.size();
            }
            benchmark::DoNotOptimize(sum);
        }
        finish(state, ints.size());
    });
    register_memcpy();
}

/// Random reads of what is resident, for one number of frames.
template <std::size_t Frames, class Translation>
void register_frames(const std::string& what) {
    using small = fixture<512, Frames, Translation>;
    static auto ints = numbers(small::template count<std::int32_t>);
    const auto suffix = "/frames:" + std::to_string(Frames);
    benchmark::RegisterBenchmark(
        ("access/" + what + "/raw" + suffix).c_str(),
        [](benchmark::State& state) { random_read(state, ints.data(), ints.size()); });
    benchmark::RegisterBenchmark(
        ("access/" + what + "/vmem" + suffix).c_str(),
        [](benchmark::State& state) { random_read(state, small::resident(ints), ints.size()); });
}
template <class Translation>
void register_all_frames(const std::string& what) {
    register_frames<4, Translation>(what);
    register_frames<16, Translation>(what);
    register_frames<64, Translation>(what);
    register_frames<256, Translation>(what);
    register_frames<1024, Translation>(what);
}

/// Every access brings in a page: its cost beyond the copy of the page itself.
template <std::size_t PageSize>
void register_miss() {
    using cache = fixture<PageSize, 16>;
    static std::vector<char> pages(64 * PageSize, 'x');
    static std::vector<char> frames(16 * PageSize);
    const auto suffix = "/page:" + std::to_string(PageSize);
    benchmark::RegisterBenchmark(
        ("access/miss/page copy" + suffix).c_str(), [](benchmark::State& state) {
            std::size_t i = 0;
            for (auto _ : state) {
                std::memcpy(&frames[i % 16 * PageSize], &pages[i % 62 * PageSize], PageSize);
                benchmark::ClobberMemory();
                ++i;
            }
        });
    benchmark::RegisterBenchmark(
        ("access/miss/vmem" + suffix).c_str(), [](benchmark::State& state) {
            cache::heap().format().value();
            const auto p = cache::heap().template allocate<char>(62 * PageSize).value();
            vmem::copy(pages.data(), 62 * PageSize, p);
            std::size_t i = 0;
            for (auto _ : state) {
                benchmark::DoNotOptimize(p[static_cast<std::ptrdiff_t>(i % 62 * PageSize)].get());
                ++i;
            }
            state.counters["target_ns"] = 40;
        });
}

} // namespace

int main(int argc, char** argv) {
    register_resident();
    register_hoisted();
    register_all_frames<vmem::page_table<4 * 1024 + 2>>("random read, page table");
    register_all_frames<vmem::page_map>("random read, page map");
    register_miss<512>();
    register_miss<4096>();
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
