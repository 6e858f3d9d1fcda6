// SPDX-License-Identifier: BSL-1.0
//
// An array of 64 MiB in a file, of which 4 MiB are in RAM, next to STXXL's vector with as much RAM
// and to the same file mapped, which may take all the RAM there is. `target_stxxl` is the ratio to
// STXXL that must not be exceeded.

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/ranges.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/file_storage.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#if __has_include(<stxxl/vector>) && __has_include(<omp.h>)
#define WITH_STXXL
#include <cstdlib>
#include <stxxl/vector>
#endif

namespace {

constexpr std::size_t count = std::size_t{8} << 20U;
constexpr std::size_t data_bytes = count * sizeof(std::uint64_t);
constexpr std::size_t page = 16384;
constexpr std::size_t frames = 256;
constexpr std::size_t accesses = 4096;

/// A file that is gone when it is closed.
[[nodiscard]] std::string temporary(const char* name) {
    return (std::filesystem::temp_directory_path() / (name + std::to_string(getpid()))).string();
}

template <class Transfer>
class vmem_array {
public:
    using memory =
        vmem::heap<vmem::file_storage,
                   vmem::paged<page, frames, vmem::clock, vmem::automatic_translation, Transfer>,
                   vmem::nonresident_linked_list_allocator>;

    vmem_array() {
        const std::string name = temporary("vmem_beyond_ram.");
        heap_ = std::make_unique<memory>(
            vmem::file_storage::open(name.c_str(), data_bytes + 8 * page).value());
        std::filesystem::remove(name);
        heap_->format().value();
        p_ = heap_->template allocate<std::uint64_t>(count).value();
    }
    [[nodiscard]] std::uint64_t get(std::size_t i) const {
        return p_[static_cast<std::ptrdiff_t>(i)];
    }
    void set(std::size_t i, std::uint64_t value) { p_[static_cast<std::ptrdiff_t>(i)] = value; }
    [[nodiscard]] std::uint64_t sum() const {
        std::uint64_t total = 0;
        vmem::for_each(vmem::vptr<const std::uint64_t, memory>(p_), count,
                       [&](const std::uint64_t& each) { total += each; });
        return total;
    }
    void fill(std::uint64_t value) { vmem::fill(p_, count, value); }

private:
    std::unique_ptr<memory> heap_;
    vmem::vptr<std::uint64_t, memory> p_;
};

class mapped_array {
public:
    mapped_array() {
        const std::string name = temporary("mmap_beyond_ram.");
        const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
        std::filesystem::remove(name);
        if (file < 0 || ::ftruncate(file, data_bytes) != 0) {
            std::abort();
        }
        values_ = static_cast<std::uint64_t*>(
            ::mmap(nullptr, data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
        ::close(file);
    }
    mapped_array(const mapped_array&) = delete;
    mapped_array& operator=(const mapped_array&) = delete;
    ~mapped_array() { ::munmap(values_, data_bytes); }

    [[nodiscard]] std::uint64_t get(std::size_t i) const { return values_[i]; }
    void set(std::size_t i, std::uint64_t value) { values_[i] = value; }
    [[nodiscard]] std::uint64_t sum() const {
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < count; ++i) {
            total += values_[i];
        }
        return total;
    }
    void fill(std::uint64_t value) { std::fill_n(values_, count, value); }

private:
    std::uint64_t* values_;
};

#ifdef WITH_STXXL

class stxxl_array {
public:
    stxxl_array() : values_((configure(), count)) {}

    [[nodiscard]] std::uint64_t get(std::size_t i) const { return values_[i]; }
    void set(std::size_t i, std::uint64_t value) { values_[i] = value; }
    [[nodiscard]] std::uint64_t sum() const {
        std::uint64_t total = 0;
        for (auto at = values_.cbegin(); at != values_.cend(); ++at) {
            total += *at;
        }
        return total;
    }
    void fill(std::uint64_t value) {
        for (auto at = values_.begin(); at != values_.end(); ++at) {
            *at = value;
        }
    }

private:
    static void configure() {
        static const bool once = [] {
            setenv("STXXLLOGFILE", "/dev/null", 1);
            setenv("STXXLERRLOGFILE", "/dev/null", 1);
            stxxl::config::get_instance()->add_disk(stxxl::disk_config(
                temporary("stxxl_beyond_ram."), 2 * data_bytes, "syscall unlink"));
            return true;
        }();
        static_cast<void>(once);
    }

    /// As many bytes in RAM: blocks of the size of a page, one to each of its pages.
    stxxl::VECTOR_GENERATOR<std::uint64_t, 1, frames, page>::result values_;
};

#endif

/// Half of the accesses go to a sixteenth of the array, half of those to a sixteenth of that, ...
[[nodiscard]] std::vector<std::size_t> popular_places() {
    std::mt19937_64 random(1);
    std::vector<std::size_t> places(accesses);
    for (std::size_t& place : places) {
        std::size_t bound = count;
        while (bound > 1024 && random() % 2 == 0) {
            bound /= 16;
        }
        place = random() % bound;
    }
    return places;
}

template <class Array>
void register_for(const std::string& variant, bool has_target) {
    static std::unique_ptr<Array> array;
    const auto add = [&](const std::string& what, std::size_t items, auto work) {
        benchmark::RegisterBenchmark(("beyond RAM/" + what + "/" + variant).c_str(),
                                     [=](benchmark::State& state) {
                                         array = std::make_unique<Array>();
                                         array->fill(3);
                                         for (auto _ : state) {
                                             work(*array);
                                         }
                                         state.SetItemsProcessed(state.iterations() *
                                                                 static_cast<std::int64_t>(items));
                                         if (has_target) {
                                             state.counters["target_stxxl"] = 1;
                                         }
                                         array.reset();
                                     })
            ->MeasureProcessCPUTime();
    };
    add("sum", count, [](Array& a) { benchmark::DoNotOptimize(a.sum()); });
    add("fill", count, [](Array& a) { a.fill(7); });
    static const auto places = popular_places();
    add("random reads", accesses, [](Array& a) {
        std::uint64_t total = 0;
        for (const std::size_t place : places) {
            total += a.get(place);
        }
        benchmark::DoNotOptimize(total);
    });
    add("random writes", accesses, [](Array& a) {
        for (const std::size_t place : places) {
            a.set(place, place);
        }
    });
}

} // namespace

int main(int argc, char** argv) {
    register_for<vmem_array<vmem::one_by_one>>("vmem", true);
    register_for<mapped_array>("mmap", false);
#ifdef WITH_STXXL
    register_for<stxxl_array>("stxxl", false);
#endif
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
