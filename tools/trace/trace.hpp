// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TOOLS_TRACE_TRACE_HPP
#define VMEM_TOOLS_TRACE_TRACE_HPP

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Which pages a program touched, one after the other: read from a file, or made up.
namespace trace {

/// Ends the program with what is wrong with the user's input.
[[noreturn]] inline void refuse(const std::string& problem) {
    std::fprintf(stderr, "vmem-trace: %s\n", problem.c_str());
    std::exit(1);
}

struct request {
    std::uint64_t page;
    bool write = false;
};

using requests = std::vector<request>;

/// The beginning of it, in signs that a terminal can show.
[[nodiscard]] inline std::string quoted(std::string_view text) {
    std::string made(text.substr(0, 40));
    for (char& c : made) {
        c = c < ' ' || c == 127 ? '?' : c;
    }
    return "'" + made + "'";
}

/// A whole number, of which `all` must consist.
[[nodiscard]] inline std::uint64_t number(std::string_view all, const std::string& what) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), value);
    if (error != std::errc() || end != all.data() + all.size()) {
        refuse(what + ": " + quoted(all) + " is not a whole number");
    }
    return value;
}

/// "17", "17 r" or "17 w"; blank lines and those that start with # are left out.
[[nodiscard]] inline requests read_text(const std::string& name, const std::string& text) {
    requests found;
    std::size_t line = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = (std::min)(text.find('\n', at), text.size());
        std::string_view rest(text.data() + at, end - at);
        at = end + 1;
        ++line;
        const auto next_word = [&rest] {
            constexpr const char* blank = " \t\r";
            rest.remove_prefix((std::min)(rest.find_first_not_of(blank), rest.size()));
            const std::string_view word = rest.substr(0, rest.find_first_of(blank));
            rest.remove_prefix(word.size());
            return word;
        };
        const std::string_view page = next_word();
        if (page.empty() || page.front() == '#') {
            continue;
        }
        const std::string where = name + ":" + std::to_string(line);
        const std::string_view how = next_word();
        if (!how.empty() && how != "r" && how != "w") {
            refuse(where + ": " + quoted(how) + " after the page is neither r nor w");
        }
        if (!next_word().empty()) {
            refuse(where + ": more than a page and r or w");
        }
        found.push_back({.page = number(page, where), .write = how == "w"});
    }
    return found;
}

/// Records of 24 bytes, little-endian, as simulators of caches use them: u32 time, u64 page, u32
/// size, i64 number of the next request for the page.
[[nodiscard]] inline requests read_binary(const std::string& name, const std::string& bytes) {
    constexpr std::size_t record = 24;
    if (bytes.size() % record != 0) {
        refuse(name + ": record " + std::to_string(bytes.size() / record + 1) + " has " +
               std::to_string(bytes.size() % record) + " of 24 bytes");
    }
    requests found;
    for (std::size_t at = 0; at < bytes.size(); at += record) {
        std::uint64_t page = 0;
        for (std::size_t i = 8; i != 0; --i) {
            page = page << 8U | static_cast<unsigned char>(bytes[at + 3 + i]);
        }
        found.push_back({.page = page});
    }
    return found;
}

[[nodiscard]] inline requests read_file(const std::string& name, bool binary) {
    std::string bytes;
    std::FILE* const file = std::fopen(name.c_str(), "rb");
    if (file == nullptr) {
        refuse(name + ": cannot be read");
    }
    char part[65536];
    std::size_t count = sizeof part;
    while (count == sizeof part) {
        count = std::fread(part, 1, sizeof part, file);
        bytes.append(part, count);
    }
    if (std::ferror(file) != 0) { // a folder, for example
        refuse(name + ": cannot be read");
    }
    std::fclose(file);
    requests found = binary ? read_binary(name, bytes) : read_text(name, bytes);
    if (found.empty()) {
        refuse(name + ": holds no request");
    }
    return found;
}

/// Page numbers `0..pages-1`, where the k-th most popular page is drawn in proportion to 1/k.
/// Integers only: the same numbers on every platform.
class zipf {
public:
    zipf(std::uint64_t pages, std::uint64_t seed)
        : random_(seed), page_of_rank_(pages), weight_up_to_(pages) {
        std::uint64_t sum = 0;
        for (std::uint64_t rank = 0; rank < pages; ++rank) {
            sum += (std::uint64_t{1} << 32U) / (rank + 1);
            weight_up_to_[rank] = sum;
        }
        std::iota(page_of_rank_.begin(), page_of_rank_.end(), std::uint64_t{0});
        for (std::size_t left = pages; left > 1; --left) {
            std::swap(page_of_rank_[left - 1], page_of_rank_[random_() % left]);
        }
    }
    [[nodiscard]] std::uint64_t operator()() {
        const auto rank = std::upper_bound(weight_up_to_.begin(), weight_up_to_.end(),
                                           random_() % weight_up_to_.back());
        return page_of_rank_[static_cast<std::size_t>(rank - weight_up_to_.begin())];
    }

private:
    std::mt19937_64 random_;
    std::vector<std::uint64_t> page_of_rank_;
    std::vector<std::uint64_t> weight_up_to_;
};

/// Runs of up to 1500 requests: one half zipf over `pages`, one quarter a scan of other pages, one
/// quarter a loop over 80 more.
[[nodiscard]] inline requests mixed(std::uint64_t pages, std::size_t length, std::uint64_t seed) {
    zipf popular(pages, seed);
    std::mt19937_64 random(seed);
    requests made;
    std::uint64_t scanned = 0;
    while (made.size() < length) {
        const auto kind = random() % 4;
        const std::size_t end = (std::min)(made.size() + 1 + random() % 1500, length);
        for (std::uint64_t i = 0; made.size() < end; ++i) {
            made.push_back({kind < 2    ? popular()
                            : kind == 2 ? pages + 80 + scanned++ % (8 * pages)
                                        : pages + i % 80});
        }
    }
    return made;
}

/// "zipf:1024": `length` requests over so many pages.
[[nodiscard]] inline requests synthetic(const std::string& description, std::size_t length,
                                        std::uint64_t seed) {
    const std::size_t colon = (std::min)(description.find(':'), description.size());
    const std::string kind = description.substr(0, colon);
    const std::uint64_t pages = colon == description.size()
                                    ? 1024
                                    : number(std::string_view(description).substr(colon + 1), kind);
    if (pages == 0 || pages > (1U << 24U)) {
        refuse(description + ": takes 1 to 16777216 pages");
    }
    if (kind == "mixed") {
        return mixed(pages, length, seed);
    }
    requests made(length);
    if (kind == "zipf") {
        zipf draw(pages, seed);
        std::ranges::generate(made, [&] { return request{draw()}; });
    } else if (kind == "loop") {
        for (std::size_t i = 0; i < length; ++i) {
            made[i].page = i % pages;
        }
    } else if (kind == "sequential") { // eight accesses to a page, then the next one; all written
        for (std::size_t i = 0; i < length; ++i) {
            made[i] = {.page = i / 8 % pages, .write = true};
        }
    } else if (kind == "scan") { // every other request goes to one of 16 pages that are used again
        std::mt19937_64 random(seed);
        for (std::size_t i = 0; i < length; ++i) {
            made[i].page = i % 2 == 0 ? random() % 16 : 16 + i / 2 % pages;
        }
    } else {
        refuse(description + ": is none of zipf, loop, scan, mixed, sequential");
    }
    return made;
}

} // namespace trace

#endif
