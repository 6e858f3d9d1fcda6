// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_CONTRACT_RAM_ALLOCATOR_CONTRACT_HPP
#define VMEM_TEST_CONTRACT_RAM_ALLOCATOR_CONTRACT_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/result.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

/// \file
/// The contract of RAM allocators, as a test that any of them can be put to:
///
///     TEST_CASE("my_allocator: contract") {
///         vmem::contract::check_ram_allocator_contract<my_allocator>();
///     }
namespace vmem::contract {

/// What the allocator promises beyond the concept, and how long it is tested.
struct ram_allocator_options {
    /// Another seed is another sequence of operations; a failure prints the one it used.
    std::uint64_t seed = std::mt19937_64::default_seed;
    /// Random operations.
    std::size_t operations = 20'000;
    /// Bytes of the arena.
    std::size_t arena = 64UL * 1024;
    /// Alignments up to it are granted (bytes).
    std::size_t largest_align = 4096;
    /// Whether an allocator that was built again by `allocate_at` answers as the first one does,
    /// although neither is sorted.
    bool goes_on_alike_when_rebuilt = false;
    /// Whether pointers into live blocks are refused.
    bool finds_inner_pointers = true;
    /// Whether a size is refused that ends within the live block, or within another one.
    bool finds_wrong_sizes = true;
    /// The most that a block of that size and alignment may take of the arena (bytes); null if that
    /// is not promised.
    std::size_t (*footprint)(std::size_t size, std::size_t align) = nullptr;
};

namespace detail {

struct broken_ram_allocator {
    /// Null if none is broken.
    const char* rule = nullptr;
    /// Where and how.
    std::string detail;
};

/// Bytes with guards around them, that start `offset` bytes behind a multiple of a power of two
/// that is not less than their number.
class guarded_arena {
public:
    guarded_arena(std::size_t size, std::size_t offset)
        : memory_(size + 2 * multiple_for(size), guard) {
        const auto address = reinterpret_cast<std::uintptr_t>(memory_.data() + guards);
        const std::size_t skipped = (0 - address) & (multiple_for(size) - 1);
        bytes_ = std::span(memory_).subspan(guards + skipped + offset, size);
    }
    guarded_arena(const guarded_arena&) = delete;
    guarded_arena& operator=(const guarded_arena&) = delete;

    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
    [[nodiscard]] bool guards_are_whole() const {
        const auto before = std::span(memory_.data(), bytes_.data());
        const auto after =
            std::span(bytes_.data() + bytes_.size(), memory_.data() + memory_.size());
        const auto is_guard = [](std::byte b) { return b == guard; };
        return std::ranges::all_of(before, is_guard) && std::ranges::all_of(after, is_guard);
    }

private:
    static constexpr std::byte guard{0xA5};
    static constexpr std::size_t guards = 64;
    [[nodiscard]] static std::size_t multiple_for(std::size_t size) {
        return std::bit_ceil((std::max)(size, std::size_t{1024}));
    }

    std::vector<std::byte> memory_;
    std::span<std::byte> bytes_;
};

/// Puts one allocator after the other to one part of the contract each. Stops at the first rule
/// that is broken.
template <class A>
class ram_allocator_check {
    static_assert((check_ram_allocator<A>(), true));

public:
    explicit ram_allocator_check(const ram_allocator_options& options)
        : options_(options), random_(options.seed) {}

    [[nodiscard]] broken_ram_allocator run() {
        check_small_arenas();
        for (const auto part :
             {&ram_allocator_check::check_fresh, &ram_allocator_check::check_requests,
              &ram_allocator_check::check_alignments, &ram_allocator_check::check_fill,
              &ram_allocator_check::check_misuse, &ram_allocator_check::check_reallocate,
              &ram_allocator_check::check_allocate_at, &ram_allocator_check::check_alike,
              &ram_allocator_check::check_rebuilt, &ram_allocator_check::check_random}) {
            const guarded_arena arena(options_.arena, 0);
            if (kept()) {
                A allocator(arena.bytes());
                live_.clear();
                (this->*part)(allocator, arena.bytes());
                expect(allocator.invariants_hold(), "invariants_hold must be true");
            }
            expect(arena.guards_are_whole(), "nothing beyond the arena may be written");
        }
        return broken_;
    }

private:
    struct block {
        std::byte* p;
        std::size_t size;
        std::size_t align;
        std::byte fill;
    };
    static constexpr std::size_t highest = (std::numeric_limits<std::size_t>::max)();
    static constexpr std::size_t top_bit = highest - highest / 2;

