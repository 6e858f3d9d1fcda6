// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/buddy_allocator.hpp>
#include <vmem/allocator/linked_list_allocator.hpp>
#include <vmem/allocator/memory_resource.hpp>
#include <vmem/allocator/tlsf_allocator.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <map>
#include <memory_resource>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

namespace {

TEST_CASE_TEMPLATE("memory_resource: containers live in the arena", A, vmem::tlsf_allocator<>,
                   vmem::buddy_allocator<>, vmem::linked_list_allocator<>) {
    alignas(64) static std::array<std::byte, 64 * 1024> arena;
    A allocator(arena);
    {
        vmem::memory_resource resource(allocator);
        std::pmr::map<int, std::pmr::string> names(&resource);
        std::pmr::vector<int> numbers(&resource);
        for (int i = 0; i < 200; ++i) {
            names[i % 50] = std::pmr::string(static_cast<std::size_t>(i) + 20, 'x');
            numbers.push_back(i);
        }
        CHECK(names.size() == 50);
        CHECK(names[7].size() == 157 + 20);
        CHECK(numbers[199] == 199);
        const auto* const in_arena = reinterpret_cast<const std::byte*>(numbers.data());
        CHECK(in_arena >= arena.data());
        CHECK(in_arena < arena.data() + arena.size());
        CHECK(allocator.stats().in_use > 4000);
        CHECK(allocator.invariants_hold());
    }
    CHECK(allocator.stats().in_use == 0);
}

TEST_CASE("memory_resource: alignment and empty requests") {
    alignas(64) static std::array<std::byte, 8192> arena;
    vmem::tlsf_allocator<> allocator(arena);
    vmem::memory_resource resource(allocator);
    std::pmr::memory_resource& base = resource;
    void* const nothing = base.allocate(0, 1);
    CHECK(nothing != nullptr);
    void* const aligned = base.allocate(100, 256);
    CHECK(reinterpret_cast<std::uintptr_t>(aligned) % 256 == 0);
    base.deallocate(aligned, 100, 256);
    base.deallocate(nothing, 0, 1);
    CHECK(allocator.stats().in_use == 0);
}

TEST_CASE("memory_resource: is equal to itself") {
    alignas(64) static std::array<std::byte, 8192> arena;
    vmem::tlsf_allocator<> allocator(arena);
    const vmem::memory_resource one(allocator);
    const vmem::memory_resource other(allocator);
    CHECK(one == one);
    CHECK(one != other);
    CHECK(&one.allocator() == &allocator);
    static_assert(
        std::is_same_v<decltype(one), const vmem::memory_resource<vmem::tlsf_allocator<>>>);
}

#if defined(__cpp_exceptions)
TEST_CASE("memory_resource: throws std::bad_alloc") {
    alignas(64) static std::array<std::byte, 8192> arena;
    vmem::tlsf_allocator<> allocator(arena);
    vmem::memory_resource resource(allocator);
    bool thrown = false;
    try {
        const std::pmr::vector<int> numbers(10'000, &resource);
    } catch (const std::bad_alloc&) {
        thrown = true;
    }
    CHECK(thrown);
    CHECK(allocator.stats().in_use == 0);
    CHECK(allocator.stats().failures == 1);
}
#endif

} // namespace
