// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TOOLS_TRACE_SIMULATE_HPP
#define VMEM_TOOLS_TRACE_SIMULATE_HPP

#include "policies.hpp"
#include "trace.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace trace {

/// What a cache has done. A page's first use is a miss too.
struct outcome {
    std::uint64_t misses = 0;
    /// Pages that have left changed, and those that were changed at the end.
    std::uint64_t write_backs = 0;
};

/// A trace in pages of one size, numbered from 0 in the order of their first use.
struct paged_trace {
    std::vector<std::uint32_t> page;
    std::vector<bool> write;
    /// What the pages were called.
    std::vector<std::uint64_t> name;
};

/// `together` of the trace's pages are one page.
[[nodiscard]] inline paged_trace in_pages(const requests& all, std::uint64_t together) {
    paged_trace made;
    std::unordered_map<std::uint64_t, std::uint32_t> number_of;
    made.page.reserve(all.size());
    for (const request& r : all) {
        const auto [found, is_new] =
            number_of.try_emplace(r.page / together, static_cast<std::uint32_t>(made.name.size()));
        if (is_new) {
            made.name.push_back(r.page / together);
        }
        made.page.push_back(found->second);
        made.write.push_back(r.write);
    }
    return made;
}

inline constexpr std::uint32_t absent = (std::numeric_limits<std::uint32_t>::max)();

/// Demand paging under a policy that holds nothing yet. The request that brings a page in is no
/// `on_access`.
[[nodiscard]] inline outcome simulate(const paged_trace& all, policy& evicts, std::size_t frames) {
    outcome result;
    std::vector<std::uint32_t> slot_of(all.name.size(), absent);
    std::vector<std::uint32_t> page_in;
    std::vector<bool> dirty(frames, false);
    for (std::size_t i = 0; i < all.page.size(); ++i) {
        const std::uint32_t page = all.page[i];
        std::size_t slot = slot_of[page];
        if (slot != absent) {
            evicts.on_access(slot);
        } else {
            ++result.misses;
            slot = page_in.size();
            if (slot < frames) {
                page_in.push_back(page);
            } else {
                slot = evicts.victim();
                evicts.on_remove(slot);
                slot_of[page_in[slot]] = absent;
                result.write_backs += dirty[slot] ? 1U : 0U;
                dirty[slot] = false;
                page_in[slot] = page;
            }
            slot_of[page] = static_cast<std::uint32_t>(slot);
            evicts.on_insert(slot, static_cast<vmem::address>(all.name[page]));
        }
        dirty[slot] = dirty[slot] || all.write[i];
    }
    for (const bool left : dirty) {
        result.write_backs += left ? 1U : 0U;
    }
    return result;
}

/// The fewest misses that are possible: whoever is used again last leaves (Belady, "A study of
/// replacement algorithms for a virtual-storage computer", 1966). O(n log n).
[[nodiscard]] inline outcome simulate_optimum(const paged_trace& all, std::size_t frames) {
    constexpr auto never = (std::numeric_limits<std::size_t>::max)();
    const std::size_t length = all.page.size();
    std::vector<std::size_t> next_use(length);
    std::vector<std::size_t> seen(all.name.size(), never);
    for (std::size_t i = length; i-- != 0;) {
        next_use[i] = std::exchange(seen[all.page[i]], i);
    }
    outcome result;
    std::vector<std::size_t> used_again(all.name.size(), never);
    std::vector<bool> resident(all.name.size(), false);
    std::vector<bool> dirty(all.name.size(), false);
    std::priority_queue<std::pair<std::size_t, std::uint32_t>> by_next_use;
    std::size_t held = 0;
    for (std::size_t i = 0; i < length; ++i) {
        const std::uint32_t page = all.page[i];
        if (!resident[page]) {
            ++result.misses;
            if (held == frames) {
                // What is no longer true of a page that was used meanwhile is passed over.
                while (!resident[by_next_use.top().second] ||
                       used_again[by_next_use.top().second] != by_next_use.top().first) {
                    by_next_use.pop();
                }
                const std::uint32_t leaves = by_next_use.top().second;
                by_next_use.pop();
                resident[leaves] = false;
                result.write_backs += dirty[leaves] ? 1U : 0U;
                dirty[leaves] = false;
                --held;
            }
            resident[page] = true;
            ++held;
        }
        dirty[page] = dirty[page] || all.write[i];
        used_again[page] = next_use[i];
        by_next_use.emplace(next_use[i], page);
    }
    for (const bool left : dirty) {
        result.write_backs += left ? 1U : 0U;
    }
    return result;
}

/// What a device takes for an operation, in microseconds.
struct device {
    std::string_view name;
    /// Command, address, and waiting for the first byte.
    double read_overhead;
    double write_overhead;
    double per_byte;
    /// After a write, for each `unit` bytes of it.
    double busy;
    double unit;

    [[nodiscard]] double seconds(const outcome& of, double page_size) const {
        const double read = read_overhead + per_byte * page_size;
        const double units = page_size <= unit ? 1 : page_size / unit;
        const double write = write_overhead + per_byte * page_size + busy * units;
        return (static_cast<double>(of.misses) * read +
                static_cast<double>(of.write_backs) * write) /
               1e6;
    }
};

/// From data sheets: 20 MHz is .4 us for a byte. SRAM and FRAM take 4 bytes of command and address,
/// FRAM one more to enable writing. A card takes 6 bytes, answers, and lets one wait for some 300
/// us; a written block keeps it busy for about as long again. A serial line of 1 Mbaud carries a
/// byte in 10 us, 8 of them for a command and 4 for the answer.
inline constexpr std::array devices{
    device{"SPI SRAM, 20 MHz", 2.6, 2.6, .4, 0, 1},
    device{"SPI FRAM, 20 MHz", 2.6, 3.6, .4, 0, 1},
    device{"SD card, SPI 20 MHz", 320, 120, .4, 400, 512},
    device{"serial line, 1 Mbaud", 120, 120, 10, 0, 1},
};

} // namespace trace

#endif
