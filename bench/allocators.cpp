// SPDX-License-Identifier: BSL-1.0
//
// The RAM allocators side by side with malloc and std::pmr::unsynchronized_pool_resource.
//
// The load: an arena of 1 MiB, blocks of 16 to 512 bytes, evenly spread, about 1000 of them live;
// again and again a random one is freed and another one allocated. Each call is timed by itself,
// from the moment when all that came before has ended to the moment when its own work has; what
// that takes for no call at all is subtracted. The same calls are replayed from the same state, and
// of each call the shortest time counts, so that what is left is the allocator's doing and not the
// machine's. malloc has no state to start from but that of its process, so each of its replays has
// a process of its own. `mean` is a replay in which the calls follow each other untimed.
//
// Not times but shares of the arena:
// - density: what a fresh arena gives out until the first failure.
// - steady: the highest level of requested bytes at which 300 000 allocations succeed, random
//   blocks being freed to make room.
// - drift: how many allocations succeed at a level 2 % of the arena above that.
//
// Printed is a table. With --benchmark_out=FILE there is also a file as Google Benchmark writes it,
// for tools/bench_table.py, with its names: area/what/variant/arguments. `vmem` with the argument
// of:NAME is one of ours; the other variants are its yardsticks; the counter `target` is the
// largest ratio to them. What is not a time is an aggregate (which it does not print) and has
// `value`, `unit` and `least`; if it is less than that, there is an error as well.
//
// --benchmark_filter=REGEX: nothing is done unless it matches the name of a result.
// --benchmark_min_time=S: below 0.01, everything is short, and only shows that it works.

#include <vmem/allocator/buddy_allocator.hpp>
#include <vmem/allocator/linked_list_allocator.hpp>
#include <vmem/allocator/tlsf_allocator.hpp>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory_resource>
#include <random>
#include <regex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t arena_size = 1024UL * 1024;
constexpr std::size_t live_blocks = 1000;

struct settings {
    std::size_t replays = 80;
    std::size_t replacements = 50'000;
    std::size_t steady_allocations = 300'000;
};

// --- time ---

using ticks = std::uint32_t;

#if defined(__x86_64__)
/// Nothing that comes before is still going on, and nothing that comes after has begun.
std::uint64_t now() {
    __builtin_ia32_lfence();
    const std::uint64_t time = __builtin_ia32_rdtsc();
    __builtin_ia32_lfence();
    return time;
}
#else
std::uint64_t now() {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}
#endif

double nanoseconds_per_tick() {
    using clock = std::chrono::steady_clock;
    const auto start = clock::now();
    const std::uint64_t first = now();
    while (clock::now() - start < std::chrono::milliseconds(50)) {
    }
    const std::chrono::duration<double, std::nano> passed = clock::now() - start;
    return passed.count() / static_cast<double>(now() - first);
}

/// The median of times that are whole ticks, as if the times within a tick were evenly spread: it
/// does not jump from one tick to the next. In ticks.
double median(std::span<const ticks> times) {
    std::map<ticks, double> counts;
    for (const ticks time : times) {
        counts[time] += 1;
    }
    // Where the counter moves in steps of several ticks.
    const auto second = std::next(counts.begin());
    const double step = counts.size() > 1 ? second->first - counts.begin()->first : 1;
    double below = 0;
    for (const auto& [time, count] : counts) {
        if (const double half = static_cast<double>(times.size()) / 2; below + count >= half) {
            return time + ((half - below) / count - 0.5) * step;
        }
        below += count;
    }
    return 0;
}

// --- the load ---

struct block {
    void* p = nullptr;
    std::size_t size = 0;
};

std::size_t random_size(std::mt19937_64& random) {
    return 16 + random() % 497;
}

/// Which block goes, and the size of the one that comes in its place.
struct replacement {
    std::size_t victim;
    std::size_t size;
};

std::vector<replacement> make_script(std::size_t length) {
    std::mt19937_64 random(1);
    std::vector<replacement> script(length);
    for (auto& each : script) {
        each = {random() % live_blocks, random_size(random)};
    }
    return script;
}

