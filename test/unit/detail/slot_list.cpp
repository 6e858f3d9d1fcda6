// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/slot_list.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <doctest/doctest.h>
#include <random>
#include <vector>

namespace {

using vmem::detail::slot_list;
using vmem::detail::slot_set;

static_assert(sizeof(slot_list<8>) == 2 * 9);
static_assert(sizeof(slot_list<255>) == 2 * 256);
static_assert(sizeof(slot_list<256>) == 2 * 257 * sizeof(std::uint16_t));
static_assert(sizeof(slot_set<8>) == 1);
static_assert(sizeof(slot_set<9>) == 2);

constexpr bool works_at_compile_time() {
    slot_list<3> list;
    list.push_front(1);
    list.push_front(2);
    list.move_to_front(1);
    list.push_front(0);
    list.erase(1);
    slot_set<3> set;
    set.insert(2);
    return list.back() == 2 && list.toward_front(2) == 0 && list.toward_front(0) == 3 &&
           set.contains(2) && !set.contains(1);
}
static_assert(works_at_compile_time());

template <std::size_t Slots>
std::vector<std::size_t> from_back(const slot_list<Slots>& list) {
    std::vector<std::size_t> slots;
    for (std::size_t slot = list.back(); slot != Slots && slots.size() <= Slots;
         slot = list.toward_front(slot)) {
        slots.push_back(slot);
    }
    return slots;
}

template <std::size_t Slots>
void compare_list_with_deque(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    slot_list<Slots> list;
    std::deque<std::size_t> model;
    bool same = true;
    for (int step = 0; step < 3000 && same; ++step) {
        const std::size_t slot = random() % Slots;
        const auto found = std::find(model.begin(), model.end(), slot);
        if (found == model.end()) {
            list.push_front(slot);
            model.push_front(slot);
        } else if (random() % 4 == 0) {
            list.erase(slot);
            model.erase(found);
        } else {
            list.move_to_front(slot);
            model.erase(found);
            model.push_front(slot);
        }
        same = from_back(list) == std::vector<std::size_t>(model.rbegin(), model.rend());
    }
    const std::size_t slots = Slots;
    CAPTURE(slots);
    CAPTURE(seed);
    CHECK(same);
}

TEST_CASE("slot_list: keeps the order that a deque keeps") {
    const std::uint64_t seed = std::mt19937_64::default_seed;
    compare_list_with_deque<1>(seed);
    compare_list_with_deque<2>(seed);
    compare_list_with_deque<3>(seed);
    compare_list_with_deque<8>(seed);
}

TEST_CASE("slot_list: the first and the last index of each width") {
    slot_list<255> bytes;
    bytes.push_front(254);
    bytes.push_front(0);
    CHECK(from_back(bytes) == std::vector<std::size_t>{254, 0});
    slot_list<256> words;
    words.push_front(255);
    words.push_front(0);
    words.move_to_front(255);
    CHECK(from_back(words) == std::vector<std::size_t>{0, 255});
}

TEST_CASE("slot_list: finds from the back, and asks no further") {
    slot_list<5> list;
    CHECK(list.back() == 5);
    CHECK(list.find_from_back([](std::size_t) { return true; }) == 5);
    for (const std::size_t slot : {3U, 1U, 4U, 0U}) {
        list.push_front(slot);
    }
    std::vector<std::size_t> asked;
    CHECK(list.find_from_back([&](std::size_t slot) {
        asked.push_back(slot);
        return slot == 4;
    }) == 4);
    CHECK(asked == std::vector<std::size_t>{3, 1, 4});
    CHECK(list.find_from_back([](std::size_t) { return false; }) == 5);
}

TEST_CASE("slot_list: a copy has an order of its own") {
    slot_list<3> list;
    list.push_front(0);
    list.push_front(1);
    slot_list<3> copy = list;
    copy.move_to_front(0);
    CHECK(from_back(list) == std::vector<std::size_t>{0, 1});
    CHECK(from_back(copy) == std::vector<std::size_t>{1, 0});
}

TEST_CASE("slot_set: holds what was inserted and not erased") {
    const std::uint64_t seed = std::mt19937_64::default_seed;
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    slot_set<19> set;
    std::vector<bool> model(19, false);
    bool same = true;
    for (int step = 0; step < 2000 && same; ++step) {
        const std::size_t changed = random() % 19;
        if (random() % 2 == 0) {
            set.insert(changed);
            model[changed] = true;
        } else {
            set.erase(changed);
            model[changed] = false;
        }
        for (std::size_t slot = 0; slot < 19; ++slot) {
            same = same && set.contains(slot) == model[slot];
        }
    }
    CHECK(same);
}

} // namespace
