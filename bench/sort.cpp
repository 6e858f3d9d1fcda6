// SPDX-License-Identifier: BSL-1.0
//
// Sorting more than RAM holds: 64 MiB of 64-bit keys, with 4 MiB of RAM, in a file of the folder
// for temporary files; next to STXXL's sort, and to std::sort over a mapped file. `vmem` is
// compared with the other variants of the same area/what; `target_stxxl` is the ratio to STXXL that
// it must not exceed. What it transfers is checked too.

#include <vmem/algorithm.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/ranges.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/file_storage.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#if __has_include(<stxxl/sort>) && __has_include(<omp.h>)
#define WITH_STXXL
#include <limits>
#include <omp.h>
#include <stxxl/sort>
#include <stxxl/vector>
#endif

namespace {

constexpr std::size_t count = std::size_t{8} << 20U;
constexpr std::size_t data_bytes = count * sizeof(std::uint64_t);
constexpr std::size_t page = 16384;
constexpr std::size_t frames = 256;

using memory = vmem::heap<vmem::counted<vmem::file_storage>, vmem::paged<page, frames>,
                          vmem::nonresident_linked_list_allocator>;

[[nodiscard]] std::string temporary(const char* name) {
    return (std::filesystem::temp_directory_path() / (name + std::to_string(getpid()))).string();
}

/// The same keys for everybody.
template <class Store>
void make_keys(Store store) {
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i < count; ++i) {
        store(i, random());
    }
}

void sort_vmem(benchmark::State& state) {
    const std::string name = temporary("vmem_sort.");
    auto file = vmem::file_storage::open(name.c_str(), 2 * data_bytes + 8 * page).value();
    std::filesystem::remove(name); // It lives as long as it is open.
    const auto heap = std::make_unique<memory>(vmem::counted(std::move(file)));
    heap->format().value();
    const auto keys = heap->allocate<std::uint64_t>(count).value();
    vmem::storage_counts counts;
    for (auto _ : state) {
        state.PauseTiming();
        make_keys(
            [&](std::size_t i, std::uint64_t key) { keys[static_cast<std::ptrdiff_t>(i)] = key; });
        heap->flush().value();
        heap->storage().reset_counts();
        state.ResumeTiming();
        vmem::sort(keys, count).value();
        // No sync: the others do not wait for the medium either.
        heap->residency().flush().value();
        counts = heap->storage().counts();
    }
    std::uint64_t last = 0;
    bool sorted = true;
    vmem::for_each(vmem::vptr<const std::uint64_t, memory>(keys), count,
                   [&](std::uint64_t key) { sorted = std::exchange(last, key) <= key && sorted; });
    if (!sorted) {
        state.SkipWithError("the keys are not sorted");
    }
    const double moved = static_cast<double>(counts.bytes_read + counts.bytes_written) / data_bytes;
    state.counters["moved"] = moved;
    state.counters["operations"] = static_cast<double>(counts.reads + counts.writes);
    state.counters["target_stxxl"] = 1;
    if (moved > 4) {
        state.SkipWithError("moves more than four times the keys");
    }
}

#ifdef WITH_STXXL

struct by_value {
    bool operator()(std::uint64_t a, std::uint64_t b) const { return a < b; }
    static std::uint64_t min_value() { return 0; }
    static std::uint64_t max_value() { return (std::numeric_limits<std::uint64_t>::max)(); }
};

void sort_stxxl(benchmark::State& state) {
    using keys_type = stxxl::VECTOR_GENERATOR<std::uint64_t, 4, 4, 4 * page>::result;
    static const bool configured = [] {
        omp_set_num_threads(1); // As many as vmem has.
        setenv("STXXLLOGFILE", "/dev/null", 1);
        setenv("STXXLERRLOGFILE", "/dev/null", 1);
        stxxl::config::get_instance()->add_disk(
            stxxl::disk_config(temporary("stxxl_sort."), 2 * data_bytes, "syscall unlink"));
        return true;
    }();
    static_cast<void>(configured);
    keys_type keys(count);
    for (auto _ : state) {
        state.PauseTiming();
        make_keys([&](std::size_t i, std::uint64_t key) { keys[i] = key; });
        keys.flush();
        state.ResumeTiming();
        stxxl::sort(keys.begin(), keys.end(), by_value(), frames * page);
        keys.flush();
    }
}

#endif

/// With all the memory there is: in a control group of 4 MiB Linux kills the process, because it
/// dirties pages faster than they are written back.
void sort_mmap(benchmark::State& state) {
    const std::string name = temporary("mmap_sort.");
    const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    std::filesystem::remove(name);
    if (file < 0 || ::ftruncate(file, data_bytes) != 0) {
        state.SkipWithError("no temporary file");
        return;
    }
    void* const mapped = ::mmap(nullptr, data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    auto* const keys = static_cast<std::uint64_t*>(mapped);
    for (auto _ : state) {
        state.PauseTiming();
        make_keys([&](std::size_t i, std::uint64_t key) { keys[i] = key; });
        state.ResumeTiming();
        std::sort(keys, keys + count);
    }
    ::munmap(mapped, data_bytes);
    ::close(file);
}

} // namespace

int main(int argc, char** argv) {
    benchmark::RegisterBenchmark("sort/64 MiB of keys in 4 MiB/vmem", sort_vmem)
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime()
        ->Iterations(1);
#ifdef WITH_STXXL
    benchmark::RegisterBenchmark("sort/64 MiB of keys in 4 MiB/stxxl", sort_stxxl)
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime()
        ->Iterations(1);
#endif
    benchmark::RegisterBenchmark("sort/64 MiB of keys in 4 MiB/mmap", sort_mmap)
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime()
        ->Iterations(1);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