    // --- the parts ---

    void check_small_arenas() {
        for (std::size_t size = 0; size <= 700; size += size < 130 ? 1 : 57) {
            for (const std::size_t offset : {0U, 1U, 7U, 8U, 15U, 24U}) {
                const guarded_arena arena(size, offset);
                if (kept()) {
                    A allocator(arena.bytes());
                    live_.clear();
                    expect(allocator.stats().capacity <= size, "capacity must be within the arena",
                           size, offset);
                    expect(allocator.invariants_hold(), "invariants_hold must be true", size,
                           offset);
                    fill(allocator, [] { return 1 + default_alignment; });
                    free_all(allocator);
                    fill(allocator, [] { return std::size_t{1}; });
                    expect(refused(allocator.allocate(1), errc::out_of_memory),
                           "a full allocator must be out_of_memory", size, offset);
                    free_all(allocator);
                    std::byte outside{};
                    expect(refused(allocator.deallocate(&outside, 1, 1)),
                           "a foreign pointer must be refused", size, offset);
                }
                expect(arena.guards_are_whole(), "nothing beyond the arena may be written", size,
                       offset);
            }
        }
        check_small_arena(A(std::span<std::byte>()));
    }
    void check_small_arena(const A& allocator) {
        expect(allocator.largest_free() == 0 && allocator.invariants_hold(),
               "an arena of no bytes must be possible");
    }

    void check_fresh(A& allocator, std::span<std::byte> arena) {
        const allocator_stats fresh = allocator.stats();
        expect(fresh.in_use == 0 && fresh.peak == 0 && fresh.failures == 0,
               "in a fresh allocator, nothing is in use and nothing has failed");
        expect(fresh.largest_free == allocator.largest_free(),
               "largest_free() and stats() must agree");
        expect(fresh.largest_free != 0 && fresh.largest_free <= fresh.capacity &&
                   fresh.capacity <= arena.size(),
               "0 < largest_free <= capacity <= arena");
        expect_exact_largest_free(allocator);
        expect(allocator.stats().peak >= fresh.largest_free, "the peak must not be forgotten");
    }

    void check_requests(A& allocator, std::span<std::byte> arena) {
        std::byte* const p = expect_allocated(allocator, 40, 8);
        const allocator_stats before = allocator.stats();
        for (const std::size_t align : {0UL, 3UL, 6UL, 24UL, 4097UL}) {
            expect(refused(allocator.allocate(8, align), errc::misaligned) &&
                       refused(allocator.allocate_at(arena.data() + 1024, 8, align),
                               errc::misaligned) &&
                       refused(allocator.deallocate(p, 40, align), errc::misaligned) &&
                       refused(allocator.reallocate(p, 40, 80, align), errc::misaligned),
                   "an alignment that is not a power of two must be misaligned", align);
        }
        expect(refused(allocator.allocate(0), errc::zero_size) &&
                   refused(allocator.allocate_at(arena.data() + 1024, 0), errc::zero_size) &&
                   refused(allocator.deallocate(p, 0, 8), errc::zero_size) &&
                   refused(allocator.reallocate(p, 40, 0, 8), errc::zero_size) &&
                   refused(allocator.reallocate(p, 0, 40, 8), errc::zero_size),
               "a size of 0 must be zero_size");
        expect(same(allocator.stats(), before), "what is refused must change nothing");
        check_too_large(allocator, p);
        release(allocator, p, 40, 8);
    }

