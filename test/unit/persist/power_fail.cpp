// SPDX-License-Identifier: BSL-1.0
// A power-fail interrupt between any two instructions: everything is persisted, RAM is lost, all is
// restored, and the program goes on as if nothing had happened.

#include "support/random_test.hpp"
#include "support/single_step.hpp"
#include "support/test_heap.hpp"

#include <vmem/allocator/nonresident_block_allocator.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/container/queue.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/lru.hpp>
#include <vmem/heap.hpp>
#include <vmem/persist/persist_all.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/unique_vptr.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <doctest/doctest.h>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <sys/time.h>

namespace {

using namespace vmem;
using test::single_step;

/// What a power cut and the return of power do to a heap.
template <class Heap>
void lose_and_restore(Heap& heap, const result<void>& persisted, bool& good) {
    good = good && persisted.has_value();
    heap.residency().lose_ram();
    good = good && heap.restore().has_value();
}

struct interruptions {
    std::uint64_t direct = 0;
    std::uint64_t put_off = 0;
    bool good = true;
    bool asked = false;
    bool stepping = false;
};
inline interruptions seen;

template <class Tag>
struct back_again;

template <std::size_t Arena, std::size_t Objects, std::size_t Limit,
          template <std::size_t> class Eviction, class Allocator>
using memory = heap<counted<ram_storage<1 << 14>>,
                    resident_objects<Arena, Objects, tlsf_allocator<>, Eviction>, Allocator,
                    dirty_limit<Limit>, on_fault<test::escape>,
                    on_persisted<back_again<std::integral_constant<std::size_t, Objects>>>>;

using small = memory<1024, 8, 256, sieve, nonresident_buddy_allocator<>>;
using larger = memory<4096, 20, 1000, vmem::clock, nonresident_buddy_allocator<16, 0>>;
using blocks = memory<2048, 12, 100'000, lru, nonresident_block_allocator<64>>;

template <std::size_t Objects>
struct back_again<std::integral_constant<std::size_t, Objects>> {
    void operator()(const result<void>& persisted) const {
        using heap_type = std::conditional_t<Objects == 8, small,
                                             std::conditional_t<Objects == 20, larger, blocks>>;
        lose_and_restore(heap_type::current(), persisted, seen.good);
        if (seen.asked) {
            seen.asked = false;
            ++seen.put_off;
            if (seen.stepping) {
                single_step::start();
            }
        } else {
            ++seen.direct;
        }
    }
};

/// Between two instructions. In a critical section one in 64 asks for a persist; the rest of the
/// section then runs undisturbed.
template <class Heap>
single_step::next interrupt() {
    Heap& heap = Heap::current();
    static std::minstd_rand random;
    if (heap.is_busy()) {
        if (seen.asked || random() % 64 != 0) {
            return single_step::next::go_on;
        }
        seen.asked = true;
        seen.good = seen.good && heap.persist().has_value();
        return single_step::next::run_free;
    }
    seen.good = seen.good && heap.persist().has_value();
    return single_step::next::go_on;
}

/// Runs `f`, interrupted after each instruction.
template <class F>
[[gnu::noinline]] auto stepped(F f) {
    seen.stepping = true;
    single_step::start();
    auto outcome = f();
    single_step::stop();
    seen.stepping = false;
    return outcome;
}

template <class Heap>
class program {
public:
    explicit program(std::uint64_t seed) : heap_(std::make_unique<Heap>()), random_(seed) {
        heap_->format().value();
        queue_ = queue<item, Heap>::make(7).value();
    }

