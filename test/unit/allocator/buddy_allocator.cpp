// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/buddy_allocator.hpp>

#include "contract/ram_allocator_contract.hpp"
#include "support/allocator_load.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <set>
#include <vector>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

namespace {

using namespace vmem::test;

static_assert(sizeof(vmem::buddy_allocator<>) <= 11 * sizeof(void*));

template <std::size_t MinBlock>
std::size_t to_power_of_two(std::size_t size, std::size_t align) {
    return std::bit_ceil((std::max)({size, align, MinBlock}));
}

TEST_CASE("buddy_allocator: contract") {
    vmem::contract::check_ram_allocator_contract<vmem::buddy_allocator<>>(
        {.footprint = to_power_of_two<16>});
    vmem::contract::check_ram_allocator_contract<vmem::buddy_allocator<8>>(
        {.footprint = to_power_of_two<8>});
    vmem::contract::check_ram_allocator_contract<vmem::buddy_allocator<64>>(
        {.footprint = to_power_of_two<64>});
    // Blocks larger than those that the contract looks into.
    vmem::contract::check_ram_allocator_contract<vmem::buddy_allocator<4096>>(
        {.arena = 1024UL * 1024,
         .finds_inner_pointers = false,
         .finds_wrong_sizes = false,
         .footprint = to_power_of_two<4096>});
}

TEST_CASE("buddy_allocator: contract, arenas that are no power of two") {
    for (const std::size_t arena : {40'000U, 50'000U, 65'537U, 70'001U, 131'071U}) {
        CAPTURE(arena);
        vmem::contract::check_ram_allocator_contract<vmem::buddy_allocator<>>(
            {.operations = 4000, .arena = arena, .footprint = to_power_of_two<16>});
    }
}

TEST_CASE("buddy_allocator: contract, a million operations") {
    vmem::contract::check_ram_allocator_contract<vmem::buddy_allocator<>>(
        {.operations = 1'000'000, .footprint = to_power_of_two<16>});
}

TEST_CASE("buddy_allocator: costs of its own") {
    aligned_arena arena;
    const vmem::buddy_allocator<> allocator(arena.bytes());
    // Two bits for each 16 bytes, and a link for each order.
    CHECK(allocator.stats().capacity >= arena.bytes().size() - arena.bytes().size() / 64 - 128);
}

TEST_CASE("buddy_allocator: keeps 69 % in use, whatever comes and goes") {
    aligned_arena arena;
    vmem::buddy_allocator<> allocator(arena.bytes());
    CHECK(keeps_in_use(allocator, arena.bytes().size() * 69 / 100, 300'000, 1));
    CHECK(allocator.invariants_hold());
}

TEST_CASE("buddy_allocator: an arena of any size and place is used up") {
    std::vector<std::byte> memory(70'000);
    for (const std::size_t size : {100U, 1000U, 5000U, 33'333U, 65'536U, 69'900U}) {
        for (std::size_t offset = 0; offset < 100; offset += 9) {
            CAPTURE(size);
            CAPTURE(offset);
            vmem::buddy_allocator<> allocator({memory.data() + offset, size});
            const std::size_t capacity = allocator.stats().capacity;
            CHECK(capacity + size / 64 + 160 >= size);
            std::size_t blocks = 0;
            while (allocator.allocate(16)) {
                ++blocks;
            }
            CHECK(blocks * 16 == capacity);
            CHECK(allocator.invariants_hold());
        }
    }
}

#if defined(MAP_NORESERVE) && SIZE_MAX > 0xFFFFFFFF
TEST_CASE("buddy_allocator: of an arena that is too large it uses what its links reach") {
    constexpr std::size_t gibibyte = std::size_t{1} << 30;
    void* const arena = mmap(nullptr, 40 * gibibyte, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(arena != MAP_FAILED);
    {
        vmem::buddy_allocator<4096> a({static_cast<std::byte*>(arena), 40 * gibibyte});
        CHECK(a.invariants_hold());
        CHECK(a.stats().capacity <= 32 * gibibyte);
        std::set<void*> blocks;
        while (const auto block = a.allocate(gibibyte)) {
            CHECK(blocks.insert(*block).second);
        }
        CHECK(blocks.size() >= 30);
        CHECK(a.invariants_hold());
    }
    munmap(arena, 40 * gibibyte);
}
#endif

TEST_CASE("buddy_allocator: a block is aligned to its size") {
    aligned_arena arena;
    vmem::buddy_allocator<> allocator(arena.bytes().subspan(24));
    for (std::size_t size = 16; size <= 65'536; size *= 2) {
        for (const std::size_t align : {std::size_t{1}, size / 2, size}) {
            const void* p = allocator.allocate(size, align).value();
            CHECK(reinterpret_cast<std::uintptr_t>(p) % size == 0);
        }
    }
    const std::size_t in_use = allocator.stats().in_use;
    void* const aligned = allocator.allocate(1, 1024).value();
    CHECK(allocator.stats().in_use == in_use + 1024);
    CHECK(allocator.deallocate(aligned, 1, 16).error() == vmem::errc::foreign_pointer);
    CHECK(allocator.deallocate(aligned, 1, 1024).has_value());
}

/// Every size but the right one is refused, for blocks of every size with every neighbour.
TEST_CASE("buddy_allocator: finds out every wrong size") {
    constexpr std::size_t arena_size = 16UL * 1024;
    alignas(arena_size) static std::array<std::byte, arena_size> arena;
    const std::uint64_t seed = std::mt19937_64::default_seed;
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    struct block {
        void* p;
        std::size_t size;
    };
    std::size_t tried = 0;
    for (int round = 0; round < 200; ++round) {
        vmem::buddy_allocator<> allocator(arena);
        std::vector<block> blocks;
        for (int i = 0; i < 60; ++i) {
            const std::size_t size = std::size_t{16} << (random() % 9);
            if (random() % 3 != 0 || blocks.empty()) {
                if (const auto taken = allocator.allocate(size)) {
                    blocks.push_back({*taken, size});
                }
            } else {
                const auto victim = static_cast<std::size_t>(random() % blocks.size());
                REQUIRE(allocator.deallocate(blocks[victim].p, blocks[victim].size).has_value());
                blocks[victim] = blocks.back();
                blocks.pop_back();
            }
        }
        for (const block& b : blocks) {
            for (std::size_t size = 16; size <= arena_size; size *= 2) {
                if (size != b.size) {
                    ++tried;
                    const auto freed = allocator.deallocate(b.p, size);
                    REQUIRE(!freed.has_value());
                    REQUIRE(freed.error() == vmem::errc::foreign_pointer);
                }
            }
        }
        REQUIRE(allocator.invariants_hold());
    }
    CHECK(tried > 10'000);
}

TEST_CASE("buddy_allocator: grows in place where it is a left buddy") {
    alignas(4096) std::array<std::byte, 4096> arena{};
    vmem::buddy_allocator<> allocator(arena);
    void* const left = allocator.allocate(512).value();
    void* const right = allocator.allocate(512).value();
    REQUIRE(right == static_cast<std::byte*>(left) + 512);
    CHECK(allocator.reallocate(left, 512, 1024).value() != left);
    CHECK(allocator.invariants_hold());

    vmem::buddy_allocator<> other(arena);
    void* const p = other.allocate(256).value();
    REQUIRE(other.reallocate(p, 256, 16).value() == p);
    CHECK(other.stats().in_use == 16);
    CHECK(other.invariants_hold());
    CHECK(other.reallocate(p, 16, 100).value() == p);
    CHECK(other.reallocate(p, 100, 256).value() == p);
    CHECK(other.stats().in_use == 256);
    CHECK(other.invariants_hold());
}

TEST_CASE("buddy_allocator: damage is found") {
    alignas(4096) std::array<std::byte, 4096> arena{};
    vmem::buddy_allocator<> allocator(arena);
    void* const p = allocator.allocate(64).value();
    void* const q = allocator.allocate(64).value();
    REQUIRE(allocator.deallocate(p, 64).has_value());
    REQUIRE(allocator.invariants_hold());
    for (std::size_t i = 0; i < 8; ++i) {
        std::byte& link = static_cast<std::byte*>(p)[i];
        const std::byte old = link;
        link = ~old;
        CHECK_FALSE(allocator.invariants_hold());
        link = old;
    }
    CHECK(allocator.deallocate(q, 64).has_value());
    CHECK(allocator.invariants_hold());
}

} // namespace