    void check_too_large(A& allocator, std::byte* p) {
        const std::size_t capacity = allocator.stats().capacity;
        std::vector<std::size_t> sizes{capacity + 1, capacity * 2, top_bit - 1, top_bit,
                                       top_bit + 1};
        for (std::size_t below = 0; below < 70; ++below) {
            sizes.push_back(highest - below);
        }
        for (std::size_t shift = 1; shift < 8; ++shift) {
            sizes.push_back(highest >> shift);
            sizes.push_back((highest >> shift) + 1);
        }
        std::byte* const free = expect_allocated(allocator, 40, 8);
        release(allocator, free, 40, 8);
        std::size_t failures = allocator.stats().failures;
        for (const std::size_t size : sizes) {
            for (std::size_t align = 1; align != 0; align *= 2) {
                expect(refused(allocator.allocate(size, align), errc::out_of_memory),
                       "what can never fit must be out_of_memory", size, align);
                ++failures;
            }
            expect(refused(allocator.reallocate(p, 40, size, 8), errc::out_of_memory),
                   "what can never fit must be out_of_memory", size);
            ++failures;
            expect(refused(allocator.deallocate(p, size, 8)) &&
                       refused(allocator.reallocate(p, size, 8, 8)),
                   "a size beyond the arena is not that of a block", size);
            expect(refused(allocator.allocate_at(p, size, 8)),
                   "bytes beyond the arena must be refused", size);
            expect(size <= options_.arena ||
                       refused(allocator.allocate_at(free, size, 8), errc::foreign_pointer),
                   "a place beyond the arena must be a foreign_pointer", size);
        }
        for (std::size_t align = top_bit; align > 16 * options_.arena; align /= 2) {
            // Unless the arena happens to hold a multiple of it.
            const auto taken = allocator.allocate(8, align);
            expect(taken || taken.error() == errc::out_of_memory,
                   "an alignment that is too large must be out_of_memory", align);
            if (taken) {
                release(allocator, static_cast<std::byte*>(*taken), 8, align);
            }
        }
        expect(allocator.stats().failures >= failures, "failures must be counted");
    }

    void check_alignments(A& allocator, std::span<std::byte>) {
        const std::size_t whole = allocator.largest_free();
        const std::size_t largest = (std::min)(options_.largest_align, options_.arena / 16);
        for (std::size_t align = 1; align <= largest; align *= 2) {
            for (const std::size_t size : {1UL, 7UL, 16UL, 24UL, 100UL, 777UL}) {
                // Something before it, so that no alignment comes by itself.
                keep(expect_allocated(allocator, 1 + below(40), 1), allocator);
                keep(expect_allocated(allocator, size, align), allocator);
            }
            if (align % 8 == 0) {
                check_contents();
                free_all(allocator);
            }
        }
        free_all(allocator);
        expect(allocator.largest_free() == whole, "what is free must become one block again");
    }

    /// Fill it, free it in each order, and it is as it was.
    void check_fill(A& allocator, std::span<std::byte>) {
        const std::size_t whole = allocator.largest_free();
        for (const std::size_t size : {1UL, 16UL, 17UL, 64UL, 100UL, 1000UL, 0UL}) {
            for (int order = 0; order < 3 && kept(); ++order) {
                fill(allocator, [&] { return size != 0 ? size : 1 + below(700); });
                expect(!live_.empty(), "an empty allocator must have room", size);
                if (order == 1) {
                    std::ranges::reverse(live_);
                } else if (order == 2) {
                    std::ranges::shuffle(live_, random_);
                }
                free_all(allocator);
                expect(allocator.largest_free() == whole,
                       "what is free must become one block again", size,
                       static_cast<std::size_t>(order));
                expect_exact_largest_free(allocator);
            }
        }
    }

    void check_misuse(A& allocator, std::span<std::byte> arena) {
        std::array<std::byte*, 4> p{};
        for (std::byte*& each : p) {
            each = expect_allocated(allocator, 200, 8);
        }
        std::byte outside[200]{};
        expect(refused(allocator.deallocate(outside, 200, 1)) &&
                   refused(allocator.reallocate(outside, 200, 300, 1)),
               "a pointer beyond the arena must be refused");
        for (std::byte* const beyond : far_from(arena)) {
            expect_harmless(allocator, beyond, 200, errc::foreign_pointer,
                            "a pointer beyond the arena must be a foreign_pointer");
        }
        expect(refused(allocator.deallocate(nullptr, 200, 8)) &&
                   refused(allocator.reallocate(nullptr, 200, 300, 8)),
               "null must be refused");
        expect_harmless(allocator, p[1] + 1, 200, errc::misaligned,
                        "a misaligned pointer must be misaligned");
        check_inner_pointers(allocator, p[1]);
        check_wrong_sizes(allocator, p[1]);
        // Freed alone, then with neighbours that are free as well.
        for (const std::size_t i : {1U, 0U, 2U}) {
            release(allocator, p[i], 200, 8);
            for (const std::size_t freed : {1U, 0U, 2U}) {
                if (freed == i || freed == 1 || i == 2) {
                    expect_harmless(allocator, p[freed], 200, errc::double_free,
                                    "a block that is free already must be a double_free");
                }
            }
        }
        release(allocator, p[3], 200, 8);
        expect_harmless(allocator, p[3], 200, errc::double_free,
                        "a block that is free already must be a double_free");
    }