void use(const block& b) {
    *static_cast<volatile char*>(b.p) = 1;
    static_cast<volatile char*>(b.p)[b.size - 1] = 1;
}

/// Runs the script; lowers to the time of each call what is more than that.
template <class Subject>
void replay(Subject& subject, std::span<const replacement> script, ticks* least) {
    std::vector<block> live(live_blocks);
    for (std::size_t i = 0; i < live_blocks; ++i) {
        const std::size_t size = script[i % script.size()].size;
        live[i] = {subject.allocate(size), size};
        use(live[i]);
    }
    for (const auto& next : script) {
        block& b = live[next.victim];
        const std::uint64_t t0 = now();
        subject.deallocate(b.p, b.size);
        const std::uint64_t t1 = now();
        *least = (std::min)(*least, static_cast<ticks>(t1 - t0));
        ++least;
        const std::uint64_t t2 = now();
        b.p = subject.allocate(next.size);
        const std::uint64_t t3 = now();
        *least = (std::min)(*least, static_cast<ticks>(t3 - t2));
        ++least;
        b.size = next.size;
        use(b);
    }
    for (const block& b : live) {
        subject.deallocate(b.p, b.size);
    }
}

/// Ticks of the whole script.
template <class Subject>
std::uint64_t replay_untimed(Subject& subject, std::span<const replacement> script) {
    std::vector<block> live(live_blocks);
    for (std::size_t i = 0; i < live_blocks; ++i) {
        const std::size_t size = script[i % script.size()].size;
        live[i] = {subject.allocate(size), size};
    }
    const std::uint64_t start = now();
    for (const auto& next : script) {
        block& b = live[next.victim];
        subject.deallocate(b.p, b.size);
        b = {subject.allocate(next.size), next.size};
        use(b);
    }
    const std::uint64_t time = now() - start;
    for (const block& b : live) {
        subject.deallocate(b.p, b.size);
    }
    return time;
}

/// Allocations until one fails, at most `limit`, at a level of `level` requested bytes.
template <class A>
std::size_t allocations_at(A& allocator, std::size_t level, std::size_t limit) {
    std::mt19937_64 random(7);
    std::vector<block> live;
    std::size_t sum = 0;
    for (std::size_t i = 0; i < limit; ++i) {
        const std::size_t size = random_size(random);
        while (sum + size > level) {
            block& victim = live[random() % live.size()];
            allocator.deallocate(victim.p, victim.size).value();
            sum -= victim.size;
            victim = live.back();
            live.pop_back();
        }
        const auto taken = allocator.allocate(size);
        if (!taken) {
            return i;
        }
        live.push_back({*taken, size});
        sum += size;
    }
    return limit;
}

// --- those that are measured ---

std::span<std::byte> arena() {
    // A buddy allocator's blocks depend on where its arena is.
    static std::vector<std::byte> memory(2 * arena_size);
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    return std::span(memory).subspan((0 - address) & (arena_size - 1), arena_size);
}

template <class A>
struct ours {
    A allocator{arena()};

    // Calls, as those of malloc are, whatever the compiler would make of the loop around them.
    [[gnu::noinline]] void* allocate(std::size_t size) {
        return allocator.allocate(size).value_or(nullptr);
    }
    [[gnu::noinline]] void deallocate(void* p, std::size_t size) {
        if (!allocator.deallocate(p, size)) {
            std::abort();
        }
    }
};

/// What the clock itself takes.
struct with_nothing {
    char bytes[512]{};

    void* allocate(std::size_t) { return bytes; }
    void deallocate(void*, std::size_t) {}
};

struct with_malloc {
    void* allocate(std::size_t size) { return std::malloc(size); }
    void deallocate(void* p, std::size_t) { std::free(p); }
};

