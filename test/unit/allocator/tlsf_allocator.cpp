// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/tlsf_allocator.hpp>

#include "contract/ram_allocator_contract.hpp"
#include "support/allocator_load.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <span>
#include <vector>

namespace {

using namespace vmem::test;

using small = vmem::tlsf_allocator<64UL * 1024>;

// A bit for each list, and nine words.
static_assert(sizeof(small) <= 5UL * 8 + 9 * sizeof(void*));
static_assert(sizeof(vmem::tlsf_allocator<>) <= 13UL * 8 + 9 * sizeof(void*));

template <class A>
std::size_t in_granules(std::size_t size, std::size_t) {
    return (size + A::granule - 1) / A::granule * A::granule;
}

TEST_CASE_TEMPLATE("tlsf_allocator: contract", A, vmem::tlsf_allocator<>, small,
                   vmem::tlsf_allocator<1024UL * 1024, 3>, vmem::tlsf_allocator<64UL * 1024, 1>,
                   vmem::tlsf_allocator<64UL * 1024, 6>) {
    vmem::contract::check_ram_allocator_contract<A>({.footprint = in_granules<A>});
}

TEST_CASE("tlsf_allocator: contract, a million operations") {
    vmem::contract::check_ram_allocator_contract<vmem::tlsf_allocator<>>(
        {.operations = 1'000'000, .footprint = in_granules<vmem::tlsf_allocator<>>});
}

TEST_CASE("tlsf_allocator: costs of its own") {
    std::vector<std::byte> arena(1024UL * 1024);
    const vmem::tlsf_allocator<> allocator(arena);
    // 1.6 % for the flags, 0.2 % for the lists.
    CHECK(allocator.stats().capacity >= arena.size() * 982 / 1000);
}

template <std::size_t MaxArena, unsigned SecondLevelBits>
void grants_its_largest() {
    alignas(16) static std::array<std::byte, MaxArena> arena;
    for (std::size_t size = MaxArena; size + 4096 > MaxArena; size -= 16) {
        vmem::tlsf_allocator<MaxArena, SecondLevelBits> a(std::span<std::byte>(arena).first(size));
        const auto taken = a.allocate(a.largest_free());
        CAPTURE(size);
        REQUIRE(taken);
    }
}

TEST_CASE("tlsf_allocator: the largest block of an arena is granted, in the last list too") {
    grants_its_largest<32752, 4>();
    grants_its_largest<520000, 4>();
    grants_its_largest<65536, 5>();
    grants_its_largest<20000, 1>();
}

TEST_CASE("tlsf_allocator: a fresh MiB gives out 95 % of itself") {
    aligned_arena arena;
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        vmem::tlsf_allocator<> allocator(arena.bytes());
        CHECK(density(allocator, arena.bytes().size(), seed) >= 0.95);
    }
}

