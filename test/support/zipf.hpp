// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_ZIPF_HPP
#define VMEM_TEST_SUPPORT_ZIPF_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace vmem::test {

/// Page numbers `0..pages-1`, where the k-th most popular page is drawn with a probability
/// proportional to 1/k (Zipf's law with exponent 1.0), and which page is how popular is shuffled by
/// the seed. The same numbers on every platform: integers only, and none of the distributions of
/// <random>, which differ between standard libraries.
class zipf {
public:
    static constexpr std::uint64_t default_seed = std::mt19937_64::default_seed;

    explicit zipf(std::uint32_t pages, std::uint64_t seed = default_seed)
        : random_(seed), page_of_rank_(pages), weight_up_to_(pages) {
        std::uint64_t sum = 0;
        for (std::uint32_t rank = 0; rank < pages; ++rank) {
            sum += (std::uint64_t{1} << 32U) / (rank + 1);
            weight_up_to_[rank] = sum;
        }
        std::iota(page_of_rank_.begin(), page_of_rank_.end(), std::uint32_t{0});
        for (std::size_t left = pages; left > 1; --left) {
            std::swap(page_of_rank_[left - 1], page_of_rank_[random_() % left]);
        }
    }

    [[nodiscard]] std::uint32_t operator()() {
        const std::uint64_t drawn = random_() % weight_up_to_.back();
        const auto rank = std::upper_bound(weight_up_to_.begin(), weight_up_to_.end(), drawn);
        return page_of_rank_[static_cast<std::size_t>(rank - weight_up_to_.begin())];
    }

    /// The pages, most popular first.
    [[nodiscard]] std::span<const std::uint32_t> by_popularity() const { return page_of_rank_; }

private:
    std::mt19937_64 random_;
    std::vector<std::uint32_t> page_of_rank_;
    std::vector<std::uint64_t> weight_up_to_;
};

/// `length` draws from `zipf(pages, seed)`.
[[nodiscard]] inline std::vector<std::uint32_t>
zipf_trace(std::uint32_t pages, std::size_t length, std::uint64_t seed = zipf::default_seed) {
    zipf draw(pages, seed);
    std::vector<std::uint32_t> trace(length);
    for (std::uint32_t& page : trace) {
        page = draw();
    }
    return trace;
}

} // namespace vmem::test

#endif