struct with_pool {
    static std::span<std::byte> memory() {
        static std::vector<std::byte> bytes(16 * arena_size);
        return bytes;
    }
    std::pmr::monotonic_buffer_resource upstream{memory().data(), memory().size()};
    std::pmr::unsynchronized_pool_resource pool{&upstream};

    void* allocate(std::size_t size) { return pool.allocate(size); }
    void deallocate(void* p, std::size_t size) { pool.deallocate(p, size); }
};

/// Results of a child process.
template <class T>
std::span<T> shared(std::size_t count) {
    void* const p =
        mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        std::perror("mmap");
        std::exit(1);
    }
    return {static_cast<T*>(p), count};
}

template <class Work>
void in_a_process_of_its_own(Work work) {
    const pid_t child = fork();
    if (child == 0) {
        work();
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        std::fputs("a child process failed\n", stderr);
        std::exit(1);
    }
}

/// Replays a script to fill the caches, then untimed, then with times for each call.
using runner = std::function<void(std::span<const replacement>, ticks*, std::uint64_t*)>;

template <class Subject>
void run_here(std::span<const replacement> script, ticks* least, std::uint64_t* least_untimed) {
    for (const bool counts : {false, true}) {
        Subject subject;
        const std::uint64_t time = replay_untimed(subject, script);
        *least_untimed = (std::min)(*least_untimed, counts ? time : ~std::uint64_t{0});
    }
    Subject subject;
    replay(subject, script, least);
}

template <class Subject>
void run_elsewhere(std::span<const replacement> script, ticks* least,
                   std::uint64_t* least_untimed) {
    in_a_process_of_its_own([&] { run_here<Subject>(script, least, least_untimed); });
}

/// Shares of the arena, in percent, and bytes; 0 for what has no arena.
struct shares {
    double density = 0;
    double steady = 0;
    std::size_t drift = 0;
    std::size_t metadata = 0;
};

template <class A>
std::size_t allocations_at_percent(double percent, std::size_t limit) {
    A allocator(arena());
    return allocations_at(allocator, static_cast<std::size_t>(arena_size * percent / 100), limit);
}

template <class A>
shares measure_shares(const settings& how) {
    shares found;
    A allocator(arena());
    found.metadata = sizeof(A) + arena_size - allocator.stats().capacity;
    std::mt19937_64 random(1);
    std::size_t sum = 0;
    for (std::size_t size = random_size(random); allocator.allocate(size);
         size = random_size(random)) {
        sum += size;
    }
    found.density = 100.0 * static_cast<double>(sum) / arena_size;
    // From above, with a tenth of the allocations as long as these fail already.
    const std::size_t few = how.steady_allocations / 10;
    double percent = found.density;
    while (allocations_at_percent<A>(percent, few) < few) {
        percent -= 0.25;
    }
    while (allocations_at_percent<A>(percent, how.steady_allocations) < how.steady_allocations) {
        percent -= 0.25;
    }
    found.steady = percent;
    found.drift = allocations_at_percent<A>(percent + 2, how.steady_allocations);
    return found;
}

shares no_arena(const settings&) {
    return {};
}

struct subject {
    std::string name;
    bool is_ours = true;
    runner run;
    std::function<shares(const settings&)> measure_shares = no_arena;
    /// Largest ratio of the medians to that of malloc; 0 if there is no limit.
    double target_median = 0;
    /// Largest ratio of the worst call to the median.
    double target_worst = 0;
    double least_density = 0;
    double least_steady = 0;

    // What was found, in nanoseconds.
    double median = 0;
    double mean = 0;
    double p99_9 = 0;
    double worst = 0;
    shares of_arena = {};
};

