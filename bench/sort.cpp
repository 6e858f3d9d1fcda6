// SPDX-License-Identifier: BSL-1.0
//
// Sorting more than RAM holds: 64 MiB of 64-bit keys, with 4 MiB of RAM, in a file of the folder
// for temporary files; next to STXXL's sort, and to std::sort over a mapped file. `vmem` is
// compared with the other variants of the same area/what; `target_X` is the ratio to X that it must
// not exceed. What it transfers is checked too.
//
// A mapped file is as resident as Linux likes, and so is the page cache under the others. So there
// is a second round where a control group limits all of that together, and where the time that
// passes is measured as well: it is spent waiting for the disk.

#include "control_group.hpp"

#include <vmem/algorithm.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/ranges.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/file_storage.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#if __has_include(<stxxl/sort>) && __has_include(<omp.h>)
#define WITH_STXXL
#include <limits>
#include <omp.h>
#include <stxxl/sort>
#include <stxxl/vector>
#endif

namespace {

constexpr std::size_t mib = std::size_t{1} << 20U;
constexpr std::size_t count = 8 * mib;
constexpr std::size_t data_bytes = count * sizeof(std::uint64_t);
constexpr std::size_t page = 16384;
constexpr std::size_t ram = 4 * mib;
/// What a process needs that does nothing: its stack, page tables, the system's buffers for it.
constexpr std::size_t process_itself = mib / 4;
/// The RAM that is given to vmem where the page cache counts too.
constexpr std::size_t ram_beside_cache = 3 * mib;

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

// What sorts: `fill` makes the keys, `settle` sees to it that the system can drop them from RAM,
// `sort` is measured.

template <std::size_t Ram>
class vmem_job {
public:
    vmem_job()
        : heap_(formatted()), keys_(heap_->template allocate<std::uint64_t>(count).value()) {}
    void fill() {
        make_keys(
            [&](std::size_t i, std::uint64_t key) { keys_[static_cast<std::ptrdiff_t>(i)] = key; });
        heap_->flush().value();
        heap_->storage().reset_counts();
    }
    void settle() { heap_->storage().sync().value(); }
    void sort() {
        vmem::sort(keys_, count).value();
        // No sync: the others do not wait for the medium either.
        heap_->residency().flush().value();
        counts_ = heap_->storage().counts();
    }
    [[nodiscard]] bool sorted() const {
        std::uint64_t last = 0;
        bool so_far = true;
        vmem::for_each(
            vmem::vptr<const std::uint64_t, memory>(keys_), count,
            [&](std::uint64_t key) { so_far = std::exchange(last, key) <= key && so_far; });
        return so_far;
    }
    void report(benchmark::State& state) const {
        const double moved =
            static_cast<double>(counts_.bytes_read + counts_.bytes_written) / data_bytes;
        state.counters["moved"] = moved;
        state.counters["operations"] = static_cast<double>(counts_.reads + counts_.writes);
        state.counters["target_stxxl"] = 1;
        if (moved > 4) {
            state.SkipWithError("moves more than four times the keys");
        }
    }

private:
    using memory = vmem::heap<vmem::counted<vmem::file_storage>, vmem::paged<page, Ram / page>,
                              vmem::nonresident_linked_list_allocator>;
    [[nodiscard]] static std::unique_ptr<memory> formatted() {
        const std::string name = temporary("vmem_sort.");
        auto file = vmem::file_storage::open(name.c_str(), 2 * data_bytes + 8 * page).value();
        std::filesystem::remove(name); // It lives as long as it is open.
        auto heap = std::make_unique<memory>(vmem::counted(std::move(file)));
        heap->format().value();
        return heap;
    }

