// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_CACHE_SIMULATION_HPP
#define VMEM_TEST_SUPPORT_CACHE_SIMULATION_HPP

#include "support/zipf.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmem::test {

/// Demand paging into the slots `0..frames-1`, where a policy that holds nothing yet says which
/// page must leave.
template <class Policy>
class cache_simulation {
public:
    cache_simulation(Policy& policy, std::size_t frames) : policy_(policy), page_in_(frames) {}

    /// Whether `page` was absent, and came in. The request that brings a page in is no `on_access`.
    bool request(std::uint32_t page) {
        if (page >= slot_of_.size()) {
            slot_of_.resize(page + std::size_t{1}, absent());
        }
        if (slot_of_[page] != absent()) {
            policy_.on_access(slot_of_[page]);
            return false;
        }
        std::size_t slot = held_;
        if (held_ < page_in_.size()) {
            ++held_;
        } else {
            slot = policy_.victim([](std::size_t) { return true; });
            policy_.on_remove(slot);
            slot_of_[page_in_[slot]] = absent();
        }
        policy_.on_insert(slot);
        page_in_[slot] = page;
        slot_of_[page] = slot;
        return true;
    }

private:
    [[nodiscard]] std::size_t absent() const { return page_in_.size(); }

    Policy& policy_;
    std::vector<std::size_t> slot_of_;
    std::vector<std::uint32_t> page_in_;
    std::size_t held_ = 0;
};

/// How many requests of `trace` find their page absent. A page's first use is a miss too.
template <class Policy>
[[nodiscard]] std::size_t simulate_misses(Policy& policy, std::span<const std::uint32_t> trace,
                                          std::size_t frames) {
    cache_simulation<Policy> cache(policy, frames);
    std::size_t misses = 0;
    for (const std::uint32_t page : trace) {
        misses += cache.request(page) ? 1U : 0U;
    }
    return misses;
}

template <class Policy>
[[nodiscard]] std::size_t simulate_misses(std::span<const std::uint32_t> trace,
                                          std::size_t frames) {
    Policy policy;
    return simulate_misses(policy, trace, frames);
}

[[nodiscard]] inline double ratio(std::size_t misses, std::span<const std::uint32_t> trace) {
    return static_cast<double>(misses) / static_cast<double>(trace.size());
}

/// The trace by which the policies are compared: 10^6 requests over 1024 pages, zipf 1.0.
[[nodiscard]] inline std::span<const std::uint32_t> zipf_1024() {
    static const std::vector<std::uint32_t> trace = zipf_trace(1024, 1'000'000);
    return trace;
}

/// The misses of LRU with `0..depth` frames, without simulating any: a request hits in `n` frames
/// if fewer than `n` other pages were requested since the last request for its page (Mattson et
/// al., "Evaluation techniques for storage hierarchies", 1970).
[[nodiscard]] inline std::vector<std::size_t>
lru_misses_by_stack_distance(std::span<const std::uint32_t> trace, std::size_t depth) {
    std::vector<std::size_t> requests_at(depth, 0);
    std::vector<std::uint32_t> stack;
    for (const std::uint32_t page : trace) {
        const auto found = std::find(stack.begin(), stack.end(), page);
        if (found == stack.end()) {
            stack.insert(stack.begin(), page);
            stack.resize((std::min)(stack.size(), depth));
        } else {
            ++requests_at[static_cast<std::size_t>(found - stack.begin())];
            std::rotate(stack.begin(), found, found + 1);
        }
    }
    std::vector<std::size_t> misses{trace.size()};
    for (const std::size_t hits : requests_at) {
        misses.push_back(misses.back() - hits);
    }
    return misses;
}

} // namespace vmem::test

#endif