std::vector<subject> all_subjects() {
    using first = vmem::linked_list_allocator<vmem::first_fit>;
    using best = vmem::linked_list_allocator<vmem::best_fit>;
    using buddy = vmem::buddy_allocator<>;
    using tlsf = vmem::tlsf_allocator<>;
    return {{.name = "glibc", .is_ours = false, .run = run_elsewhere<with_malloc>},
            {.name = "pmr_pool", .is_ours = false, .run = run_here<with_pool>},
            {.name = "tlsf",
             .run = run_here<ours<tlsf>>,
             .measure_shares = measure_shares<tlsf>,
             .target_median = 1.3,
             .target_worst = 8,
             .least_density = 95,
             .least_steady = 90},
            {.name = "buddy",
             .run = run_here<ours<buddy>>,
             .measure_shares = measure_shares<buddy>,
             .target_median = 1.5,
             .least_steady = 69},
            {.name = "best_fit",
             .run = run_here<ours<best>>,
             .measure_shares = measure_shares<best>,
             .least_density = 95,
             .least_steady = 86},
            {.name = "first_fit",
             .run = run_here<ours<first>>,
             .measure_shares = measure_shares<first>,
             .least_density = 95}};
}

void measure(std::vector<subject>& subjects, const settings& how) {
    const double tick = nanoseconds_per_tick();
    const auto script = make_script(how.replacements);
    const std::size_t calls = 2 * script.size();
    std::vector<runner> runners{run_here<with_nothing>};
    for (const subject& each : subjects) {
        runners.push_back(each.run);
    }
    const auto untimed = shared<std::uint64_t>(runners.size());
    std::ranges::fill(untimed, ~std::uint64_t{0});
    std::vector<std::span<ticks>> times;
    for (std::size_t i = 0; i < runners.size(); ++i) {
        times.push_back(shared<ticks>(calls));
        std::ranges::fill(times.back(), ~ticks{0});
    }
    // In turns, so that a machine that changes its pace changes it for all.
    for (std::size_t round = 0; round < how.replays; ++round) {
        for (std::size_t i = 0; i < runners.size(); ++i) {
            runners[i](script, times[i].data(), &untimed[i]);
        }
    }
    const double nothing = median(times[0]);
    for (std::size_t i = 1; i < runners.size(); ++i) {
        subject& of = subjects[i - 1];
        std::ranges::sort(times[i]);
        const auto at = [&](double share) {
            const auto index = static_cast<std::size_t>(share * static_cast<double>(calls - 1));
            return (times[i][index] - nothing) * tick;
        };
        of.median = (median(times[i]) - nothing) * tick;
        of.p99_9 = at(0.999);
        of.worst = at(1);
        of.mean = static_cast<double>(untimed[i]) * tick / static_cast<double>(calls);
        of.of_arena = of.measure_shares(how);
    }
}

// --- results ---

void print_table(const std::vector<subject>& subjects) {
    std::printf("%-10s %9s %7s %9s %9s %9s %8s %9s %8s %9s %9s\n", "", "median", "ratio", "mean",
                "p99.9", "worst", "/median", "density", "steady", "drift", "metadata");
    for (const subject& s : subjects) {
        std::printf("%-10s %6.1f ns %6.2fx %6.1f ns %6.0f ns %6.0f ns %7.1fx", s.name.c_str(),
                    s.median, s.median / subjects.front().median, s.mean, s.p99_9, s.worst,
                    s.worst / s.median);
        if (s.is_ours) {
            std::printf(" %7.1f %% %6.1f %% %9zu %7zu B", s.of_arena.density, s.of_arena.steady,
                        s.of_arena.drift, s.of_arena.metadata);
        }
        std::puts("");
    }
}

/// Entries as Google Benchmark writes them.
class json {
public:
    using counters = std::vector<std::pair<const char*, double>>;

