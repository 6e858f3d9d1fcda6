// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/merge_sort.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <functional>
#include <random>
#include <utility>
#include <vector>

TEST_CASE("merge_sort: every size, stably, to either place") {
    using entry = std::pair<std::uint32_t, std::uint32_t>;
    const auto less = [](const entry& a, const entry& b) { return a.first < b.first; };
    std::mt19937_64 random(1);
    for (std::uint32_t n = 0; n < 300; ++n) {
        CAPTURE(n);
        std::vector<entry> values;
        for (std::uint32_t i = 0; i < n; ++i) {
            values.emplace_back(static_cast<std::uint32_t>(random() % (n / 3 + 1)), i);
        }
        auto sorted = values;
        std::sort(sorted.begin(), sorted.end()); // Whoever came first has the lower second.
        for (const bool into_room : {false, true}) {
            auto elements = values;
            std::vector<entry> room(n);
            vmem::detail::merge_sort(elements.data(), room.data(), n, into_room, less);
            REQUIRE((into_room ? room : elements) == sorted);
        }
    }
}

TEST_CASE("merge_sort: an order that is none moves nothing out of its place in memory") {
    std::mt19937_64 random(2);
    auto less = [&](int, int) { return random() % 2 == 0; };
    for (std::size_t n = 0; n < 200; ++n) {
        std::vector<int> elements(n, 1);
        std::vector<int> room(n, 1);
        vmem::detail::merge_sort(elements.data(), room.data(), n, n % 2 == 0, less);
        REQUIRE(std::ranges::count(elements, 1) == static_cast<std::ptrdiff_t>(n));
    }
}
