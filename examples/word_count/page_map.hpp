// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EXAMPLES_WORD_COUNT_PAGE_MAP_HPP
#define VMEM_EXAMPLES_WORD_COUNT_PAGE_MAP_HPP

#include <vmem/vmem.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>

namespace demo {

/// In ascending order of interest.
enum class page_kind : unsigned char { free, in_use, in_ram, changed, pinned };

struct page_sign {
    char sign;
    const char* colour;
    const char* meaning;
};
inline constexpr page_sign page_signs[] = {{'.', "\033[90m", "free"},
                                           {'o', "\033[34m", "in use"},
                                           {'R', "\033[32m", "in RAM"},
                                           {'D', "\033[33m", "in RAM, changed"},
                                           {'P', "\033[31m", "in RAM, pinned"}};

inline void print_sign(page_kind kind, bool coloured) {
    const page_sign& sign = page_signs[static_cast<std::size_t>(kind)];
    if (coloured) {
        std::printf("%s%c\033[m", sign.colour, sign.sign);
    } else {
        std::putchar(sign.sign);
    }
}

/// What is known of a page, if everything below the address `used_end` is in use.
template <class Memory>
page_kind kind_of(Memory& heap, std::size_t page, vmem::address used_end) {
    const vmem::page_state state = heap.residency().state_of(page);
    if (state.resident) {
        return state.pinned  ? page_kind::pinned
               : state.dirty ? page_kind::changed
                             : page_kind::in_ram;
    }
    return page * Memory::residency_type::page_size < used_end ? page_kind::in_use
                                                               : page_kind::free;
}

/// Prints a sign for each page, or for several if they are many: then the most interesting one.
template <class Memory>
void print_page_map(Memory& heap, vmem::address used_end, bool coloured) {
    constexpr std::size_t columns = 64;
    constexpr std::size_t most_rows = 16;
    const std::size_t pages = heap.size() / Memory::residency_type::page_size;
    const std::size_t pages_per_sign = (pages - 1) / (columns * most_rows) + 1;

    std::printf("%zu pages of %zu bytes", pages, Memory::residency_type::page_size);
    if (pages_per_sign > 1) {
        std::printf(", %zu to a sign", pages_per_sign);
    }
    for (const page_kind kind : {page_kind::pinned, page_kind::changed, page_kind::in_ram,
                                 page_kind::in_use, page_kind::free}) {
        std::fputs(kind == page_kind::pinned ? ":  " : ",  ", stdout);
        print_sign(kind, coloured);
        std::printf(" %s", page_signs[static_cast<std::size_t>(kind)].meaning);
    }
    for (std::size_t page = 0; page < pages; page += pages_per_sign) {
        if (page % (columns * pages_per_sign) == 0) {
            std::fputs("\n  ", stdout);
        }
        page_kind kind = page_kind::free;
        for (std::size_t i = page; i < (std::min)(page + pages_per_sign, pages); ++i) {
            kind = (std::max)(kind, kind_of(heap, i, used_end));
        }
        print_sign(kind, coloured);
    }
    std::putchar('\n');
}

} // namespace demo

#endif