    template <class Run>
    void step(Run run) {
        const std::size_t i = random_() % objects_.size();
        if (random_() % 8 == 0) {
            step_queue(run);
            return;
        }
        if (!objects_[i]) {
            const std::size_t size = 1 + random_() % largest;
            auto made = run([&] { return heap_->template make_unique<std::uint8_t[]>(size); });
            if (made) {
                objects_[i] = std::move(*made);
                expected_[i].assign(size, 0);
            }
            return;
        }
        auto& object = objects_[i];
        auto& expected = expected_[i];
        const std::size_t at = random_() % expected.size();
        const auto value = static_cast<std::uint8_t>(random_());
        const auto plain = object.address() + static_cast<std::ptrdiff_t>(at);
        switch (random_() % 9) {
        case 0:
            good_ = good_ && run([&] { return object.reset(); });
            break;
        case 1:
            good_ = good_ && run([&] { return object.unload(); });
            break;
        case 2:
            good_ = good_ && run([&] { return heap_->flush(); });
            break;
        case 3:
            run([&] { return *plain = value, 0; });
            expected[at] = value;
            break;
        case 4:
            good_ = good_ && run([&] { return *plain == expected[at]; });
            break;
        case 5:
            good_ = good_ && run([&] { return write_all(object, expected, value); });
            break;
        case 6:
            good_ = good_ && run([&] { return object.get(at); }).value() == expected[at];
            break;
        default:
            good_ = good_ && run([&] { return object.set(at, value); });
            expected[at] = value;
        }
        verify(i);
    }
    /// Its ring is in blocks, which come and go as objects do.
    template <class Run>
    void step_queue(Run run) {
        if (!queue_.full() && random_() % 2 == 0) {
            const item fresh{static_cast<std::uint8_t>(random_()), 1, 2};
            good_ = good_ && run([&] { return queue_.push(fresh); });
            queued_.push_back(fresh);
        } else if (!queued_.empty()) {
            good_ = good_ && run([&] { return queue_.pop(); }).value() == queued_.front();
            queued_.pop_front();
        }
    }
    void verify(std::size_t i) {
        const auto held = objects_[i].read();
        good_ = good_ && (!objects_[i] || (held && std::ranges::equal(*held, expected_[i])));
        good_ = good_ && heap_->dirty_bytes() <= Heap::residency_type::dirty_limit;
    }
    void finish() {
        for (std::size_t i = 0; i < objects_.size(); ++i) {
            verify(i);
            objects_[i] = nullptr;
        }
        for (const item& expected : queued_) {
            good_ = good_ && queue_.pop().value() == expected;
        }
        queue_ = {};
        good_ = good_ && heap_->dirty_bytes() == 0 && heap_->allocation().value().blocks == 0 &&
                heap_->invariants_hold().value();
    }
    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] Heap& heap() { return *heap_; }

private:
    static constexpr std::size_t largest = 60;
    using object_type = unique_vptr<std::uint8_t[], Heap>;
    using item = std::array<std::uint8_t, 9>;

    /// Through a pin, which stays where it is.
    static bool write_all(object_type& object, std::vector<std::uint8_t>& expected,
                          std::uint8_t value) {
        const auto held = object.write();
        if (!held) {
            return held.error() == errc::over_dirty_limit;
        }
        const std::uint8_t* const where = held->data();
        for (std::size_t i = 0; i < held->size(); ++i) {
            (*held)[i] = expected[i] = static_cast<std::uint8_t>(value + i);
        }
        return held->data() == where && std::ranges::equal(*held, expected);
    }

    std::unique_ptr<Heap> heap_;
    std::mt19937_64 random_;
    queue<item, Heap> queue_;
    std::deque<item> queued_;
    std::array<object_type, 24> objects_;
    std::array<std::vector<std::uint8_t>, 24> expected_;
    bool good_ = true;
};

template <class Heap>
void step_through(std::uint64_t interruptions_wanted) {
    if (!single_step::available) {
        return;
    }
    const std::uint64_t seed = test::random_seed();
    CAPTURE(seed);
    program<Heap> run(seed);
    seen = {};
    {
        const single_step stepper(&interrupt<Heap>);
        while (run.good() && seen.good && seen.direct + seen.put_off < interruptions_wanted) {
            run.step([](auto f) { return stepped(f); });
        }
    }
    run.finish();
    CHECK(run.good());
    CHECK(seen.good);
    CHECK(seen.direct > 0);
    CHECK(seen.put_off > 0);
}

TEST_CASE("power fail: an interrupt between any two instructions") {
    step_through<small>(test::random_operations(60'000));
    step_through<larger>(test::random_operations(30'000));
    step_through<blocks>(test::random_operations(30'000));
}

/// A signal that comes when it likes.
void alarm(int) {
    if (!seen.asked) {
        seen.asked = small::current().is_busy();
        seen.good = seen.good && small::current().persist().has_value();
    }
}

TEST_CASE("power fail: a signal at any time") {
    const std::uint64_t seed = test::random_seed();
    CAPTURE(seed);
    program<small> run(seed);
    seen = {};
    struct sigaction action{};
    struct sigaction before{};
    action.sa_handler = alarm;
    sigaction(SIGALRM, &action, &before);
    itimerval every{};
    every.it_interval.tv_usec = every.it_value.tv_usec = 100;
    setitimer(ITIMER_REAL, &every, nullptr);
    const auto ask = [](auto f) { return f(); };
    for (int n = 0; n < 1000 || (run.good() && seen.direct + seen.put_off < 300); ++n) {
        run.step(ask);
    }
    every = {};
    setitimer(ITIMER_REAL, &every, nullptr);
    sigaction(SIGALRM, &before, nullptr);
    run.finish();
    CHECK(run.good());
    CHECK(seen.good);
}

} // namespace
