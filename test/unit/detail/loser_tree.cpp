// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/loser_tree.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <functional>
#include <random>
#include <type_traits>
#include <vector>

namespace {

/// Merges `ways` sequences of `length` elements and checks the order, ties included.
template <class T, class Less, class Make>
void check(std::size_t ways, std::size_t length, Less less, Make make) {
    // Of numbers that are equal nobody can tell which came first.
    constexpr bool ties_show =
        !std::is_integral_v<T> || !requires { typename Less::is_transparent; };
    using tree_type = vmem::detail::loser_tree<T, Less>;
    std::mt19937_64 random(ways);
    std::vector<std::vector<T>> sequences(ways);
    for (std::size_t way = 0; way < ways; ++way) {
        for (std::size_t i = 0; i < length; ++i) {
            sequences[way].push_back(make(random() % 8, way));
        }
        std::sort(sequences[way].begin(), sequences[way].end(), less);
    }
    std::vector<typename tree_type::node> nodes(ways);
    std::vector<std::size_t> next(ways, 0);
    tree_type tree(nodes.data(), less);
    tree.build(ways, [&](std::size_t way) { return sequences[way].data(); });
    const T* last = nullptr;
    std::size_t last_way = 0;
    for (;;) {
        const std::size_t way = tree.way();
        const T& element = sequences[way][next[way]];
        if (last != nullptr) {
            REQUIRE_FALSE(less(element, *last));
            if (ties_show && !less(*last, element)) {
                REQUIRE(last_way <= way);
            }
        }
        last = &element;
        last_way = way;
        if (++next[way] == length) {
            break; // Its user builds a new one without this way.
        }
        tree.replace(&sequences[way][next[way]]);
    }
}

} // namespace

TEST_CASE("loser_tree: the first of all comes first, and of equals that of the first way") {
    const auto number = [](std::uint64_t key, std::size_t) { return key; };
    const auto by_low_bits = [](std::uint64_t a, std::uint64_t b) { return a % 4 < b % 4; };
    const auto large = [](std::uint64_t key, std::size_t way) {
        return std::array<std::uint64_t, 5>{key, way, 0, 0, 0};
    };
    const auto by_first = [](const auto& a, const auto& b) { return a[0] < b[0]; };
    for (std::size_t ways = 1; ways < 40; ++ways) {
        CAPTURE(ways);
        check<std::uint64_t>(ways, 20, by_low_bits, number);
        check<std::uint64_t>(ways, 20, std::less<>(), number);
        check<std::uint8_t>(ways, 20, std::greater<>(), [](std::uint64_t key, std::size_t) {
            return static_cast<std::uint8_t>(key);
        });
        check<double>(ways, 20, std::less<>(),
                      [](std::uint64_t key, std::size_t) { return static_cast<double>(key); });
        check<std::array<std::uint64_t, 5>>(ways, 20, by_first, large);
    }
}