    /// Pointers that no allocator could call misaligned.
    [[nodiscard]] static std::array<std::byte*, 2> far_from(std::span<std::byte> arena) {
        const auto start = reinterpret_cast<std::uintptr_t>(arena.data());
        const std::uintptr_t distance = std::bit_ceil(arena.size());
        return {reinterpret_cast<std::byte*>(start - distance),
                reinterpret_cast<std::byte*>(start + distance)};
    }

    void check_inner_pointers(A& allocator, std::byte* p) {
        for (std::size_t inner = 64; inner < 200 && options_.finds_inner_pointers; inner += 64) {
            expect_harmless(allocator, p + inner, 200 - inner, errc::foreign_pointer,
                            "a pointer into a block must be a foreign_pointer");
            expect_harmless(allocator, p + inner, 64, errc::foreign_pointer,
                            "a pointer into a block must be a foreign_pointer");
        }
    }

    void check_wrong_sizes(A& allocator, std::byte* p) {
        if (!options_.finds_wrong_sizes) {
            return;
        }
        for (const std::size_t size : {1UL, 16UL, 64UL, 128UL, 264UL, 300UL, 1200UL, 5000UL}) {
            expect_harmless(allocator, p, size, errc::foreign_pointer,
                            "a block of another size must be a foreign_pointer");
        }
    }

    void check_reallocate(A& allocator, std::span<std::byte>) {
        const std::size_t whole = allocator.largest_free();
        std::byte* const alone = expect_allocated(allocator, 64, 8);
        const auto shrunk = allocator.reallocate(alone, 64, 1, 8);
        expect(shrunk && *shrunk == alone, "a block must shrink in place");
        release(allocator, alone, 1, 8);
        expect(allocator.largest_free() == whole, "what is free must become one block again");
        for (std::size_t i = 0; i < options_.operations / 8 && kept(); ++i) {
            if (live_.size() < 40) {
                allocate_randomly(allocator);
            } else {
                reallocate_randomly(allocator);
            }
            if (live_.size() > 20 && below(3) == 0) {
                free_one(allocator, below(live_.size()));
            }
        }
        free_all(allocator);
        expect(allocator.largest_free() == whole, "what is free must become one block again");
    }

    void check_allocate_at(A& allocator, std::span<std::byte> arena) {
        const std::size_t whole = allocator.largest_free();
        std::byte* const p = expect_allocated(allocator, 64, 64);
        std::byte* const q = expect_allocated(allocator, 64, 64);
        expect(refused(allocator.allocate_at(p, 64, 64), errc::out_of_memory) &&
                   refused(allocator.allocate_at(p, 1, 1), errc::out_of_memory),
               "bytes of a live block must be out_of_memory");
        release(allocator, p, 64, 64);
        expect(refused(allocator.allocate_at(p + 1, 8, 8), errc::misaligned),
               "a misaligned place must be misaligned");
        for (std::byte* const beyond : far_from(arena)) {
            expect(refused(allocator.allocate_at(beyond, 8, 8), errc::foreign_pointer),
                   "a place beyond the arena must be a foreign_pointer");
        }
        expect(allocator.allocate_at(p, 64, 64).has_value(), "free bytes must be granted");
        expect(refused(allocator.allocate_at(p, 64, 64), errc::out_of_memory),
               "bytes of a live block must be out_of_memory");
        release(allocator, q, 64, 64);
        release(allocator, p, 64, 64);
        expect(allocator.largest_free() == whole, "what is free must become one block again");
    }

    /// Two that are driven alike stay alike.
    void check_alike(A& allocator, std::span<std::byte> arena) {
        const guarded_arena other_arena(options_.arena, 0);
        A other(other_arena.bytes());
        drive_alike(allocator, arena, other, other_arena.bytes(), options_.operations / 4);
    }

