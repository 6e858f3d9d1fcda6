// SPDX-License-Identifier: BSL-1.0
// Several threads on one heap under locking<std::mutex>; run under ThreadSanitizer too.

#include <vmem/vmem.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t threads = 4;

struct node {
    std::uint32_t owner;
    std::uint32_t value;
};

template <class Tag>
using shared_memory = vmem::heap<vmem::ram_storage<64 * 1024>, vmem::paged<256, 16>,
                                 vmem::nonresident_linked_list_allocator, vmem::locking<std::mutex>,
                                 vmem::instance<Tag>, vmem::statistics<true>>;
using memory = shared_memory<struct one>;
using other_memory = shared_memory<struct other>;

template <class Work>
void in_parallel(Work work) {
    std::vector<std::thread> running;
    for (std::size_t id = 0; id < threads; ++id) {
        running.emplace_back([=] { work(id); });
    }
    for (auto& thread : running) {
        thread.join();
    }
}

} // namespace

TEST_CASE("threads: elements of one array, dealt out, keep what their thread wrote") {
    const auto heap = std::make_unique<memory>();
    heap->format().value();
    constexpr std::ptrdiff_t count = 8000; // 125 pages, 16 frames
    const auto p = heap->allocate<std::uint32_t>(count).value();
    in_parallel([=](std::size_t id) {
        for (auto i = static_cast<std::ptrdiff_t>(id); i < count; i += threads) {
            p[i] = static_cast<std::uint32_t>(i);
        }
        for (auto i = static_cast<std::ptrdiff_t>(id); i < count; i += threads) {
            p[i] += static_cast<std::uint32_t>(id);
        }
    });
    std::size_t wrong = 0;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        const auto expected =
            static_cast<std::uint32_t>(i + i % static_cast<std::ptrdiff_t>(threads));
        wrong += p[i] == expected ? 0u : 1u;
    }
    CHECK(wrong == 0);
    CHECK(heap->residency().statistics().write_backs > 0);
}

TEST_CASE("threads: blocks come and go, and no two threads get the same") {
    const auto heap = std::make_unique<memory>();
    heap->format().value();
    std::atomic<std::size_t> wrong = 0;
    in_parallel([&](std::size_t id) {
        std::mt19937 random(static_cast<unsigned>(id));
        std::array<vmem::vptr<node, memory>, 16> mine{};
        for (std::uint32_t step = 0; step < 3000; ++step) {
            auto& p = mine[random() % mine.size()];
            if (p != nullptr) {
                wrong += p->owner == id ? 0u : 1u;
                wrong += heap->destroy(p).has_value() ? 0u : 1u;
                p = nullptr;
            } else {
                p = heap->make<node>(node{static_cast<std::uint32_t>(id), step}).value();
            }
        }
        for (const auto p : mine) {
            wrong += heap->deallocate(p).has_value() ? 0u : 1u;
        }
    });
    CHECK(wrong == 0);
    CHECK(heap->allocation().value().blocks == 0);
    CHECK(heap->invariants_hold().value());
}

TEST_CASE("threads: pins of one thread stay while others bring in pages") {
    const auto heap = std::make_unique<memory>();
    heap->format().value();
    constexpr std::size_t each = 64 * 12; // Twelve pages a thread: 48 for 16 frames.
    const auto p = heap->allocate<std::uint32_t>(threads * each).value();
    std::atomic<std::size_t> wrong = 0;
    in_parallel([&](std::size_t id) {
        const auto mine = p + static_cast<std::ptrdiff_t>(id * each);
        std::mt19937 random(static_cast<unsigned>(id));
        std::vector<std::uint32_t> model(each, 0);
        vmem::fill(mine, each, 0u);
        for (std::uint32_t step = 0; step < 3000; ++step) {
            const std::size_t at = random() % each;
            auto pin = (mine + static_cast<std::ptrdiff_t>(at)).write(each - at).value();
            const std::size_t n = random() % pin.size();
            wrong += pin[n] == model[at + n] ? 0u : 1u;
            pin[n] = step;
            model[at + n] = step;
        }
    });
    CHECK(wrong == 0);
    CHECK(heap->residency().unpinned_frames() == 16);
}

TEST_CASE("threads: no change to a number that all of them count in is lost") {
    const auto heap = std::make_unique<memory>();
    heap->format().value();
    const auto count = heap->allocate<std::uint64_t>(100).value();
    std::fill(count, count + 100, 0u);
    in_parallel([=](std::size_t id) {
        std::mt19937 random(static_cast<unsigned>(id));
        for (int step = 0; step < 10'000; ++step) {
            const auto at = static_cast<std::ptrdiff_t>(random() % 100);
            switch (step % 3) {
            case 0:
                count[at] += 2;
                break;
            case 1:
                ++count[at];
                break;
            default:
                count[at] -= 1;
                break;
            }
        }
    });
    CHECK(std::accumulate(count, count + 100, std::uint64_t{0}) ==
          threads * (2 * 3334 + 3333 - 3333));
}

