// SPDX-License-Identifier: BSL-1.0
#include <vmem/policies.hpp>
#include <vmem/ranges.hpp>

#include "support/test_heap.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <memory>
#include <mutex>
#include <numeric>
#include <span>
#include <string>
#include <sys/wait.h>
#include <type_traits>
#include <unistd.h>
#include <utility>

namespace {

using vmem::errc;
using vmem::message;
using vmem::vptr;
using vmem::test::error_of;
using vmem::test::fault_of;
using vmem::test::ready;

template <class... Policies>
using with = vmem::heap<vmem::ram_storage<8192>, vmem::paged<64, 3>,
                        vmem::nonresident_linked_list_allocator, Policies...>;

// --- found by kind, in any order
// --------------------------------------------------------------------

struct tag_a;
struct tag_b;

static_assert(!std::is_same_v<with<vmem::instance<tag_a>>, with<vmem::instance<tag_b>>>);
static_assert(std::is_same_v<with<>::address_type, std::uint32_t>);
static_assert(std::is_same_v<with<vmem::address_bits<16>>::address_type, std::uint16_t>);
static_assert(std::is_same_v<with<vmem::address_bits<64>>::address_type, std::uint64_t>);
static_assert(
    std::is_same_v<with<vmem::instance<tag_a>, vmem::statistics<true>, vmem::address_bits<16>,
                        vmem::on_fault<vmem::trap_on_fault>>::address_type,
                   std::uint16_t>);

template <class Heap>
concept counts = requires(Heap& heap) {
    heap.residency().statistics();
    heap.residency().reset_statistics();
};
static_assert(counts<with<vmem::statistics<true>>>);
static_assert(counts<with<vmem::address_bits<16>, vmem::instance<tag_a>, vmem::statistics<true>>>);
static_assert(!counts<with<>> && !counts<with<vmem::statistics<false>>>);

static_assert(sizeof(with<vmem::locking<vmem::no_lock>>) == sizeof(with<>));
static_assert(std::is_empty_v<vmem::no_lock> && vmem::lockable<vmem::no_lock>);
static_assert(vmem::lockable<std::mutex> && !vmem::lockable<int>);

// --- noexcept
// ---------------------------------------------------------------------------------------

struct quiet_mutex {
    void lock() noexcept {}
    void unlock() noexcept {}
};
struct noisy {
    void operator()(vmem::fault_info) const {}
};

static_assert(with<>::nothrow_access);
static_assert(with<vmem::locking<quiet_mutex>>::nothrow_access);
static_assert(!with<vmem::locking<std::mutex>>::nothrow_access, "its lock() may throw");
static_assert(!with<vmem::on_fault<noisy>>::nothrow_access);

template <class Heap>
inline constexpr bool quiet = [] {
    using p = vptr<std::array<int, 2>, Heap>;
    using q = vptr<int, Heap>;
    return noexcept((*std::declval<p>()).get()) && noexcept(std::declval<p>()->size()) &&
           noexcept(*std::declval<q>() = 1) && noexcept(*std::declval<q>() = *std::declval<q>());
}();
static_assert(quiet<with<>>);
static_assert(!quiet<with<vmem::on_fault<noisy>>>);
static_assert(!quiet<with<vmem::locking<std::mutex>>>);

// --- faults
// -----------------------------------------------------------------------------------------

struct recording {
    [[noreturn]] void operator()(vmem::fault_info fault) const {
        last = fault;
        vmem::test::escape{}(fault);
    }
    inline static vmem::fault_info last{};
};

TEST_CASE("policies: the fault handler is told what happened, and where") {
    ready<with<vmem::on_fault<recording>>> heap;
    using pointer = vptr<int, with<vmem::on_fault<recording>>>;
    CHECK(fault_of([] { *pointer::from_address(4) = 1; }) == message(errc::null_pointer));
    CHECK(recording::last.code == errc::null_pointer);
    CHECK(recording::last.where == 4);
    CHECK(fault_of([] { *pointer::from_address(1'000'000) = 1; }) == message(errc::out_of_range));
    CHECK(recording::last.where == 1'000'000);
}

/// Whether `f` ends the process it runs in, without reaching its end.
template <class F>
[[nodiscard]] bool stops_the_program(F f) {
    const pid_t child = fork();
    if (child == 0) {
        // Neither the test program nor a sanitizer is to report it.
        for (const int signal : {SIGILL, SIGTRAP, SIGABRT, SIGSEGV}) {
            std::signal(signal, SIG_DFL);
        }
        f();
        _exit(0);
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_CASE("policies: by default a fault stops the program; so it does if the handler returns") {
    CHECK_FALSE(stops_the_program([] {}));
    CHECK(stops_the_program([] { *vptr<int, with<>>::from_address(64) = 1; }));
    {
        ready<with<>> heap;
        const auto p = heap.make<int>(1).value();
        CHECK_FALSE(stops_the_program([&] { *p = 2; }));
        CHECK(*p == 1);
        CHECK(stops_the_program([] { *vptr<int, with<>>() = 1; }));
        CHECK(stops_the_program([&] { const auto another = std::make_unique<with<>>(); }));
    }
    using returning = with<vmem::on_fault<noisy>>;
    ready<returning> heap;
    CHECK(stops_the_program([] { *vptr<int, returning>() = 1; }));
}

// --- instances
// --------------------------------------------------------------------------------------

TEST_CASE("policies: heaps of one composition side by side") {
    using first = with<vmem::instance<tag_a>>;
    using second = with<vmem::instance<tag_b>>;
    ready<first> a;
    ready<second> b;
    const auto p = a.make<int>(1).value();
    const auto q = b.make<int>(2).value();
    CHECK(p.to_address() == q.to_address());
    CHECK(*p == 1);
    CHECK(*q == 2);
    *p = *q;
    *q += *p + 1;
    CHECK(*p == 2);
    CHECK(*q == 5);
    CHECK(&first::current() == &a);
    CHECK(&second::current() == &b);
    b.deallocate(q).value();
    CHECK(a.allocation().value().blocks == 1);
}

// --- locking
// ----------------------------------------------------------------------------------------

/// Not recursive, and knows it.
struct strict_mutex {
    void lock() {
        CHECK_FALSE(held);
        held = true;
        ++times;
    }
    void unlock() {
        CHECK(held);
        held = false;
    }
    inline static bool held = false;
    inline static int times = 0;
};
using locked = with<vmem::locking<strict_mutex>, vmem::on_fault<vmem::test::escape>>;

/// Whose own code must never run while the mutex is held, for it may use the heap.
struct suspicious {
    explicit suspicious(int v) : value(v) { look(); }
    suspicious(const suspicious& from) : value(from.value) { look(); }
    suspicious& operator=(const suspicious& from) {
        value = from.value;
        look();
        return *this;
    }
    ~suspicious() { look(); }
    suspicious& operator+=(const suspicious& by) {
        value += by.value;
        look();
        return *this;
    }
    [[nodiscard]] friend bool operator==(const suspicious& a, const suspicious& b) {
        look();
        return a.value == b.value;
    }
    operator int() const {
        look();
        return value;
    }
    static void look() { CHECK_FALSE(strict_mutex::held); }

    int value;
};
struct large_suspicious : suspicious {
    using suspicious::suspicious;
    std::array<int, 40> rest{};
};

} // namespace

template <>
inline constexpr bool vmem::enable_storable<suspicious> = true;
template <>
inline constexpr bool vmem::enable_storable<large_suspicious> = true;

namespace {

/// Whether `f` took the mutex, and left it free.
template <class F>
[[nodiscard]] bool guarded(F f) {
    const int before = strict_mutex::times;
    f();
    return strict_mutex::times > before && !strict_mutex::held;
}

TEST_CASE("policies: locking guards every operation, once") {
    locked heap;
    CHECK(guarded([&] { heap.format().value(); }));
    vptr<int, locked> p;
    CHECK(guarded([&] { p = heap.allocate<int>(100).value(); }));
    int value = 0;
    const auto straddling =
        vptr<std::array<int, 3>, locked>::from_address((p.to_address() + 64) / 64 * 64 + 56);
    for (int round = 0; round < 2; ++round) {
        CHECK(guarded([&] { *p = 1; }));
        CHECK(guarded([&] { value = *p; }));
        CHECK(guarded([&] { *p += 1; }));
        CHECK(guarded([&] { p[1] = *p; }));
        CHECK(guarded([&] { ++p[2]; }));
        CHECK(guarded([&] { swap(p[0], p[99]); }));
        CHECK(guarded([&] { value = p[0] < p[99] ? 1 : 2; }));
        CHECK(guarded([&] { straddling->at(1) = straddling->at(2); }));
        CHECK(guarded([&] { value = (*straddling).get()[0]; }));
        CHECK(guarded([&] { const auto held = p.write(10).value(); }));
        CHECK(guarded([&] { std::iota(p, p + 100, 0); }));
        CHECK(guarded([&] { std::ranges::sort(p, p + 100, std::ranges::greater{}); }));
        CHECK(guarded([&] {
            for (const std::span<int> chunk : vmem::chunks(p, 100)) {
                value += chunk.front();
            }
        }));
        CHECK(guarded([&] { heap.flush().value(); }));
        CHECK(guarded([&] { heap.invariants_hold().value(); }));
        CHECK(guarded([&] { heap.allocation().value(); }));
        CHECK(guarded([&] { heap.largest_free().value(); }));
        std::array<std::byte, 200> bytes{};
        CHECK(guarded([&] { heap.read(p.to_address(), bytes).value(); }));
        CHECK(guarded([&] { heap.write(p.to_address(), bytes).value(); }));
        CHECK(guarded([&] { heap.open().value(); }));
    }
    CHECK(guarded([&] { heap.deallocate(p).value(); }));
    CHECK(guarded([&] { CHECK_FALSE(heap.deallocate(p).has_value()); }));
}

TEST_CASE("policies: code of the user's runs without the lock") {
    locked heap;
    heap.format().value();
    const auto p = heap.make<suspicious>(1).value();
    const auto q = heap.make<suspicious>(2).value();
    const auto number = heap.make<int>(5).value();
    heap.flush().value();
    for (int round = 0; round < 2; ++round) {
        *p = *q;
        *p += *q;
        *p += suspicious(1);
        *number += suspicious(1);
        *number += *q;
        CHECK((*p).get().value == 5);
        CHECK(*p == suspicious(5));
        CHECK(p->value == 5);
        swap(*p, *q);
        swap(*p, *q);
        heap.open().value(); // Nothing is resident now.
    }
    const auto large = heap.make<large_suspicious>(4).value();
    *large = large_suspicious(5);
    CHECK((*large).get().value == 5);
    heap.destroy(large).value();
    heap.destroy(p).value();
    heap.destroy(q).value();
}

#if defined(__cpp_exceptions)
TEST_CASE("policies: a fault under locking leaves the mutex free") {
    locked heap;
    heap.format().value();
    const auto p = heap.allocate<int>(100).value();
    const vptr<int, locked> null;
    const auto end = vptr<int, locked>::from_address(heap.size());
    int value = 0;
    for (const auto& bad : {null, end}) {
        CHECK(fault_of([&] { value = *bad; }) != "none");
        CHECK_FALSE(strict_mutex::held);
        CHECK(fault_of([&] { *bad = 1; }) != "none");
        CHECK_FALSE(strict_mutex::held);
        CHECK(fault_of([&] { *bad += 1; }) != "none");
        CHECK_FALSE(strict_mutex::held);
        CHECK(fault_of([&] { (*bad)++; }) != "none");
        CHECK_FALSE(strict_mutex::held);
        CHECK(fault_of([&] { vmem::reinterpret_pointer_cast<std::array<int, 2>>(bad)->at(0); }) !=
              "none");
        CHECK_FALSE(strict_mutex::held);
        CHECK(fault_of([&] { std::sort(bad, bad + 5); }) != "none");
        CHECK_FALSE(strict_mutex::held);
    }
    *p = 3;
    CHECK(*p == 3);
    CHECK(value == 0);
}

TEST_CASE("policies: a fault under std::mutex") {
    with<vmem::locking<std::mutex>, vmem::on_fault<vmem::test::escape>> heap;
    heap.format().value();
    const auto p = heap.make<int>(1).value();
    for (int round = 0; round < 3; ++round) {
        CHECK(fault_of([&] { p[10'000] += 1; }) == message(errc::out_of_range));
        *p += 1;
    }
    CHECK(*p == 4);
}
#endif

} // namespace