    void time(const std::string& name, double nanoseconds, const counters& more = {}) {
        begin(name, "iteration");
        add("iterations", 1);
        add("real_time", nanoseconds);
        add("cpu_time", nanoseconds);
        text_ += ", \"time_unit\": \"ns\"";
        end(more);
    }
    void figure(const std::string& name, double value, const char* unit, double least) {
        begin(name, "aggregate");
        add("value", value);
        text_ += std::string(", \"unit\": \"") + unit + '"';
        end(least != 0 ? counters{{"least", least}} : counters{});
        if (value < least) {
            begin(name, "iteration");
            text_ += ", \"error_occurred\": true, \"error_message\": \"" + std::to_string(value) +
                     unit + std::string(", less than ") + std::to_string(least) + "\"}";
        }
    }
    [[nodiscard]] std::string text() const {
        return "{\"context\": {\"executable\": \"allocators\"}, \"benchmarks\": [" + text_ +
               "\n]}\n";
    }

private:
    void begin(const std::string& name, const char* type) {
        text_ += (text_.empty() ? "\n{\"name\": \"" : ",\n{\"name\": \"") + name +
                 "\", \"run_name\": \"" + name + "\", \"run_type\": \"" + type + '"';
    }
    void add(const char* key, double value) {
        text_ += std::string(", \"") + key + "\": " + std::to_string(value);
    }
    void end(const counters& more) {
        for (const auto& [key, value] : more) {
            add(key, value);
        }
        text_ += "}";
    }

    std::string text_;
};

json as_json(const std::vector<subject>& subjects) {
    json out;
    for (const subject& s : subjects) {
        const std::string variant = s.is_ours ? "/vmem/of:" + s.name : "/" + s.name;
        json::counters target;
        if (s.target_median != 0) {
            target.emplace_back("target", s.target_median);
        }
        out.time("allocators/median" + variant, s.median, target);
        if (s.name != "pmr_pool") {
            out.time("allocators/mean" + variant, s.mean);
            out.time("allocators/p99.9" + variant, s.p99_9);
        }
        if (!s.is_ours) {
            continue;
        }
        json::counters worst;
        if (s.target_worst != 0) {
            worst.emplace_back("target", s.target_worst);
        }
        out.time("allocators/worst" + variant, s.worst, worst);
        out.time("allocators/worst/own_median/of:" + s.name, s.median);
        out.figure("allocators/density" + variant, s.of_arena.density, "%", s.least_density);
        out.figure("allocators/steady" + variant, s.of_arena.steady, "%", s.least_steady);
        out.figure("allocators/drift" + variant, static_cast<double>(s.of_arena.drift), "", 0);
        out.figure("allocators/metadata" + variant, static_cast<double>(s.of_arena.metadata), "B",
                   0);
    }
    return out;
}

struct options {
    std::string out;
    std::string filter;
    bool is_short = false;

    options(int argc, char** argv) {
        for (const std::string_view argument : std::span(argv, static_cast<std::size_t>(argc))) {
            const std::string value(
                argument.substr((std::min)(argument.find('=') + 1, argument.size())));
            if (argument.starts_with("--benchmark_out=")) {
                out = value;
            } else if (argument.starts_with("--benchmark_filter=")) {
                filter = value;
            } else if (argument.starts_with("--benchmark_min_time=")) {
                is_short = std::strtod(value.c_str(), nullptr) < 0.01;
            }
        }
    }
};

bool matches_any(const std::vector<subject>& subjects, const std::string& filter) {
    const std::string names = as_json(subjects).text();
    const std::regex name("\"name\": \"([^\"]*)\"");
    const std::regex wanted(filter);
    for (std::sregex_iterator i(names.begin(), names.end(), name), end; i != end; ++i) {
        const std::string found = (*i)[1];
        if (std::regex_search(found, wanted)) {
            return true;
        }
    }
    return false;
}

} // namespace

int main(int argc, char** argv) {
    const options asked(argc, argv);
    auto subjects = all_subjects();
    std::string text = json().text();
    if (matches_any(subjects, asked.filter)) {
        measure(subjects, asked.is_short ? settings{2, 2000, 3000} : settings{});
        print_table(subjects);
        text = as_json(subjects).text();
    }
    if (!asked.out.empty()) {
        std::FILE* const file = std::fopen(asked.out.c_str(), "w");
        if (file == nullptr || std::fputs(text.c_str(), file) < 0 || std::fclose(file) != 0) {
            std::perror(asked.out.c_str());
            return 1;
        }
    }
}