TEST_CASE("threads: no number is drawn twice") {
    const auto heap = std::make_unique<memory>();
    heap->format().value();
    const auto next = heap->make<std::uint32_t>(0u).value();
    constexpr std::uint32_t each = 20'000;
    std::array<std::vector<std::uint32_t>, threads> drawn;
    in_parallel([&, next](std::size_t id) {
        for (std::uint32_t i = 0; i < each; ++i) {
            drawn[id].push_back((*next)++);
        }
    });
    std::vector<std::uint32_t> all;
    for (const auto& part : drawn) {
        all.insert(all.end(), part.begin(), part.end());
    }
    std::sort(all.begin(), all.end());
    CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
    CHECK(*next == threads * each);
}

TEST_CASE("threads: members through ->, of neighbours that straddle pages too") {
    struct triple {
        std::uint32_t a;
        std::uint32_t b;
        std::uint32_t c;
    };
    const auto heap = std::make_unique<memory>();
    heap->format().value();
    constexpr std::ptrdiff_t count = 1000; // 47 pages, 16 frames
    const auto p = heap->allocate<triple>(count).value();
    in_parallel([=](std::size_t id) {
        for (auto i = static_cast<std::ptrdiff_t>(id); i < count; i += threads) {
            p[i] = triple{};
        }
        for (std::uint32_t round = 1; round <= 5; ++round) {
            for (auto i = static_cast<std::ptrdiff_t>(id); i < count; i += threads) {
                const auto mine = p + i;
                mine->a += round;
                mine->b = mine->a + static_cast<std::uint32_t>(i);
                mine->c = mine->b - mine->a;
                // Two objects of one's own in one expression.
                mine->c += (p + static_cast<std::ptrdiff_t>(id))->c;
            }
        }
    });
    std::size_t wrong = 0;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        const triple found = p[i];
        const auto own = static_cast<std::uint32_t>(i);
        const auto first = static_cast<std::uint32_t>(i) % threads;
        // The first one of a thread added its own index to itself.
        wrong +=
            found.a == 15 && found.b == 15 + own && found.c == own + first * (own == first ? 1 : 2)
                ? 0u
                : 1u;
    }
    CHECK(wrong == 0);
    CHECK(heap->residency().unpinned_frames() == 16);
}

#if defined(__cpp_exceptions)
TEST_CASE("threads: faults of one of them do not keep the others out") {
    using faulting = vmem::heap<vmem::ram_storage<64 * 1024>, vmem::paged<256, 8>,
                                vmem::nonresident_linked_list_allocator, vmem::locking<std::mutex>,
                                vmem::on_fault<vmem::throw_on_fault>>;
    const auto heap = std::make_unique<faulting>();
    heap->format().value();
    const auto p = heap->allocate<int>(4000).value();
    std::fill(p, p + 4000, 0);
    std::atomic<int> caught = 0;
    in_parallel([&](std::size_t id) {
        for (int step = 0; step < 1000; ++step) {
            try {
                p[static_cast<std::ptrdiff_t>(id) * 1000 + step] += 1;
                p[step % 2 == 0 ? 100'000 : -100'000] += 1;
            } catch (const vmem::fault_error&) {
                ++caught;
            }
        }
    });
    CHECK(caught == 4000);
    CHECK(std::accumulate(p, p + 4000, 0) == 4000);
}
#endif

TEST_CASE("threads: two heaps of one composition, copied into each other from both sides") {
    const auto heap = std::make_unique<memory>();
    const auto twin = std::make_unique<other_memory>();
    heap->format().value();
    twin->format().value();
    constexpr std::size_t each = 3000;
    const auto a = heap->allocate<char>(threads * each).value();
    const auto b = twin->allocate<char>(threads * each).value();
    in_parallel([&](std::size_t id) {
        const auto from = a + static_cast<std::ptrdiff_t>(id * each);
        const auto to = b + static_cast<std::ptrdiff_t>(id * each);
        vmem::memset(from, 'a' + static_cast<int>(id), each);
        for (int round = 0; round < 20; ++round) {
            // Neither direction waits for a lock while it holds the other heap's.
            if (id % 2 == 0) {
                vmem::memcpy(to, from, each);
                vmem::memcpy(from, to, each);
            } else {
                vmem::memcpy(to, from, each);
            }
        }
    });
    CHECK(vmem::memcmp(a, b, threads * each) == 0);
    for (std::size_t id = 0; id < threads; ++id) {
        CHECK(b[static_cast<std::ptrdiff_t>(id * each)] == static_cast<char>('a' + id));
        CHECK(b[static_cast<std::ptrdiff_t>((id + 1) * each - 1)] == static_cast<char>('a' + id));
    }
}