    void check_rebuilt(A& allocator, std::span<std::byte> arena) {
        for (std::size_t i = 0; i < 600 && kept(); ++i) {
            if (below(3) != 0 || live_.empty()) {
                allocate_randomly(allocator);
            } else {
                free_one(allocator, below(live_.size()));
            }
        }
        // Full of holes.
        for (std::size_t left = live_.size() / 2; left != 0 && kept(); --left) {
            free_one(allocator, below(live_.size()));
        }
        const guarded_arena other_arena(options_.arena, 0);
        A other(other_arena.bytes());
        std::ranges::shuffle(live_, random_);
        for (const block& b : live_) {
            std::byte* const there = other_arena.bytes().data() + (b.p - arena.data());
            expect(other.allocate_at(there, b.size, b.align).has_value(),
                   "a layout that was must be possible again", b.size, b.align);
        }
        expect(other.invariants_hold() && allocator.stats().in_use == other.stats().in_use,
               "a layout that is built again must take the same bytes");
        if (!options_.goes_on_alike_when_rebuilt) {
            allocator.sort_free();
            other.sort_free();
            expect(allocator.invariants_hold() && other.invariants_hold(),
                   "invariants_hold must be true");
        }
        expect(allocator.largest_free() == other.largest_free(),
               "an allocator that is built again must go on alike");
        drive_alike(allocator, arena, other, other_arena.bytes(), options_.operations / 4);
        for (const block& b : live_) {
            release(other, other_arena.bytes().data() + (b.p - arena.data()), b.size, b.align);
        }
        free_all(allocator);
        expect(allocator.largest_free() == other.largest_free(),
               "what is free must become one block again");
    }

    void check_random(A& allocator, std::span<std::byte>) {
        const std::size_t whole = allocator.largest_free();
        for (step_ = 0; step_ < options_.operations && kept(); ++step_) {
            // Now it grows, now it shrinks, and at times it is full.
            const bool growing = step_ / 512 % 2 == 0;
            const auto dice = below(16);
            if (live_.empty() || dice < (growing ? 9U : 5U)) {
                allocate_randomly(allocator);
            } else if (dice < 14) {
                free_one(allocator, below(live_.size()));
            } else {
                reallocate_randomly(allocator);
            }
            if (step_ % 1024 == 0) {
                check_contents();
                expect(allocator.invariants_hold(), "invariants_hold must be true", step_);
                expect_exact_largest_free(allocator);
            }
        }
        free_all(allocator);
        expect(allocator.largest_free() == whole, "what is free must become one block again");
    }

    // --- what they are made of ---

    [[nodiscard]] std::size_t below(std::size_t limit) {
        return static_cast<std::size_t>(random_() % limit);
    }
    [[nodiscard]] std::size_t random_size() {
        switch (below(32)) {
        case 0:
            return 1 + below(options_.arena / 4);
        case 1:
        case 2:
            return 1 + below(2000);
        default:
            return 1 + below(200);
        }
    }
    [[nodiscard]] std::size_t random_align() {
        return below(8) != 0 ? default_alignment : std::size_t{1} << (below(9));
    }

    void allocate_randomly(A& allocator) {
        const std::size_t size = random_size();
        const std::size_t align = random_align();
        const std::size_t in_use = allocator.stats().in_use;
        const auto taken = allocator.allocate(size, align);
        expect(taken || taken.error() == errc::out_of_memory,
               "a request that cannot be granted must be out_of_memory", size, align);
        if (taken) {
            expect_taken(allocator, in_use, size, align);
            keep({static_cast<std::byte*>(*taken), size, align, {}}, allocator);
        } else {
            expect(align > default_alignment || size > allocator.largest_free(),
                   "a size up to largest_free must be granted", size);
        }
    }

    void reallocate_randomly(A& allocator) {
        const std::size_t i = below(live_.size());
        const block old = live_[i];
        const std::size_t size = random_size();
        expect(is_whole(old), "contents must not change", old.size);
        const auto moved = allocator.reallocate(old.p, old.size, size, old.align);
        if (!moved) {
            expect(moved.error() == errc::out_of_memory && is_whole(old),
                   "what cannot be reallocated must be out_of_memory, and as it was", old.size,
                   size);
            return;
        }
        live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(i));
        auto* const p = static_cast<std::byte*>(*moved);
        expect(is_whole({p, (std::min)(size, old.size), old.align, old.fill}),
               "reallocate must keep the contents", old.size, size);
        keep({p, size, old.align, {}}, allocator);
    }

