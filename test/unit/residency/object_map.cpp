// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/object_map.hpp>

#include "support/random_test.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <map>
#include <memory>
#include <random>

namespace {

using vmem::object_map;

/// A map with the addresses that it asks for, next to a std::map.
template <class Address, std::size_t Slots>
struct addressed {
    object_map<Address, Slots> map;
    std::array<Address, Slots> addresses{};
    std::map<Address, std::size_t> model;

    [[nodiscard]] auto address_of() const {
        return [this](std::size_t slot) { return addresses[slot]; };
    }
    [[nodiscard]] bool agrees(Address at) {
        const auto known = model.find(at);
        const std::size_t expected = known == model.end() ? Slots : known->second;
        const std::size_t guessed = map.guess(at);
        const bool guess_ok = guessed == Slots || guessed < Slots;
        const bool found = map.search(at, address_of()) == expected;
        // What was found is at its home from then on.
        return guess_ok && found && (expected == Slots || map.guess(at) == expected);
    }
    void insert(Address at, std::size_t slot) {
        addresses[slot] = at;
        map.insert(at, slot, address_of());
        model[at] = slot;
    }
    void erase(Address at) {
        map.erase(at, address_of());
        model.erase(at);
    }
};

template <class Address, std::size_t Slots>
void against_a_model(Address stride) {
    const std::uint64_t seed = vmem::test::random_seed();
    CAPTURE(seed);
    CAPTURE(Slots);
    CAPTURE(stride);
    std::mt19937_64 random(seed);
    auto on = std::make_unique<addressed<Address, Slots>>();
    std::array<bool, Slots> taken{};
    bool good = true;
    for (int n = 0; n < 20'000 && good; ++n) {
        const auto at = static_cast<Address>(stride * (1 + random() % (2 * Slots)));
        good = on->agrees(at);
        if (const auto known = on->model.find(at); known != on->model.end()) {
            if (random() % 3 == 0) {
                taken[known->second] = false;
                on->erase(at);
            }
        } else if (on->model.size() < Slots) {
            std::size_t slot = random() % Slots;
            while (taken[slot]) {
                slot = (slot + 1) % Slots;
            }
            taken[slot] = true;
            on->insert(at, slot);
        }
    }
    CHECK(good);
    CHECK(on->model.size() > Slots / 3);
}

TEST_CASE("object_map: does what a std::map does, full or not") {
    for (const std::uint32_t stride : {1U, 16U, 24U, 4096U, 1U << 20}) {
        against_a_model<std::uint32_t, 1>(stride);
        against_a_model<std::uint32_t, 2>(stride);
        against_a_model<std::uint32_t, 20>(stride);
        against_a_model<std::uint32_t, 255>(stride);
        against_a_model<std::uint32_t, 300>(stride);
    }
    against_a_model<std::uint16_t, 100>(64);
    against_a_model<std::uint64_t, 100>(std::uint64_t{1} << 34);
}

TEST_CASE("object_map: objects that follow each other are mostly found at the first probe") {
    for (const std::uint32_t stride : {16U, 32U, 48U, 264U, 512U, 1024U}) {
        CAPTURE(stride);
        addressed<std::uint32_t, 1000> on;
        for (std::uint32_t n = 0; n < 1000; ++n) {
            on.insert(5000 + n * stride, n);
        }
        std::size_t at_home = 0;
        for (std::uint32_t n = 0; n < 1000; ++n) {
            at_home += on.map.guess(5000 + n * stride) == n ? 1 : 0;
        }
        CHECK(at_home >= 750);
    }
}

static_assert(sizeof(object_map<std::uint32_t, 8>) == 16);
static_assert(sizeof(object_map<std::uint32_t, 65535>) <= 65535 * 15 / 4 + 2);

} // namespace
