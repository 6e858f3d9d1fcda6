// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_KEYED_SIMULATION_HPP
#define VMEM_TEST_SUPPORT_KEYED_SIMULATION_HPP

#include <vmem/eviction/concept.hpp>

#include "support/cache_simulation.hpp"
#include "support/zipf.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <random>
#include <span>
#include <string>
#include <vector>

/// \file
/// Demand paging under policies that may want to know which page a slot holds, beside models that
/// know nothing of slots.
namespace vmem::test {

constexpr std::uint32_t no_page = UINT32_MAX;

/// What one request did.
struct paging {
    bool miss = false;
    /// The page that left, or `no_page`.
    std::uint32_t left = no_page;

    friend bool operator==(const paging&, const paging&) = default;
};

/// Demand paging with a policy that holds nothing yet. Like `cache_simulation`, but tells the
/// policy the page's number, if it wants to know, and the caller which page left.
template <class Policy>
class keyed_simulation {
public:
    keyed_simulation(Policy& policy, std::size_t frames)
        : policy_(policy), page_in_(frames, no_page) {}

    paging request(std::uint32_t page) {
        if (page >= slot_of_.size()) {
            slot_of_.resize(page + std::size_t{1}, absent);
        }
        if (slot_of_[page] != absent) {
            policy_.on_access(slot_of_[page]);
            return {};
        }
        std::size_t slot = held_;
        if (held_ < page_in_.size()) {
            ++held_;
        } else {
            slot = policy_.victim([](std::size_t) { return true; });
            policy_.on_remove(slot);
            slot_of_[page_in_[slot]] = absent;
        }
        insert_with_key(policy_, slot, page);
        const std::uint32_t left = page_in_[slot];
        page_in_[slot] = page;
        slot_of_[page] = static_cast<std::uint32_t>(slot);
        return {.miss = true, .left = left};
    }

private:
    static constexpr std::uint32_t absent = UINT32_MAX;

    Policy& policy_;
    std::vector<std::uint32_t> slot_of_;
    std::vector<std::uint32_t> page_in_;
    std::size_t held_ = 0;
};

struct comparison {
    std::size_t misses = 0;
    /// Requests at which policy and model did not do the same.
    std::size_t disagreements = 0;
};

/// Runs a policy and a model of it side by side. The model is made for a number of frames and has a
/// member `paging request(page)`.
template <class Policy, class Model>
[[nodiscard]] comparison compare(std::span<const std::uint32_t> trace, std::size_t frames) {
    Policy policy;
    keyed_simulation<Policy> simulation(policy, frames);
    Model model(frames);
    comparison result;
    for (const std::uint32_t page : trace) {
        const paging done = simulation.request(page);
        result.misses += done.miss ? 1U : 0U;
        result.disagreements += done == model.request(page) ? 0U : 1U;
    }
    return result;
}

template <class Policy>
[[nodiscard]] std::size_t keyed_misses(std::span<const std::uint32_t> trace, std::size_t frames) {
    Policy policy;
    keyed_simulation<Policy> simulation(policy, frames);
    std::size_t misses = 0;
    for (const std::uint32_t page : trace) {
        misses += simulation.request(page).miss ? 1U : 0U;
    }
    return misses;
}

/// 10^6 requests for the pages 0 to 199, in this order, over and over.
[[nodiscard]] inline std::span<const std::uint32_t> loop_200() {
    static const std::vector<std::uint32_t> trace = [] {
        std::vector<std::uint32_t> pages(1'000'000);
        for (std::uint32_t i = 0; i < pages.size(); ++i) {
            pages[i] = i % 200;
        }
        return pages;
    }();
    return trace;
}

/// 10^6 requests for the pages 0 to 49999, four times each in a row, in this order and over again:
/// a scan that looks at four elements per page.
[[nodiscard]] inline std::span<const std::uint32_t> scan_50000() {
    static const std::vector<std::uint32_t> trace = [] {
        std::vector<std::uint32_t> pages(1'000'000);
        for (std::uint32_t i = 0; i < pages.size(); ++i) {
            pages[i] = i / 4 % 50'000;
        }
        return pages;
    }();
    return trace;
}

/// 10^6 requests: runs of zipf requests over 1024 pages take turns with scans over other pages, and
/// with loops over a few more of them than 64.
[[nodiscard]] inline std::span<const std::uint32_t> mixed_trace() {
    static const std::vector<std::uint32_t> trace = [] {
        zipf draw(1024);
        std::mt19937_64 random(std::mt19937_64::default_seed);
        std::vector<std::uint32_t> pages;
        pages.reserve(1'000'000);
        std::uint32_t fresh = 2048;
        while (pages.size() < 1'000'000) {
            const auto kind = random() % 4;
            const auto length = static_cast<std::uint32_t>(random() % 1500);
            for (std::uint32_t i = 0; i < length && pages.size() < 1'000'000; ++i) {
                pages.push_back(kind < 2 ? draw() : kind == 2 ? fresh + i : 1024 + i % 80);
            }
            fresh = kind == 2 ? (fresh + length) % 50'000 + 2048 : fresh;
        }
        return pages;
    }();
    return trace;
}

/// `all_zero_when_empty` for policies that have padding, which no constant expression can see.
template <class Policy>
[[nodiscard]] bool zero_when_empty() {
    alignas(Policy) std::array<unsigned char, sizeof(Policy)> bytes{};
    ::new (static_cast<void*>(bytes.data())) Policy;
    return std::all_of(bytes.begin(), bytes.end(), [](unsigned char byte) { return byte == 0; });
}

/// What `compare_patterns` found.
struct pattern_comparison {
    /// zipf over 16, 64 and 256 frames, the loop over 128, the scan and the mixed trace over 64.
    std::string misses;
    std::size_t disagreements = 0;
};

/// Runs a policy and its model side by side over the first `requests` of each pattern.
template <template <std::size_t> class Policy, class Model>
[[nodiscard]] pattern_comparison compare_patterns(std::size_t requests = 1'000'000) {
    pattern_comparison all;
    const auto add = [&](comparison one) {
        all.misses += (all.misses.empty() ? "" : " ") + std::to_string(one.misses);
        all.disagreements += one.disagreements;
    };
    add(compare<Policy<16>, Model>(zipf_1024().first(requests), 16));
    add(compare<Policy<64>, Model>(zipf_1024().first(requests), 64));
    add(compare<Policy<256>, Model>(zipf_1024().first(requests), 256));
    add(compare<Policy<128>, Model>(loop_200().first(requests), 128));
    add(compare<Policy<64>, Model>(scan_50000().first(requests), 64));
    add(compare<Policy<64>, Model>(mixed_trace().first(requests), 64));
    return all;
}

/// The disagreements with so few slots that queues have one or none: 20000 zipf requests each, over
/// few pages and over more.
template <template <std::size_t> class Policy, class Model>
[[nodiscard]] std::size_t disagreements_of_few_slots() {
    std::size_t sum = 0;
    for (const std::uint32_t pages : {4U, 9U, 40U}) {
        const std::vector<std::uint32_t> trace = zipf_trace(pages, 20'000);
        sum += compare<Policy<1>, Model>(trace, 1).disagreements;
        sum += compare<Policy<2>, Model>(trace, 2).disagreements;
        sum += compare<Policy<3>, Model>(trace, 3).disagreements;
        sum += compare<Policy<4>, Model>(trace, 4).disagreements;
        sum += compare<Policy<7>, Model>(trace, 7).disagreements;
    }
    return sum;
}

} // namespace vmem::test

#endif