    struct step {
        enum { allocate, deallocate, reallocate } what;
        std::size_t size;
        std::size_t align;
        std::size_t victim;
    };
    [[nodiscard]] step random_step() {
        const auto dice = below(8);
        const std::size_t victim = live_.empty() ? 0 : below(live_.size());
        if (live_.empty() || dice < 4) {
            return {step::allocate, random_size(), random_align(), 0};
        }
        return {dice < 7 ? step::deallocate : step::reallocate, random_size(), 0, victim};
    }

    void drive_alike(A& one, std::span<std::byte> arena, A& other, std::span<std::byte> other_arena,
                     std::size_t steps) {
        for (std::size_t i = 0; i < steps && kept(); ++i) {
            const step next = random_step();
            const block old = live_.empty() ? block{arena.data(), 0, 1, {}} : live_[next.victim];
            std::byte* const twin = other_arena.data() + (old.p - arena.data());
            if (next.what == step::deallocate) {
                free_one(one, next.victim);
                release(other, twin, old.size, old.align);
                continue;
            }
            const bool moves = next.what == step::reallocate;
            const std::size_t align = moves ? old.align : next.align;
            const auto a = moves ? one.reallocate(old.p, old.size, next.size, align)
                                 : one.allocate(next.size, align);
            const auto b = moves ? other.reallocate(twin, old.size, next.size, align)
                                 : other.allocate(next.size, align);
            expect(a.has_value() == b.has_value() &&
                       (!a || static_cast<std::byte*>(*a) - arena.data() ==
                                  static_cast<std::byte*>(*b) - other_arena.data()),
                   "two allocators that are driven alike must answer alike", next.size, align);
            if (a && moves) {
                live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(next.victim));
            }
            if (a && kept()) {
                keep({static_cast<std::byte*>(*a), next.size, align, {}}, one);
            }
        }
        expect(one.stats().in_use == other.stats().in_use &&
                   one.largest_free() == other.largest_free(),
               "two allocators that are driven alike must have as much in use, and free");
    }

    template <class NextSize>
    void fill(A& allocator, NextSize next_size) {
        while (kept()) {
            const std::size_t size = next_size();
            const std::size_t in_use = allocator.stats().in_use;
            const auto taken = allocator.allocate(size);
            if (!taken) {
                expect(taken.error() == errc::out_of_memory && size > allocator.largest_free(),
                       "a size up to largest_free must be granted", size);
                return;
            }
            expect_taken(allocator, in_use, size, default_alignment);
            keep({static_cast<std::byte*>(*taken), size, default_alignment, {}}, allocator);
        }
    }

    [[nodiscard]] std::byte* expect_allocated(A& allocator, std::size_t size, std::size_t align) {
        const auto taken = allocator.allocate(size, align);
        expect(taken.has_value(), "there must be room", size, align);
        last_ = {taken ? static_cast<std::byte*>(*taken) : nullptr, size, align, {}};
        return last_.p;
    }
    void keep(std::byte*, A& allocator) { keep(last_, allocator); }
    /// Fills a new block with a pattern of its own. Two blocks that overlap will be found out, as
    /// one of them changes the other.
    void keep(block b, A& allocator) {
        if (b.p == nullptr) {
            return;
        }
        const std::size_t in_use = allocator.stats().in_use;
        expect(reinterpret_cast<std::uintptr_t>(b.p) % b.align == 0, "a block must be aligned",
               b.size, b.align);
        expect(in_use <= allocator.stats().capacity && in_use <= allocator.stats().peak,
               "in_use must be within capacity and peak");
        b.fill = static_cast<std::byte>(++fills_ % 251 + 1);
        if (kept()) {
            std::memset(b.p, std::to_integer<int>(b.fill), b.size);
            live_.push_back(b);
        }
    }
    [[nodiscard]] bool is_whole(const block& b) const {
        return b.p[0] == b.fill && std::memcmp(b.p, b.p + 1, b.size - 1) == 0;
    }
    void check_contents() {
        for (const block& b : live_) {
            expect(is_whole(b), "a block must not change another one", b.size, b.align);
        }
    }

