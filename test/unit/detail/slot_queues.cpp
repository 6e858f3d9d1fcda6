// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/slot_queues.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <doctest/doctest.h>
#include <random>

namespace {

template <std::size_t Nodes, std::size_t Queues>
using queues = vmem::detail::slot_queues<Nodes, Queues>;

static_assert(sizeof(queues<8, 2>) == 8 * 3 + 2 * 3);
static_assert(sizeof(queues<255, 1>) == 255 * 3 + 3);
static_assert(sizeof(queues<256, 1>) == 256 * 5 + 6);

TEST_CASE("slot_queues: one node after the other") {
    queues<3, 2> some;
    CHECK(some.back(0) == some.none);
    CHECK(some.front(0) == some.none);
    CHECK(some.queue_of(0) == 2);
    some.push_front(0, 1);
    some.push_front(0, 2);
    CHECK(some.back(0) == 1);
    CHECK(some.front(0) == 2);
    CHECK(some.toward_front(1) == 2);
    CHECK(some.toward_front(2) == some.none);
    some.move_to_front(1, 1);
    CHECK(some.queue_of(1) == 1);
    CHECK(some.size(0) == 1);
    some.replace(2, 0);
    CHECK(some.queue_of(2) == 2);
    CHECK(some.back(0) == 0);
    some.erase(0);
    CHECK(some.front(0) == some.none);
    CHECK(some.back(0) == some.none);
}

/// Whether `some` holds what `model` does, newest in front.
template <std::size_t Nodes, std::size_t Queues>
bool same(const queues<Nodes, Queues>& some,
          const std::array<std::deque<std::size_t>, Queues>& model) {
    bool equal = true;
    for (std::size_t queue = 0; queue < Queues; ++queue) {
        const std::deque<std::size_t>& expected = model[queue];
        equal = equal && some.size(queue) == expected.size() &&
                some.front(queue) == (expected.empty() ? Nodes : expected.front());
        std::size_t node = some.back(queue);
        for (auto each = expected.rbegin(); equal && each != expected.rend(); ++each) {
            equal = node == *each && some.queue_of(node) == queue;
            node = equal ? some.toward_front(node) : node;
        }
        equal = equal && node == Nodes;
    }
    return equal;
}

template <std::size_t Nodes>
std::size_t differences(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    queues<Nodes, 3> some;
    std::array<std::deque<std::size_t>, 3> model;
    std::size_t found = 0;
    for (int step = 0; step < 5000; ++step) {
        const std::size_t node = random() % Nodes;
        const std::size_t to = random() % 3;
        const std::size_t from = some.queue_of(node);
        if (from == 3) {
            some.push_front(to, node);
            model[to].push_front(node);
        } else if (random() % 4 == 0) {
            some.erase(node);
            std::erase(model[from], node);
        } else if (const std::size_t fresh = random() % Nodes; some.queue_of(fresh) == 3) {
            some.replace(node, fresh);
            for (std::size_t& each : model[from]) {
                each = each == node ? fresh : each;
            }
        } else {
            some.move_to_front(to, node);
            std::erase(model[from], node);
            model[to].push_front(node);
        }
        found += same(some, model) ? 0U : 1U;
    }
    return found;
}

TEST_CASE("slot_queues: agree with deques, at random") {
    const std::uint64_t seed = std::mt19937_64::default_seed;
    CAPTURE(seed);
    CHECK(differences<1>(seed) == 0);
    CHECK(differences<2>(seed) == 0);
    CHECK(differences<9>(seed) == 0);
    CHECK(differences<40>(seed) == 0);
}

TEST_CASE("slot_queues: indices of two bytes") {
    queues<300, 1> some;
    for (std::size_t node = 0; node < 300; ++node) {
        some.push_front(0, node);
    }
    CHECK(some.find_from_back(0, [](std::size_t node) { return node > 280; }) == 281);
    CHECK(some.find_from_back(0, [](std::size_t) { return false; }) == 300);
}

} // namespace
