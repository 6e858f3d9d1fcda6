// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/fingerprint.hpp>

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <set>

namespace {

using vmem::detail::fingerprint_of;
using vmem::detail::recent_fingerprints;

static_assert(sizeof(recent_fingerprints<7>) == 7 * 2 + 2);
static_assert(sizeof(recent_fingerprints<1000>) == 1000 * 2 + 2);

TEST_CASE("fingerprint: keys below 65535 have their own, and none has that of no key") {
    std::set<std::uint16_t> seen;
    for (vmem::address key = 0; key < 65535; ++key) {
        seen.insert(fingerprint_of(key));
    }
    CHECK(seen.size() == 65535);
    CHECK(seen.count(0) == 0);
    CHECK(fingerprint_of(65535) != 0);
}

TEST_CASE("fingerprint: keys in regular steps have as many as drawn ones would") {
    for (const vmem::address step : {65536U, 65537U, 65535U, 1U << 20U, 12345U}) {
        std::set<std::uint16_t> seen;
        for (vmem::address i = 1; i <= 1000; ++i) {
            const vmem::address key = i * step;
            seen.insert(fingerprint_of(key));
        }
        CAPTURE(step);
        // 1000 drawn ones: 992 on average.
        CHECK(seen.size() > 970);
    }
}

TEST_CASE("recent_fingerprints: remembers the last few, each once") {
    recent_fingerprints<3> recent;
    CHECK(!recent.take(0));
    for (std::uint16_t print = 1; print <= 4; ++print) {
        recent.push(print);
    }
    CHECK(!recent.take(1));
    CHECK(recent.take(3));
    CHECK(!recent.take(3));
    CHECK(!recent.take(0));
    // The hole is not filled before its time.
    recent.push(5);
    CHECK(!recent.take(2));
    CHECK(recent.take(4));
    CHECK(recent.take(5));
    // What has no fingerprint takes no place.
    recent.push(6);
    recent.push(0);
    recent.push(7);
    recent.push(8);
    CHECK(recent.take(6));
}

TEST_CASE("recent_fingerprints: one") {
    recent_fingerprints<1> recent;
    recent.push(9);
    recent.push(8);
    CHECK(!recent.take(9));
    CHECK(recent.take(8));
}

} // namespace
