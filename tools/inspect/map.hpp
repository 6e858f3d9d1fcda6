// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TOOLS_INSPECT_MAP_HPP
#define VMEM_TOOLS_INSPECT_MAP_HPP

#include "allocation.hpp"

#include <vmem/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace vmem::inspect {

/// A stretch of the file, and what it is for.
struct region {
    const char* what;
    address begin;
    address end;
};

/// How full each of `count` equal parts of `[begin, end)` is, from 0 to 1.
[[nodiscard]] inline std::vector<double> fill_of(const allocation& found, address begin,
                                                 address end, std::size_t count) {
    std::vector<double> parts(count);
    const double width = static_cast<double>(end - begin) / static_cast<double>(count);
    const auto border = [&](std::size_t n) {
        return static_cast<double>(begin) + static_cast<double>(n) * width;
    };
    for (const granted& block : found.blocks) {
        const auto low = static_cast<double>(block.at);
        const auto high = static_cast<double>(block.at + block.size);
        auto part = static_cast<std::size_t>((low - static_cast<double>(begin)) / width);
        for (; part < count && border(part) < high; ++part) {
            const double covered =
                (std::min)(high, border(part + 1)) - (std::max)(low, border(part));
            parts[part] += covered > 0 ? covered / width : 0;
        }
    }
    return parts;
}

/// Draws the memory as characters: '.' free, '#' full, '-' and '+' for less and more than half.
inline void print_map(const allocation& found) {
    constexpr std::size_t columns = 64;
    const address bytes = found.end - found.begin;
    const auto rows = static_cast<std::size_t>(std::clamp<address>(bytes / (columns * 64), 1, 16));
    const auto parts = fill_of(found, found.begin, found.end, rows * columns);
    for (std::size_t row = 0; row < rows; ++row) {
        std::string line;
        for (std::size_t column = 0; column < columns; ++column) {
            const double fill = parts[row * columns + column];
            line += fill <= 0 ? '.' : fill < 0.5 ? '-' : fill < 0.999 ? '+' : '#';
        }
        const address at = found.begin + bytes / rows * row;
        std::printf("%12zu%s%s\n", static_cast<std::size_t>(at), "  ", line.c_str());
    }
}

/// Draws the whole file: where its parts are, and how full the memory is. False if the drawing
/// cannot be written.
[[nodiscard]] inline bool write_svg(std::FILE* file, const char* title,
                                    const std::vector<region>& regions, address data,
                                    const allocation* found, address size) {
    constexpr std::size_t columns = 64;
    constexpr std::size_t rows = 32;
    constexpr std::size_t cell = 10;
    constexpr std::size_t top = 40;
    std::vector<double> parts(rows * columns);
    if (found != nullptr) {
        allocation shifted = *found;
        for (granted& block : shifted.blocks) {
            block.at += data;
        }
        parts = fill_of(shifted, 0, size, rows * columns);
    }
    std::fprintf(file,
                 "<svg xmlns='http://www.w3.org/2000/svg' width='%zu' height='%zu' "
                 "font-family='sans-serif' font-size='12'>\n<title>",
                 columns * cell + 20, rows * cell + top + 40);
    for (const char* c = title; *c != '\0'; ++c) {
        const std::string special = *c == '<' ? "&lt;" : *c == '&' ? "&amp;" : std::string(1, *c);
        std::fputs(special.c_str(), file);
    }
    std::fprintf(file, "</title>\n<rect width='100%%' height='100%%' fill='white'/>\n");
    for (std::size_t n = 0; n < rows * columns; ++n) {
        const auto middle = static_cast<address>((static_cast<double>(n) + 0.5) *
                                                 static_cast<double>(size) / (rows * columns));
        const char* color = "#eeeeee";
        for (const region& one : regions) {
            color = middle >= one.begin && middle < one.end ? one.what : color;
        }
        std::fprintf(file, "<rect x='%zu' y='%zu' width='%zu' height='%zu' fill='%s'/>\n",
                     10 + n % columns * cell, top + n / columns * cell, cell - 1, cell - 1, color);
        if (parts[n] > 0) {
            std::fprintf(file,
                         "<rect x='%zu' y='%zu' width='%zu' height='%zu' fill='#1f77b4' "
                         "fill-opacity='%.2f'/>\n",
                         10 + n % columns * cell, top + n / columns * cell, cell - 1, cell - 1,
                         (std::min)(1.0, 0.15 + 0.85 * parts[n]));
        }
    }
    constexpr const char* legend[][2] = {{"#ff7f0e", "superblocks, journal"},
                                         {"#9467bd", "reserved, allocator"},
                                         {"#1f77b4", "in use"},
                                         {"#eeeeee", "free"}};
    std::size_t x = 10;
    for (const auto& entry : legend) {
        std::fprintf(file,
                     "<rect x='%zu' y='14' width='12' height='12' fill='%s'/>"
                     "<text x='%zu' y='24'>%s</text>\n",
                     x, entry[0], x + 16, entry[1]);
        x += 150;
    }
    std::fprintf(file, "<text x='10' y='%zu'>%zu bytes, %zu in a square</text>\n</svg>\n",
                 rows * cell + top + 20, static_cast<std::size_t>(size),
                 static_cast<std::size_t>(size / (rows * columns)));
    return std::ferror(file) == 0;
}

} // namespace vmem::inspect

#endif
