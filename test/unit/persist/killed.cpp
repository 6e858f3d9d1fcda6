// SPDX-License-Identifier: BSL-1.0

// Real processes that commit to a file and are killed at any moment: what was acknowledged is
// there, and nothing is there by half. What the kernel was given it keeps; that a power cut takes
// some of it is the business of test/powerloss.

#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/file_storage.hpp>

#include "contract/storage_contract.hpp"
#include "support/random_test.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <doctest/doctest.h>
#include <random>
#include <string>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using vmem::contract::outcome;

using memory =
    vmem::heap<vmem::file_storage, vmem::paged<512, 4>, vmem::nonresident_buddy_allocator<>,
               vmem::durability<vmem::journaled<65536>>>;
template <class T>
using pointer = vmem::vptr<T, memory>;

/// More than the frames hold, so that a commit also has pages that left RAM before it.
constexpr int copies = 2000;

/// Says how many commits there were, in many places, and owns a block that each commit replaces.
struct ledger {
    std::uint64_t commits = 0;
    pointer<char> block;
    std::array<std::uint64_t, copies> again{};
};

[[nodiscard]] vmem::file_storage file_at(const std::string& path) {
    return vmem::file_storage::open(path.c_str(), 1 << 18).value();
}

void make_image(const std::string& path) {
    memory heap(file_at(path));
    CHECK(outcome(heap.format()) == "ok");
    const auto book = heap.allocate<ledger>(1).value();
    *book.member(&ledger::commits) = std::uint64_t{0};
    *book.member(&ledger::block) = heap.allocate<char>(100).value();
    const auto again = vmem::reinterpret_pointer_cast<std::uint64_t>(book.member(&ledger::again));
    for (int n = 0; n < copies; ++n) {
        again[n] = std::uint64_t{0};
    }
    CHECK(outcome(heap.set_root("ledger", book)) == "ok");
    CHECK(outcome(heap.commit()) == "ok");
}

/// One commit more; only what it changes is in doubt.
[[nodiscard]] bool commit_once(memory& heap, pointer<ledger> book, std::mt19937_64& random) {
    const std::uint64_t number = *book.member(&ledger::commits) + 1;
    const auto again = vmem::reinterpret_pointer_cast<std::uint64_t>(book.member(&ledger::again));
    // Some commits fit the frames and some do not.
    const int most = random() % 4 == 0 ? copies : 20;
    for (int n = 0; n < most; ++n) {
        again[n] = number;
    }
    *book.member(&ledger::commits) = number;
    const pointer<char> old = *book.member(&ledger::block);
    const auto fresh = heap.allocate<char>(1 + random() % 3000);
    if (!fresh) {
        return false;
    }
    *book.member(&ledger::block) = *fresh;
    return heap.deallocate(old).has_value() && heap.commit().has_value();
}

/// Commits, and says so each time, until it is killed.
[[noreturn]] void commit_for_ever(const std::string& path, int acknowledge, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    memory heap(file_at(path));
    if (heap.open()) {
        const auto book = heap.root<ledger>("ledger").value();
        while (commit_once(heap, book, random)) {
            const std::uint64_t number = *book.member(&ledger::commits);
            static_cast<void>(write(acknowledge, &number, sizeof(number)) == 8);
        }
    }
    // Nothing of this may happen.
    const std::uint64_t failed = ~std::uint64_t{0};
    static_cast<void>(write(acknowledge, &failed, sizeof(failed)) == 8);
    _exit(1);
}

/// Commits on the file, all of it consistent; what is wrong is reported here.
[[nodiscard]] std::uint64_t commits_on(const std::string& path) {
    memory heap(file_at(path));
    CHECK(outcome(heap.open()) == "ok");
    if (!heap.is_open()) {
        return 0;
    }
    const auto book = heap.root<ledger>("ledger").value();
    const std::uint64_t commits = *book.member(&ledger::commits);
    const auto again = vmem::reinterpret_pointer_cast<std::uint64_t>(book.member(&ledger::again));
    bool whole = true;
    for (int n = 0; n < copies; ++n) {
        const std::uint64_t number = again[n];
        // The first ones change with every commit, the others together with now and then one.
        whole = whole && (n < 20 ? number == commits : number == again[20]) && number <= commits;
    }
    CHECK(whole);
    CHECK(heap.invariants_hold().value());
    CHECK(heap.allocation().value().blocks == 2);
    return commits;
}

TEST_CASE("killed: no acknowledged commit is lost, and none is there by half") {
    const char* base = std::getenv("TMPDIR");
    std::string path = std::string(base == nullptr ? "/tmp" : base) + "/vmem-killed-XXXXXX";
    const int file = mkstemp(path.data());
    CHECK(file >= 0);
    close(file);
    make_image(path);

    const std::uint64_t seed = vmem::test::random_seed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::uint64_t acknowledged = 0;
    std::uint64_t in_flight = 0;
    for (int kills = 0; kills < 220; ++kills) {
        std::array<int, 2> ends{};
        CHECK(pipe(ends.data()) == 0);
        const std::uint64_t child_seed = random();
        const pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            commit_for_ever(path, ends[1], child_seed);
        }
        close(ends[1]);
        // Some are killed before they have opened the file.
        usleep(static_cast<useconds_t>(random() % 20'000));
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status));
        std::uint64_t number = 0;
        while (read(ends[0], &number, sizeof(number)) == 8) {
            acknowledged = number;
        }
        close(ends[0]);
        const std::uint64_t found = commits_on(path);
        CAPTURE(kills);
        CHECK(found >= acknowledged);
        // The one in flight may be there, or not.
        CHECK(found <= acknowledged + 1);
        in_flight += found - acknowledged;
        acknowledged = found;
    }
    // Or nothing was interrupted that matters.
    CHECK(acknowledged > 200);
    MESSAGE(acknowledged, " commits, ", in_flight,
            " of them in flight when the process was killed");
    unlink(path.c_str());
}

} // namespace