    std::unique_ptr<memory> heap_;
    vmem::vptr<std::uint64_t, memory> keys_;
    vmem::storage_counts counts_;
};

#ifdef WITH_STXXL

struct by_value {
    bool operator()(std::uint64_t a, std::uint64_t b) const { return a < b; }
    static std::uint64_t min_value() { return 0; }
    static std::uint64_t max_value() { return (std::numeric_limits<std::uint64_t>::max)(); }
};

template <std::size_t Ram>
class stxxl_job {
public:
    void fill() {
        make_keys([&](std::size_t i, std::uint64_t key) { keys_[i] = key; });
        keys_.flush();
    }
    void sort() {
        stxxl::sort(keys_.begin(), keys_.end(), by_value(), Ram);
        keys_.flush();
    }
    [[nodiscard]] bool sorted() const { return std::is_sorted(keys_.begin(), keys_.end()); }
    void report(benchmark::State&) const {}

private:
    using keys_type = stxxl::VECTOR_GENERATOR<std::uint64_t, 4, 4, 4 * page>::result;
    static std::size_t configured() {
        static const bool once = [] {
            omp_set_num_threads(1); // As many as vmem has.
            setenv("STXXLLOGFILE", "/dev/null", 1);
            setenv("STXXLERRLOGFILE", "/dev/null", 1);
            stxxl::config::get_instance()->add_disk(
                stxxl::disk_config(temporary("stxxl_sort."), 2 * data_bytes, "syscall unlink"));
            return true;
        }();
        static_cast<void>(once);
        return count;
    }
    keys_type keys_ = keys_type(configured());
};

#endif

class mmap_job {
public:
    mmap_job() {
        const std::string name = temporary("mmap_sort.");
        file_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
        std::filesystem::remove(name);
        if (file_ < 0 || ::ftruncate(file_, data_bytes) != 0) {
            std::perror("no temporary file");
            std::abort();
        }
        mapped_ = ::mmap(nullptr, data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
        keys_ = static_cast<std::uint64_t*>(mapped_);
    }
    ~mmap_job() {
        ::munmap(mapped_, data_bytes);
        ::close(file_);
    }
    mmap_job(const mmap_job&) = delete;
    mmap_job& operator=(const mmap_job&) = delete;

    void fill() {
        make_keys([&](std::size_t i, std::uint64_t key) { keys_[i] = key; });
    }
    /// Linux reads ahead as many bytes as the disk's setting says, even more than it may keep; that
    /// drops what it has just read, over and over. So it is told not to.
    void settle() {
        ::fdatasync(file_);
        ::madvise(mapped_, data_bytes, MADV_RANDOM);
    }
    void sort() { std::sort(keys_, keys_ + count); }
    [[nodiscard]] bool sorted() const { return std::is_sorted(keys_, keys_ + count); }
    void report(benchmark::State&) const {}

private:
    int file_ = -1;
    void* mapped_ = nullptr;
    std::uint64_t* keys_ = nullptr;
};

template <class Job>
void measure(benchmark::State& state) {
    Job job;
    for (auto _ : state) {
        state.PauseTiming();
        job.fill();
        state.ResumeTiming();
        job.sort();
    }
    if (!job.sorted()) {
        state.SkipWithError("the keys are not sorted");
    }
    job.report(state);
}

// --- with the page cache limited too ----------------------------------------------------------

/// Seconds.
struct durations {
    double passed = -1;
    double worked = 0;
};

[[nodiscard]] double processor_seconds() {
    std::timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// In a process of its own: sorts in the group, and writes to `pipe` how long that took.
template <class Job>
[[nodiscard]] bool sort_in(const control_group& group, int pipe) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!group.enter()) {
        return false;
    }
    Job job;
    job.fill();
    job.settle();
    if (!group.limit(ram + process_itself)) {
        return false;
    }
    durations taken;
    const double worked = processor_seconds();
    const auto start = std::chrono::steady_clock::now();
    job.sort();
    taken.passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    taken.worked = processor_seconds() - worked;
    const bool kept = group.most() <= ram + process_itself;
    return group.limit(2 * data_bytes) && kept && job.sorted() &&
           ::write(pipe, &taken, sizeof taken) == sizeof taken;
}

template <class Job>
[[nodiscard]] durations measure_in_group() {
    const control_group group;
    std::array<int, 2> pipe{};
    if (!group.made() || ::pipe(pipe.data()) != 0) {
        return {};
    }
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(sort_in<Job>(group, pipe[1]) ? 0 : 1);
    }
    ::close(pipe[1]);
    durations taken;
    if (::read(pipe[0], &taken, sizeof taken) != sizeof taken) {
        taken = {};
    }
    ::close(pipe[0]);
    ::waitpid(child, nullptr, 0);
    return taken;
}

/// Both times are those of one run, because it takes long.
template <class Job>
void measure_limited(benchmark::State& state, double durations::* which) {
    static const durations taken = measure_in_group<Job>();
    for (auto _ : state) {
        state.SetIterationTime(taken.*which);
    }
    if (taken.passed < 0) {
        state.SkipWithError("has not come to its end in the control group");
    }
    state.counters["target_mmap"] = 1;
}

/// What is on a disk in RAM can not be dropped.
[[nodiscard]] bool temporary_files_are_on_disk() {
    struct statfs system{};
    return ::statfs(std::filesystem::temp_directory_path().c_str(), &system) == 0 &&
           system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC;
}

template <class Job>
void register_limited(const std::string& variant) {
    const std::string what = "sort/64 MiB of keys, limited to 4.25 MiB";
    for (const auto& [name, which] : {std::pair(what + "/", &durations::worked),
                                      std::pair(what + ", elapsed/", &durations::passed)}) {
        benchmark::RegisterBenchmark((name + variant).c_str(), measure_limited<Job>, which)
            ->Unit(benchmark::kMillisecond)
            ->UseManualTime()
            ->Iterations(1)
            ->Repetitions(1);
    }
}

template <class Job>
void register_job(const std::string& variant) {
    benchmark::RegisterBenchmark(("sort/64 MiB of keys in 4 MiB/" + variant).c_str(), measure<Job>)
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime()
        ->Iterations(1);
}

} // namespace

int main(int argc, char** argv) {
    register_job<vmem_job<ram>>("vmem");
#ifdef WITH_STXXL
    register_job<stxxl_job<ram>>("stxxl");
#endif
    register_job<mmap_job>("mmap without limit");
    if (control_group().made() && temporary_files_are_on_disk()) {
        register_limited<vmem_job<ram_beside_cache>>("vmem");
        register_limited<mmap_job>("mmap");
    } else {
        benchmark::AddCustomContext(
            "note",
            "sort: not measured with the page cache limited, which needs root, control groups "
            "of version 1 for memory, and a folder for temporary files on a disk");
    }
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