    void free_one(A& allocator, std::size_t i) {
        const block b = live_[i];
        live_[i] = live_.back();
        live_.pop_back();
        expect(is_whole(b), "a block must not change another one", b.size, b.align);
        release(allocator, b.p, b.size, b.align);
    }
    void free_all(A& allocator) {
        while (!live_.empty() && kept()) {
            free_one(allocator, live_.size() - 1);
        }
        expect(allocator.stats().in_use == 0, "when all is free, nothing is in use");
        expect(allocator.invariants_hold(), "invariants_hold must be true");
    }
    void release(A& allocator, std::byte* p, std::size_t size, std::size_t align) {
        expect(allocator.deallocate(p, size, align).has_value(), "a live block must be freed", size,
               align);
    }

    void expect_taken(const A& allocator, std::size_t in_use_before, std::size_t size,
                      std::size_t align) {
        const std::size_t taken = allocator.stats().in_use - in_use_before;
        expect(taken >= size, "in_use must include the block", size, align);
        expect(options_.footprint == nullptr || taken <= options_.footprint(size, align),
               "a block must not take more than is promised", size, align);
    }
    void expect_exact_largest_free(A& allocator) {
        const std::size_t largest = allocator.largest_free();
        expect(refused(allocator.allocate(largest + 1), errc::out_of_memory),
               "more than largest_free must be out_of_memory", largest);
        if (largest != 0) {
            const auto taken = allocator.allocate(largest);
            expect(taken.has_value(), "largest_free must be granted", largest);
            if (taken) {
                release(allocator, static_cast<std::byte*>(*taken), largest, default_alignment);
            }
            expect(allocator.largest_free() == largest, "what is free must become one block again",
                   largest);
        }
    }
    void expect_harmless(A& allocator, std::byte* p, std::size_t size, errc why, const char* rule) {
        const allocator_stats before = allocator.stats();
        expect(refused(allocator.deallocate(p, size, 8), why), rule, size);
        expect(refused(allocator.reallocate(p, size, size + 64, 8), why), rule, size);
        expect(same(allocator.stats(), before) && allocator.invariants_hold(),
               "what is refused must change nothing", size);
    }

    template <class Result>
    [[nodiscard]] static bool refused(const Result& done) {
        return !done.has_value();
    }
    template <class Result>
    [[nodiscard]] static bool refused(const Result& done, errc why) {
        return !done.has_value() && done.error() == why;
    }
    [[nodiscard]] static bool same(const allocator_stats& a, const allocator_stats& b) {
        return a.in_use == b.in_use && a.peak == b.peak && a.largest_free == b.largest_free &&
               a.capacity == b.capacity;
    }

    [[nodiscard]] bool kept() const { return broken_.rule == nullptr; }
    void expect(bool holds, const char* rule) {
        if (!holds && kept()) {
            broken_ = {rule, "at step " + std::to_string(step_)};
        }
    }
    template <class... Numbers>
    void expect(bool holds, const char* rule, Numbers... numbers) {
        if (!holds && kept()) {
            broken_ = {rule, "at step " + std::to_string(step_) + ":"};
            ((broken_.detail += " " + std::to_string(numbers)), ...);
        }
    }

    ram_allocator_options options_;
    std::mt19937_64 random_;
    std::vector<block> live_;
    block last_{};
    std::size_t fills_ = 0;
    std::size_t step_ = 0;
    broken_ram_allocator broken_;
};

} // namespace detail

/// Puts `A` to the contract in <vmem/allocator/concept.hpp>. The operations are random and
/// replayable.
template <class A>
void check_ram_allocator_contract(const ram_allocator_options& options = {}) {
    const auto broken = detail::ram_allocator_check<A>(options).run();
    const bool kept = broken.rule == nullptr;
    CAPTURE(options.seed);
    CAPTURE(broken.detail);
    CHECK_MESSAGE(kept, std::string(kept ? "" : broken.rule));
}

/// For those who test the contract itself: the rule that `A` breaks first, or null.
template <class A>
[[nodiscard]] const char* broken_ram_allocator_rule(const ram_allocator_options& options = {}) {
    return detail::ram_allocator_check<A>(options).run().rule;
}

} // namespace vmem::contract

#endif
