// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/buddy_allocator.hpp>
#include <vmem/allocator/linked_list_allocator.hpp>
#include <vmem/allocator/memory_resource.hpp>
#include <vmem/allocator/tlsf_allocator.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <memory_resource>
#include <new>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// Where Boost is fetched in parts, this part may be missing.
#if __has_include(<boost/container/map.hpp>)
#pragma GCC diagnostic push
// Older ones call polymorphic_allocator::destroy.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <boost/container/deque.hpp>
#include <boost/container/flat_map.hpp>
#include <boost/container/map.hpp>
#include <boost/container/string.hpp>
#include <boost/container/vector.hpp>
#pragma GCC diagnostic pop
#define VMEM_TEST_BOOST_CONTAINER
#endif

namespace {

using all_allocators =
    std::tuple<vmem::tlsf_allocator<>, vmem::tlsf_allocator<64UL * 1024>, vmem::buddy_allocator<>,
               vmem::linked_list_allocator<vmem::first_fit>,
               vmem::linked_list_allocator<vmem::best_fit>>;

// A table of functions, and a pointer to the allocator.
static_assert(sizeof(vmem::memory_resource<vmem::tlsf_allocator<>>) == 2 * sizeof(void*));

TEST_CASE_TEMPLATE_DEFINE("memory_resource: containers live in the arena", A, containers) {
    alignas(64) static std::array<std::byte, 64UL * 1024> arena;
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

TEST_CASE_TEMPLATE_APPLY(containers, all_allocators);

#if defined(VMEM_TEST_BOOST_CONTAINER)
template <class T>
using pmr = std::pmr::polymorphic_allocator<T>;
using boost_string = boost::container::basic_string<char, std::char_traits<char>, pmr<char>>;

TEST_CASE_TEMPLATE_DEFINE("memory_resource: containers of Boost live in the arena", A,
                          boost_containers) {
    alignas(64) static std::array<std::byte, 64UL * 1024> arena;
    A allocator(arena);
    {
        vmem::memory_resource resource(allocator);
        boost::container::vector<int, pmr<int>> numbers(pmr<int>{&resource});
        boost::container::deque<int, pmr<int>> queue(pmr<int>{&resource});
        boost::container::map<int, boost_string, std::less<>,
                              pmr<std::pair<const int, boost_string>>>
            names(pmr<std::pair<const int, boost_string>>{&resource});
        boost::container::flat_map<int, int, std::less<>, pmr<std::pair<int, int>>> squares(
            pmr<std::pair<int, int>>{&resource});
        for (int i = 0; i < 200; ++i) {
            numbers.push_back(i);
            queue.push_front(i);
            squares[i] = i * i;
            names.erase(i % 50);
            names.emplace(
                i % 50, boost_string(static_cast<std::size_t>(i) + 20, 'x', pmr<char>{&resource}));
        }
        CHECK(numbers[199] == 199);
        CHECK(queue.front() == 199);
        CHECK(queue.back() == 0);
        CHECK(squares.at(14) == 196);
        CHECK(names.size() == 50);
        CHECK(names.at(7).size() == 157 + 20);
        const auto* const in_arena = reinterpret_cast<const std::byte*>(names.at(7).data());
        CHECK(in_arena >= arena.data());
        CHECK(in_arena < arena.data() + arena.size());
        CHECK(allocator.stats().in_use > 8000);
        CHECK(allocator.invariants_hold());
    }
    CHECK(allocator.stats().in_use == 0);
}
TEST_CASE_TEMPLATE_APPLY(boost_containers, all_allocators);
#endif

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
