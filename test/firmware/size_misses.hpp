// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_SIZE_MISSES_HPP
#define VMEM_TEST_FIRMWARE_SIZE_MISSES_HPP

#include "size_common.hpp"

#include <cstddef>
#include <cstdint>

/// What the program does instead if it is compiled with MISSES: misses of a heap with fewer than 24
/// page frames. It is another program, so that the first one is not compiled otherwise for them.
/// `WritesBack`: pages may leave before they are saved.
template <std::size_t PageSize, bool WritesBack, class Heap>
int run_misses(Heap& heap) {
    constexpr std::uint32_t words_of_page = PageSize / 4;
    constexpr std::uint32_t words = 24 * words_of_page;
    if (!heap.storage().start() || !heap.format()) {
        give_up();
    }
    measure("nothing", [] {});
    const auto row = heap.template allocate<std::uint32_t>(words);
    if (!row) {
        give_up();
    }
    if constexpr (requires { heap.commit(); }) {
        if (!heap.commit()) {
            give_up();
        }
    }
    std::uint32_t value = 0;
    // Twice, so that all that `allocate` had changed has left.
    for (std::uint32_t i = 0; i < 2 * words; i += words_of_page) {
        value += (*row)[i % words];
    }
    const auto first = unknown(*row);
    value += measure("miss, clean", [&] { return std::uint32_t{*first}; });
    if constexpr (WritesBack) {
        for (std::uint32_t i = 0; i < 2 * words; i += words_of_page) {
            (*row)[i % words] = value;
        }
        const auto again = unknown(*row);
        value = measure("miss, a word to write back", [&] { return std::uint32_t{*again}; });
    }
    return static_cast<int>(unknown(value) & 0);
}

#endif