TEST_CASE("tlsf_allocator: keeps 90 % in use, whatever comes and goes") {
    aligned_arena arena;
    vmem::tlsf_allocator<> allocator(arena.bytes());
    CHECK(keeps_in_use(allocator, arena.bytes().size() * 90 / 100, 300'000, 1));
    CHECK(allocator.invariants_hold());
}

TEST_CASE("tlsf_allocator: takes the block that fits") {
    alignas(64) std::array<std::byte, 8192> arena{};
    small allocator(arena);
    std::array<void*, 8> p{};
    for (void*& each : p) {
        each = allocator.allocate(320).value();
    }
    REQUIRE(allocator.reallocate(p[1], 320, 64).value() == p[1]);
    REQUIRE(allocator.reallocate(p[5], 320, 256).value() == p[5]);
    // 256 bytes are free behind p[1], 64 behind p[5].
    CHECK(allocator.allocate(64).value() == static_cast<std::byte*>(p[5]) + 256);
    CHECK(allocator.allocate(160).value() == static_cast<std::byte*>(p[1]) + 64);
    CHECK(allocator.allocate(96).value() == static_cast<std::byte*>(p[1]) + 224);
    CHECK(allocator.invariants_hold());
}

TEST_CASE("tlsf_allocator: grows in place") {
    alignas(64) std::array<std::byte, 8192> arena{};
    small allocator(arena);
    void* const p = allocator.allocate(100).value();
    const std::size_t capacity = allocator.stats().capacity;
    CHECK(allocator.reallocate(p, 100, 200).value() == p);
    CHECK(allocator.reallocate(p, 200, capacity).value() == p);
    CHECK(allocator.stats().in_use == capacity);
    CHECK(allocator.largest_free() == 0);
    CHECK(allocator.reallocate(p, capacity, capacity + 1).error() == vmem::errc::out_of_memory);
    CHECK(allocator.reallocate(p, capacity, 100).value() == p);
    CHECK(allocator.invariants_hold());
}

TEST_CASE("tlsf_allocator: large alignments do not waste a block that happens to fit") {
    alignas(4096) std::array<std::byte, 3UL * 4096> arena{};
    small allocator(arena);
    void* const p = allocator.allocate(4096, 4096).value();
    CHECK(p == arena.data() + 4096);
    CHECK(allocator.allocate(4096, 4096).value() == arena.data() + 8192);
    CHECK(allocator.deallocate(p, 4096, 4096).has_value());
    CHECK(allocator.allocate(4096, 4096).value() == p);
    CHECK(allocator.invariants_hold());
}

TEST_CASE("tlsf_allocator: uses no more than MaxArena") {
    std::vector<std::byte> arena(256UL * 1024);
    small allocator(arena);
    CHECK(allocator.stats().capacity < 64UL * 1024);
    CHECK(allocator.stats().capacity > 60UL * 1024);
    auto* const p = static_cast<std::byte*>(allocator.allocate(allocator.largest_free()).value());
    CHECK(p + allocator.stats().in_use <= arena.data() + 64UL * 1024 + small::granule);
}

TEST_CASE("tlsf_allocator: finds out a size that ends in free memory") {
    alignas(64) std::array<std::byte, 4096> arena{};
    small allocator(arena);
    void* const p = allocator.allocate(64).value();
    for (const std::size_t size : {16U, 48U, 80U, 1024U}) {
        CHECK(allocator.deallocate(p, size).error() == vmem::errc::foreign_pointer);
    }
    // All that is free behind it, to the end, or to another block.
    const std::size_t all = 64 + allocator.largest_free();
    CHECK(allocator.deallocate(p, all).error() == vmem::errc::foreign_pointer);
    void* const q = allocator.allocate(64).value();
    REQUIRE(allocator.allocate(64).has_value());
    REQUIRE(allocator.deallocate(q, 64).has_value());
    CHECK(allocator.deallocate(p, 128).error() == vmem::errc::foreign_pointer);
    CHECK(allocator.reallocate(p, 128, 16).error() == vmem::errc::foreign_pointer);
    CHECK(allocator.invariants_hold());
    // What looks like the end of a free block of that size, and is not.
    auto* const words = static_cast<std::uint16_t*>(p);
    std::fill(words, words + 32, std::uint16_t{2});
    CHECK(allocator.deallocate(p, 32).error() == vmem::errc::foreign_pointer);
    CHECK(allocator.deallocate(p, 64).has_value());
}

TEST_CASE("tlsf_allocator: damage is found") {
    alignas(64) std::array<std::byte, 4096> arena{};
    small allocator(arena);
    void* const p = allocator.allocate(64).value();
    void* const q = allocator.allocate(64).value();
    REQUIRE(allocator.allocate(64).has_value());
    REQUIRE(allocator.deallocate(q, 64).has_value());
    REQUIRE(allocator.invariants_hold());
    // A write beyond the end of p.
    auto* const beyond = static_cast<std::byte*>(p) + 64;
    for (std::size_t i = 0; i < 6; ++i) {
        const std::byte old = beyond[i];
        beyond[i] = ~old;
        CHECK_FALSE(allocator.invariants_hold());
        beyond[i] = old;
    }
    CHECK(allocator.invariants_hold());
}

} // namespace
