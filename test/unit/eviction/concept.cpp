// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/concept.hpp>

#include <vmem/eviction/arc.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/clock_bits.hpp>
#include <vmem/eviction/fifo.hpp>
#include <vmem/eviction/lirs.hpp>
#include <vmem/eviction/lru.hpp>
#include <vmem/eviction/priority.hpp>
#include <vmem/eviction/random.hpp>
#include <vmem/eviction/s3_fifo.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/eviction/tiny_lfu.hpp>
#include <vmem/eviction/two_queue.hpp>
#include <vmem/residency/frame_table.hpp>
#include <vmem/residency/translation.hpp>

#include "contract/eviction_contract.hpp"
#include "support/cache_simulation.hpp"
#include "support/keyed_simulation.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <string_view>

namespace {

using vmem::contract::broken_eviction_rule;

template <std::size_t Slots>
struct without_default_constructor : vmem::fifo<Slots> {
    explicit without_default_constructor(int) {}
};
template <std::size_t Slots>
struct may_throw_on_insert : vmem::fifo<Slots> {
    void on_insert(std::size_t) {}
};
template <std::size_t Slots>
struct may_throw_on_access : vmem::fifo<Slots> {
    void on_access(std::size_t) {}
};
template <std::size_t Slots>
struct returns_from_on_remove : vmem::fifo<Slots> {
    bool on_remove(std::size_t) noexcept { return true; }
};
template <std::size_t Slots>
struct victim_takes_nothing : vmem::fifo<Slots> {
    std::size_t victim() noexcept { return 0; }
};
template <std::size_t Slots>
struct may_throw_on_insert_with_key : vmem::fifo<Slots> {
    using vmem::fifo<Slots>::on_insert;
    void on_insert(std::size_t slot, vmem::address) { vmem::fifo<Slots>::on_insert(slot); }
};
template <std::size_t Slots>
using clock_of_two_bits = vmem::clock_bits<2>::policy<Slots>;

static_assert(vmem::eviction_policy<vmem::eviction_archetype<1>>);
static_assert(!vmem::remembers_keys<vmem::eviction_archetype<1>>);
static_assert(!vmem::remembers_keys<may_throw_on_insert_with_key<4>>);
static_assert(vmem::remembers_keys<vmem::lirs<4>>);
static_assert(!vmem::remembers_keys<vmem::clock<4>>);
static_assert(vmem::eviction_policy<vmem::sieve<1>>);
static_assert(!vmem::eviction_policy<int>);
static_assert(!vmem::eviction_policy<without_default_constructor<4>>);
static_assert(!vmem::eviction_policy<may_throw_on_insert<4>>);
static_assert(!vmem::eviction_policy<may_throw_on_access<4>>);
static_assert(!vmem::eviction_policy<returns_from_on_remove<4>>);
static_assert(!vmem::eviction_policy<victim_takes_nothing<4>>);

/// Every policy does all that it does at compile time too.
template <template <std::size_t> class Policy>
constexpr bool works_at_compile_time() {
    Policy<3> policy;
    policy.on_insert(0);
    policy.on_insert(2);
    policy.on_access(0);
    const bool found = policy.victim([](std::size_t slot) { return slot == 2; }) == 2;
    policy.on_remove(2);
    policy.on_remove(0);
    return found && policy.victim([](std::size_t) { return true; }) == 3;
}
static_assert(works_at_compile_time<vmem::fifo>());
static_assert(works_at_compile_time<vmem::lru>());
static_assert(works_at_compile_time<vmem::clock>());
static_assert(works_at_compile_time<vmem::sieve>());
static_assert(works_at_compile_time<vmem::random_eviction>());
static_assert(works_at_compile_time<clock_of_two_bits>());
static_assert(works_at_compile_time<vmem::priority>());
static_assert(works_at_compile_time<vmem::s3_fifo>());
static_assert(works_at_compile_time<vmem::two_queue>());
static_assert(works_at_compile_time<vmem::arc>());
static_assert(works_at_compile_time<vmem::lirs>());
static_assert(works_at_compile_time<vmem::tiny_lfu>());

/// Knows the key of the last insertion.
struct last_key {
    vmem::address key = 0;
    void on_insert(std::size_t) noexcept {}
    void on_insert(std::size_t, vmem::address told) noexcept { key = told; }
};
struct no_key {
    std::size_t slot = 0;
    void on_insert(std::size_t told) noexcept { slot = told; }
};

TEST_CASE("eviction: a key is told to who wants to know it") {
    last_key keyed;
    vmem::insert_with_key(keyed, 3, 70'000);
    CHECK(keyed.key == 70'000);
    no_key plain;
    vmem::insert_with_key(plain, 3, 70'000);
    CHECK(plain.slot == 3);
}

std::array<vmem::address, 4> key_in_slot{};

template <std::size_t Slots>
struct reports_keys : vmem::fifo<Slots> {
    using vmem::fifo<Slots>::on_insert;
    void on_insert(std::size_t slot, vmem::address key) noexcept {
        vmem::fifo<Slots>::on_insert(slot);
        key_in_slot[slot] = key;
    }
};

TEST_CASE("eviction: pages are called by their number") {
    vmem::frame_table<std::uint32_t, 64, 4, reports_keys, vmem::page_map> frames;
    frames.insert(1, 0);
    frames.insert(100'000, 1);
    CHECK(key_in_slot[0] == 1);
    CHECK(key_in_slot[1] == 100'000);
}

// The contract is a test, and must be able to fail: each of these breaks it in another way.

template <std::size_t Slots>
struct names_empty_slots : vmem::fifo<Slots> {
    template <class Evictable>
    std::size_t victim(Evictable) noexcept {
        return 0;
    }
};

template <std::size_t Slots>
struct ignores_pins : vmem::fifo<Slots> {
    template <class Evictable>
    std::size_t victim(Evictable) noexcept {
        return vmem::fifo<Slots>::victim([](std::size_t) { return true; });
    }
};

template <std::size_t Slots>
struct names_refused_slots : vmem::fifo<Slots> {
    template <class Evictable>
    std::size_t victim(Evictable evictable) noexcept {
        std::size_t refused = Slots;
        const std::size_t found = vmem::fifo<Slots>::victim([&](std::size_t slot) {
            const bool accepted = evictable(slot);
            refused = accepted ? refused : slot;
            return accepted;
        });
        return found != Slots && refused != Slots ? refused : found;
    }
};

template <std::size_t Slots>
struct looks_only_at_the_oldest : vmem::fifo<Slots> {
    template <class Evictable>
    std::size_t victim(Evictable evictable) noexcept {
        const std::size_t oldest = vmem::fifo<Slots>::victim([](std::size_t) { return true; });
        return oldest != Slots && evictable(oldest) ? oldest : Slots;
    }
};

template <std::size_t Slots>
struct asks_of_empty_slots : vmem::fifo<Slots> {
    template <class Evictable>
    std::size_t victim(Evictable evictable) noexcept {
        for (std::size_t slot = 0; slot < Slots; ++slot) {
            static_cast<void>(evictable(slot));
        }
        return vmem::fifo<Slots>::victim(evictable);
    }
};

template <std::size_t Slots>
struct never_ends : vmem::fifo<Slots> {
    template <class Evictable>
    std::size_t victim(Evictable evictable) noexcept {
        std::size_t slot = Slots;
        const bool any_held = vmem::fifo<Slots>::victim([](std::size_t) { return true; }) != Slots;
        while (any_held && slot == Slots) {
            slot = vmem::fifo<Slots>::victim(evictable);
        }
        return slot;
    }
};

std::size_t shared_by_all_copies = 0;

template <std::size_t Slots>
struct shares_state : vmem::fifo<Slots> {
    template <class Evictable>
    std::size_t victim(Evictable evictable) noexcept {
        const bool reversed = ++shared_by_all_copies % 3 == 0;
        std::size_t last = Slots;
        const std::size_t first = vmem::fifo<Slots>::victim([&](std::size_t slot) {
            last = evictable(slot) ? slot : last;
            return last == slot && !reversed;
        });
        return reversed ? last : first;
    }
};

template <std::size_t Slots>
struct forgets_a_removal : vmem::lru<Slots> {
    void on_remove(std::size_t slot) noexcept {
        if (slot + 1 != Slots) {
            vmem::lru<Slots>::on_remove(slot);
        }
    }
};

/// Whether the contract refuses `Policy` at most sizes, each time with a sentence that contains
/// `words`.
template <template <std::size_t> class Policy>
bool refused(std::string_view words) {
    for (const char* rule :
         {broken_eviction_rule<Policy, 2>(), broken_eviction_rule<Policy, 3>(),
          broken_eviction_rule<Policy, 16>(), broken_eviction_rule<Policy, 257>()}) {
        if (rule == nullptr || std::string_view(rule).find(words) == std::string_view::npos) {
            MESSAGE(std::string(rule == nullptr ? "not refused" : rule));
            return false;
        }
    }
    return true;
}

TEST_CASE("eviction contract: refuses what breaks it, and says why") {
    CHECK(refused<names_empty_slots>("must return Slots if no held slot"));
    CHECK(refused<ignores_pins>("must return Slots if no held slot"));
    CHECK(refused<names_refused_slots>("must name an evictable slot"));
    CHECK(refused<looks_only_at_the_oldest>("must find a slot"));
    CHECK(refused<asks_of_empty_slots>("that is not held"));
    CHECK(refused<never_ends>("a constant number of times"));
    CHECK(refused<shares_state>("a copy must behave"));
    CHECK(refused<forgets_a_removal>("victim must"));
}

TEST_CASE("eviction contract: accepts every policy at every seed") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        CAPTURE(seed);
        CHECK(broken_eviction_rule<vmem::fifo, 5>({.seed = seed}) == nullptr);
        CHECK(broken_eviction_rule<vmem::lru, 5>({.seed = seed}) == nullptr);
        CHECK(broken_eviction_rule<vmem::clock, 5>({.seed = seed}) == nullptr);
        CHECK(broken_eviction_rule<vmem::sieve, 5>({.seed = seed}) == nullptr);
        CHECK(broken_eviction_rule<vmem::random_eviction, 5>({.seed = seed}) == nullptr);
        CHECK(broken_eviction_rule<clock_of_two_bits, 5>({.seed = seed}) == nullptr);
        CHECK(broken_eviction_rule<vmem::priority, 5>({.seed = seed}) == nullptr);
        CHECK(broken_eviction_rule<vmem::s3_fifo, 5>({.seed = seed, .calls_per_slot = 5}) ==
              nullptr);
        CHECK(broken_eviction_rule<vmem::two_queue, 5>({.seed = seed}) == nullptr);
        CHECK(broken_eviction_rule<vmem::arc, 5>({.seed = seed}) == nullptr);
        CHECK(broken_eviction_rule<vmem::lirs, 5>({.seed = seed}) == nullptr);
        CHECK(broken_eviction_rule<vmem::tiny_lfu, 5>({.seed = seed}) == nullptr);
    }
}

/// Page-ins per access of `c[i] = a[i] + b[i]` over three arrays of 8 pages with 128 elements each,
/// on average over 100 such loops. Before each, 2000 requests for other pages, zipf 1.0, have put
/// the policy into an ordinary state.
template <template <std::size_t> class Policy>
double misses_of_a_vector_sum() {
    constexpr std::uint32_t others = 1024;
    Policy<16> policy;
    vmem::test::keyed_simulation cache(policy, 16);
    vmem::test::zipf draw(others);
    std::size_t misses = 0;
    std::size_t accesses = 0;
    for (std::uint32_t loop = 0; loop < 100; ++loop) {
        for (int i = 0; i < 2000; ++i) {
            cache.request(draw());
        }
        for (std::uint32_t i = 0; i < 8U * 128U; ++i) {
            for (std::uint32_t array = 0; array < 3; ++array) {
                const std::uint32_t page = others + (loop * 3 + array) * 8 + i / 128;
                misses += cache.request(page).miss ? 1U : 0U;
                ++accesses;
            }
        }
    }
    return static_cast<double>(misses) / static_cast<double>(accesses);
}

/// What a policy becomes in a heap that counts the access which brings a page in as a use of it.
template <template <std::size_t> class Policy>
struct used_on_insert {
    template <std::size_t Slots>
    struct policy : Policy<Slots> {
        void on_insert(std::size_t slot) noexcept {
            Policy<Slots>::on_insert(slot);
            Policy<Slots>::on_access(slot);
        }
    };
};

TEST_CASE("eviction: a loop over three arrays brings each page in about once") {
    // 1/128 is each page once.
    CHECK(misses_of_a_vector_sum<vmem::fifo>() < 1.1 / 128);
    CHECK(misses_of_a_vector_sum<vmem::lru>() < 1.1 / 128);
    CHECK(misses_of_a_vector_sum<vmem::clock>() < 1.1 / 128);
    CHECK(misses_of_a_vector_sum<vmem::random_eviction>() < 1.5 / 128);
    // Not `sieve`: see docs/eviction/sieve.md.
    CHECK(misses_of_a_vector_sum<used_on_insert<vmem::sieve>::policy>() < 1.1 / 128);
}

// The figures of docs/eviction/: the unit test program, with the arguments
// --no-skip --test-case="eviction: table of miss ratios"

template <template <std::size_t> class Policy>
void print_row(const char* name) {
    using vmem::test::keyed_misses;
    using vmem::test::ratio;
    const auto zipf = vmem::test::zipf_1024();
    const std::array<double, 3> skewed{ratio(keyed_misses<Policy<16>>(zipf, 16), zipf),
                                       ratio(keyed_misses<Policy<64>>(zipf, 64), zipf),
                                       ratio(keyed_misses<Policy<256>>(zipf, 256), zipf)};
    const auto loop = vmem::test::loop_200();
    const auto mixed = vmem::test::mixed_trace();
    std::printf("%-24s %.3f %.3f %.3f  %.3f  %.3f  %.3f\n", name, skewed[0], skewed[1], skewed[2],
                ratio(keyed_misses<Policy<128>>(loop, 128), loop),
                ratio(keyed_misses<Policy<64>>(mixed, 64), mixed),
                misses_of_a_vector_sum<Policy>());
    CHECK(skewed[2] < skewed[1]);
    CHECK(skewed[1] < skewed[0]);
}

TEST_CASE("eviction: table of miss ratios") {
    std::printf("%-24s zipf 16,   64,  256   loop   mixed  sum\n", "");
    print_row<vmem::fifo>("fifo");
    print_row<vmem::lru>("lru");
    print_row<vmem::clock>("clock");
    print_row<vmem::sieve>("sieve");
    print_row<vmem::random_eviction>("random_eviction");
    print_row<clock_of_two_bits>("clock_bits<2>");
    print_row<vmem::priority>("priority");
    print_row<vmem::s3_fifo>("s3_fifo");
    print_row<vmem::two_queue>("two_queue");
    print_row<vmem::arc>("arc");
    print_row<vmem::lirs>("lirs");
    print_row<vmem::tiny_lfu>("tiny_lfu");
    print_row<used_on_insert<vmem::clock>::policy>("clock, used on insert");
    print_row<used_on_insert<vmem::sieve>::policy>("sieve, used on insert");
}

} // namespace
