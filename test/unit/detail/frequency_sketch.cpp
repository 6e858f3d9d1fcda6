// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/frequency_sketch.hpp>

#include "support/zipf.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <vector>

namespace {

using vmem::detail::fingerprint;
using vmem::detail::frequency_sketch;

static_assert(sizeof(frequency_sketch<8>) == 64 + 1);
static_assert(sizeof(frequency_sketch<64>) == 512 + 2);
static_assert(sizeof(frequency_sketch<65>) == 1024 + 2);

TEST_CASE("frequency_sketch: counts up to 15, and what has no key not at all") {
    frequency_sketch<64> sketch;
    for (unsigned uses = 0; uses < 20; ++uses) {
        CHECK(sketch.estimate(7) == (uses < 15 ? uses : 15));
        sketch.add(7);
        sketch.add(0);
    }
    CHECK(sketch.estimate(8) == 0);
    CHECK(sketch.estimate(0) == 0);
}

TEST_CASE("frequency_sketch: forgets half after ten uses per slot") {
    frequency_sketch<2> sketch;
    static_assert(frequency_sketch<2>::period == 20);
    for (int i = 0; i < 19; ++i) {
        sketch.add(7);
    }
    CHECK(sketch.estimate(7) == 15);
    sketch.add(7);
    CHECK(sketch.estimate(7) == 7);
    // The next time comes after half a period.
    for (int i = 0; i < 9; ++i) {
        sketch.add(7);
    }
    CHECK(sketch.estimate(7) == 15);
    sketch.add(7);
    CHECK(sketch.estimate(7) == 7);
}

TEST_CASE("frequency_sketch: never counts too little, and seldom much too much") {
    frequency_sketch<256> sketch;
    vmem::test::zipf draw(1024);
    std::vector<unsigned> uses(1024);
    for (std::size_t i = 0; i + 1 < frequency_sketch<256>::period; ++i) {
        const std::uint32_t page = draw();
        ++uses[page];
        sketch.add(static_cast<fingerprint>(page + 1));
    }
    std::size_t too_little = 0;
    std::size_t too_much = 0;
    for (std::uint32_t page = 0; page < 1024; ++page) {
        const unsigned expected = uses[page] < 15 ? uses[page] : 15;
        const unsigned counted = sketch.estimate(static_cast<fingerprint>(page + 1));
        too_little += counted < expected ? 1U : 0U;
        too_much += counted > expected + 1 ? 1U : 0U;
    }
    CHECK(too_little == 0);
    CHECK(too_much < 20);
}

} // namespace
