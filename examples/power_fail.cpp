// SPDX-License-Identifier: BSL-1.0
//
// Power fails again and again while a program works. A timer signal stands for the power-fail
// interrupt: it comes at any instruction, saves what is unsaved, and everything that the heap had
// in RAM is lost. Then power is back, and the program goes on where it was.
//
// usage: power_fail [SECONDS]

#include <vmem/vmem.hpp>

#include <sys/time.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <utility>

namespace {

constexpr std::size_t objects = 200;
constexpr std::size_t elements = 32;

volatile std::sig_atomic_t failures = 0;

/// What happens when all is saved: the lights go out, and on again.
struct power_cycle {
    void operator()(const vmem::result<void>& persisted) const;
};

using memory = vmem::heap<vmem::ram_storage<65'536>,           // where do the bytes live?
                          vmem::resident_objects<8'192, 64>,   // which of them are in RAM?
                          vmem::nonresident_buddy_allocator<>, // who hands out addresses?
                          vmem::dirty_limit<2048>,             // how much may be unsaved?
                          vmem::on_persisted<power_cycle>>;
using object = vmem::unique_vptr<std::uint32_t[], memory>;

void power_cycle::operator()(const vmem::result<void>& persisted) const {
    memory& heap = memory::current();
    heap.residency().lose_ram();
    if (!persisted || !heap.restore()) {
        std::abort();
    }
    failures = failures + 1;
}

void power_fails(int) {
    static_cast<void>(memory::current().persist());
}

void fail_every(long microseconds) {
    const itimerval often{.it_interval = {0, microseconds}, .it_value = {0, microseconds}};
    if (std::signal(SIGALRM, power_fails) == SIG_ERR ||
        setitimer(ITIMER_REAL, &often, nullptr) != 0) {
        std::perror("power_fail");
        std::exit(1);
    }
}

/// Ends the program where the heap and the plain array disagree.
void expect(std::uint32_t found, std::uint32_t expected) {
    if (found != expected) {
        std::fprintf(stderr, "power_fail: %u found where %u was written, after %d power failures\n",
                     static_cast<unsigned>(found), static_cast<unsigned>(expected),
                     static_cast<int>(failures));
        std::exit(1);
    }
}

double seconds_from(int argc, char** argv) {
    char* end = nullptr;
    const double seconds = argc > 1 ? std::strtod(argv[1], &end) : 3;
    if (argc > 2 || (argc == 2 && *end != '\0') || !(seconds > 0) || seconds > 86'400) {
        std::fputs("usage: power_fail [SECONDS]\n", stderr);
        std::exit(1);
    }
    return seconds;
}

} // namespace

int main(int argc, char** argv) {
    const std::chrono::duration<double> seconds(seconds_from(argc, argv));
    static memory heap;
    heap.format().value();
    std::array<object, objects> live;
    static std::array<std::array<std::uint32_t, elements>, objects> expected{};
    for (auto& each : live) {
        each = heap.make_unique<std::uint32_t[]>(elements).value();
    }

    std::mt19937 random(1);
    std::uint64_t accesses = 0;
    const auto start = std::chrono::steady_clock::now();
    fail_every(1000);
    while (std::chrono::steady_clock::now() - start < seconds) {
        for (int i = 0; i < 1000; ++i, ++accesses) {
            const std::size_t which = random() % objects;
            const std::size_t element = random() % elements;
            expect(live[which].get(element).value(), expected[which][element]);
            expected[which][element] = static_cast<std::uint32_t>(random());
            live[which].set(element, expected[which][element]).value();
        }
    }
    fail_every(0);

    for (std::size_t which = 0; which < objects; ++which) {
        for (std::size_t element = 0; element < elements; ++element) {
            expect(live[which].get(element).value(), expected[which][element]);
        }
    }
    std::printf("survived %d power failures in %.1f seconds and %llu reads and writes;\n"
                "each saved at most %zu bytes in %zu storage operations\n",
                static_cast<int>(failures), seconds.count(),
                static_cast<unsigned long long>(accesses),
                static_cast<std::size_t>(memory::worst_case_persist.bytes),
                static_cast<std::size_t>(memory::worst_case_persist.operations));
}
