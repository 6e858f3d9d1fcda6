// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_PAGE_MODELS_HPP
#define VMEM_TEST_SUPPORT_PAGE_MODELS_HPP

#include "support/keyed_simulation.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <unordered_map>
#include <vector>

/// \file
/// The policies that remember what has left, as their papers tell them: of pages, without slots,
/// with whole page numbers instead of fingerprints, and sharing no code with the library. Each is
/// made for a number of frames.
namespace vmem::test {

/// Newest in front.
class s3_fifo_model {
public:
    explicit s3_fifo_model(std::size_t frames)
        : frames_(frames), small_frames_((std::max)(frames / 10, std::size_t{1})),
          memory_((std::max)(frames - small_frames_, std::size_t{1})) {}

    paging request(std::uint32_t page) {
        if (const auto found = uses_.find(page); found != uses_.end()) {
            found->second = (std::min)(found->second + 1, 3);
            return {};
        }
        paging done{.miss = true};
        if (uses_.size() == frames_) {
            done.left = evict();
            uses_.erase(done.left);
        }
        const auto left = departures_.find(page);
        const bool known = left != departures_.end() && count_ - left->second <= memory_;
        (known ? main_ : small_).push_front(page);
        if (left != departures_.end()) {
            departures_.erase(left);
        }
        uses_[page] = 0;
        return done;
    }

private:
    std::uint32_t evict() {
        if (small_.size() >= small_frames_) {
            while (!small_.empty()) {
                const std::uint32_t page = small_.back();
                small_.pop_back();
                if (uses_[page] < 2) {
                    departures_[page] = count_++;
                    return page;
                }
                main_.push_front(page);
                uses_[page] = 0;
            }
        }
        for (;;) {
            const std::uint32_t page = main_.back();
            main_.pop_back();
            if (uses_[page] == 0) {
                return page;
            }
            --uses_[page];
            main_.push_front(page);
        }
    }

    std::size_t frames_;
    std::size_t small_frames_;
    std::size_t memory_;
    std::deque<std::uint32_t> small_;
    std::deque<std::uint32_t> main_;
    std::unordered_map<std::uint32_t, int> uses_;
    /// The how-manieth departure from the small queue each page's last one was.
    std::unordered_map<std::uint32_t, std::size_t> departures_;
    std::size_t count_ = 0;
};

/// All pages normal but those divisible by 16, which are critical, and the odd ones, which are low.
class priority_model {
public:
    explicit priority_model(std::size_t frames) : frames_(frames) {}

    static unsigned level_of(std::uint32_t page) {
        return page % 16 == 0 ? 1U : page % 2 == 0 ? 3U : 4U;
    }

    paging request(std::uint32_t page) {
        const auto found = std::find_if(pages_.begin(), pages_.end(),
                                        [&](const entry& held) { return held.page == page; });
        if (found != pages_.end()) {
            found->last_use = insertions_;
            found->uses = (std::min)(found->uses + 1, std::uint64_t{255});
            return {};
        }
        const entry fresh{.page = page, .last_use = ++insertions_};
        if (pages_.size() < frames_) {
            pages_.push_back(fresh);
            return {.miss = true};
        }
        // The score of what is there before the page comes in.
        --insertions_;
        const auto first =
            std::max_element(pages_.begin(), pages_.end(),
                             [&](const entry& a, const entry& b) { return is_less_ready(a, b); });
        ++insertions_;
        const std::uint32_t left = first->page;
        *first = fresh;
        return {.miss = true, .left = left};
    }

private:
    struct entry {
        std::uint32_t page = 0;
        std::uint64_t last_use = 0;
        std::uint64_t uses = 0;
    };
    [[nodiscard]] bool is_less_ready(const entry& a, const entry& b) const {
        const unsigned of_a = level_of(a.page);
        const unsigned of_b = level_of(b.page);
        if ((of_a == 1) != (of_b == 1)) {
            return of_a == 1;
        }
        const double score_a = static_cast<double>(of_a * (insertions_ - a.last_use + 1)) /
                               static_cast<double>(a.uses + 1);
        const double score_b = static_cast<double>(of_b * (insertions_ - b.last_use + 1)) /
                               static_cast<double>(b.uses + 1);
        return score_a != score_b ? score_a < score_b : of_a < of_b;
    }

    std::size_t frames_;
    /// In the order of the frames.
    std::vector<entry> pages_;
    std::uint64_t insertions_ = 0;
};

/// The hand stands still, and the pages pass it.
template <int MostUses>
class counting_clock_model {
public:
    explicit counting_clock_model(std::size_t frames) : frames_(frames) {}

    paging request(std::uint32_t page) {
        if (const auto found = uses_.find(page); found != uses_.end()) {
            found->second = (std::min)(found->second + 1, MostUses);
            return {};
        }
        paging done{.miss = true};
        if (uses_.size() == frames_) {
            for (; uses_[dial_.front()] != 0; dial_.pop_front()) {
                --uses_[dial_.front()];
                dial_.push_back(dial_.front());
            }
            done.left = dial_.front();
            dial_.pop_front();
            uses_.erase(done.left);
        }
        dial_.push_back(page);
        uses_[page] = 0;
        return done;
    }

private:
    std::size_t frames_;
    std::deque<std::uint32_t> dial_;
    std::unordered_map<std::uint32_t, int> uses_;
};

/// A queue of pages, newest in front, from which any can be taken.
class page_queue {
public:
    [[nodiscard]] std::size_t size() const { return pages_.size(); }
    [[nodiscard]] bool contains(std::uint32_t page) const { return place_.count(page) != 0; }
    [[nodiscard]] std::uint32_t front() const { return pages_.front(); }
    [[nodiscard]] std::uint32_t back() const { return pages_.back(); }
    void push(std::uint32_t page) { place_[page] = pages_.insert(pages_.begin(), page); }
    bool take(std::uint32_t page) {
        const auto found = place_.find(page);
        if (found == place_.end()) {
            return false;
        }
        pages_.erase(found->second);
        place_.erase(found);
        return true;
    }
    std::uint32_t pop() {
        const std::uint32_t page = pages_.back();
        take(page);
        return page;
    }

private:
    std::list<std::uint32_t> pages_;
    std::unordered_map<std::uint32_t, std::list<std::uint32_t>::iterator> place_;
};

/// With the paper's names.
class arc_model {
public:
    explicit arc_model(std::size_t frames) : c_(frames) {}

    paging request(std::uint32_t page) {
        if (page == last_) {
            return {};
        }
        last_ = page;
        if (t1_.take(page) || t2_.take(page)) {
            t2_.push(page);
            return {};
        }
        paging done{.miss = true};
        if (t1_.size() + t2_.size() == c_) {
            done.left = replace();
        }
        if (b1_.contains(page)) {
            p_ = (std::min)(c_, p_ + (std::max)(b2_.size() / b1_.size(), std::size_t{1}));
            b1_.take(page);
            t2_.push(page);
        } else if (b2_.contains(page)) {
            const std::size_t step = (std::max)(b1_.size() / b2_.size(), std::size_t{1});
            p_ -= (std::min)(p_, step);
            b2_.take(page);
            t2_.push(page);
        } else {
            // With the page that has just left, for which the paper makes room before it leaves.
            if (t1_.size() + b1_.size() == c_) {
                b1_.pop();
            } else if (t1_.size() + t2_.size() + b1_.size() + b2_.size() == 2 * c_) {
                b2_.pop();
            }
            t1_.push(page);
        }
        return done;
    }

private:
    std::uint32_t replace() {
        if (t1_.size() > p_ || t2_.size() == 0) {
            b1_.push(t1_.pop());
            return b1_.front();
        }
        b2_.push(t2_.pop());
        return b2_.front();
    }

    std::size_t c_;
    std::size_t p_ = 0;
    page_queue t1_;
    page_queue t2_;
    page_queue b1_;
    page_queue b2_;
    std::uint32_t last_ = no_page;
};

/// With the paper's names. A1out is the last `kout_` pages that left A1in, less those that came
/// back.
class two_queue_model {
public:
    explicit two_queue_model(std::size_t frames)
        : frames_(frames), kin_((std::max)(frames / 4, std::size_t{1})),
          kout_((std::max)(frames / 2, std::size_t{1})) {}

    paging request(std::uint32_t page) {
        if (am_.take(page)) {
            am_.push(page);
            return {};
        }
        if (a1in_.contains(page)) {
            return {};
        }
        paging done{.miss = true};
        if (am_.size() + a1in_.size() == frames_) {
            done.left = reclaim();
        }
        const auto known = std::find(a1out_.begin(), a1out_.end(), page);
        (known != a1out_.end() ? am_ : a1in_).push(page);
        if (known != a1out_.end()) {
            *known = no_page;
        }
        return done;
    }

private:
    std::uint32_t reclaim() {
        if (a1in_.size() <= kin_ && am_.size() != 0) {
            return am_.pop();
        }
        a1out_.push_back(a1in_.pop());
        const std::uint32_t page = a1out_.back();
        if (a1out_.size() > kout_) {
            a1out_.pop_front();
        }
        return page;
    }

    std::size_t frames_;
    std::size_t kin_;
    std::size_t kout_;
    page_queue a1in_;
    page_queue am_;
    std::deque<std::uint32_t> a1out_;
};

/// Four rows of counters, one number each. How a page number becomes the index of a counter is part
/// of what is modelled.
class tiny_lfu_model {
public:
    explicit tiny_lfu_model(std::size_t frames)
        : frames_(frames), window_frames_((std::max)(frames / 100, std::size_t{1})),
          protected_frames_((std::max)((frames - window_frames_) * 4 / 5, std::size_t{1})) {
        std::size_t width = 4;
        while (width < 4 * frames) {
            width *= 2;
        }
        counters_.assign(4, std::vector<unsigned>(width));
    }

    paging request(std::uint32_t page) {
        if (page == last_) {
            return {};
        }
        last_ = page;
        paging done{.miss = !window_.contains(page) && !probation_.contains(page) &&
                            !protected_.contains(page)};
        if (done.miss && window_.size() + probation_.size() + protected_.size() == frames_) {
            done.left = evict();
        }
        count(page);
        if (done.miss || window_.take(page)) {
            window_.push(page);
            if (window_.size() > window_frames_) {
                probation_.push(window_.pop());
            }
            return done;
        }
        probation_.take(page);
        protected_.take(page);
        protected_.push(page);
        if (protected_.size() > protected_frames_) {
            probation_.push(protected_.pop());
        }
        return done;
    }

private:
    std::uint32_t evict() {
        page_queue& main = probation_.size() != 0 ? probation_ : protected_;
        if (main.size() == 0 || frequency(window_.back()) <= frequency(main.back())) {
            return window_.pop();
        }
        const std::uint32_t left = main.pop();
        probation_.push(window_.pop());
        return left;
    }

    unsigned& counter(std::size_t row, std::uint32_t page) {
        static constexpr std::uint32_t factors[4]{2654435769U, 1779033703U, 3144134277U,
                                                  1359893119U};
        const std::uint32_t hash = (page + 1) * factors[row];
        return counters_[row][hash / 4096 % counters_[row].size()];
    }
    unsigned frequency(std::uint32_t page) {
        return (std::min)({counter(0, page), counter(1, page), counter(2, page), counter(3, page)});
    }
    void count(std::uint32_t page) {
        for (std::size_t row = 0; row < 4; ++row) {
            counter(row, page) = (std::min)(counter(row, page) + 1, 15U);
        }
        if (++counted_ < 10 * frames_) {
            return;
        }
        counted_ /= 2;
        for (std::vector<unsigned>& row : counters_) {
            for (unsigned& one : row) {
                one /= 2;
            }
        }
    }

    std::size_t frames_;
    std::size_t window_frames_;
    std::size_t protected_frames_;
    page_queue window_;
    page_queue probation_;
    page_queue protected_;
    std::vector<std::vector<unsigned>> counters_;
    std::size_t counted_ = 0;
    std::uint32_t last_ = no_page;
};

/// Last used in front.
class lirs_model {
public:
    explicit lirs_model(std::size_t frames)
        : frames_(frames), low_frames_((std::max)(frames - (std::max)(frames / 100, std::size_t{1}),
                                                  std::size_t{1})) {}

    paging request(std::uint32_t page) {
        if (page == last_) {
            return {};
        }
        last_ = page;
        paging done{.miss = resident_.count(page) == 0};
        if (done.miss && resident_.size() == frames_) {
            // It may be the page asked for that is forgotten for the one that leaves.
            done.left = evict();
        }
        const bool recent = in_stack_.count(page) != 0;
        forget(page);
        if (done.miss || resident_[page] == high) {
            queue_.remove(page);
            resident_[page] = recent || (done.miss && low_ < low_frames_) ? low : high;
            low_ += resident_[page] == low ? 1U : 0U;
        }
        in_stack_[page] = stack_.insert(stack_.begin(), page);
        if (resident_[page] == high) {
            queue_.push_front(page);
        }
        if (low_ > low_frames_) {
            resident_[stack_.back()] = high;
            --low_;
            queue_.push_front(stack_.back());
            forget(stack_.back());
        }
        while (!is_low(stack_.back())) {
            forget(stack_.back());
        }
        return done;
    }

private:
    enum rank : std::uint8_t { low, high };

    [[nodiscard]] bool is_low(std::uint32_t page) const {
        const auto found = resident_.find(page);
        return found != resident_.end() && found->second == low;
    }

    /// Takes `page` out of the stack, if it is there.
    void forget(std::uint32_t page) {
        if (const auto found = in_stack_.find(page); found != in_stack_.end()) {
            remembered_ -= resident_.count(page) == 0 ? 1U : 0U;
            stack_.erase(found->second);
            in_stack_.erase(found);
        }
    }

    std::uint32_t evict() {
        if (queue_.empty()) {
            // There is but one frame, and it is a low one.
            const std::uint32_t page = stack_.back();
            forget(page);
            resident_.erase(page);
            --low_;
            return page;
        }
        const std::uint32_t page = queue_.back();
        queue_.pop_back();
        if (in_stack_.count(page) != 0) {
            if (remembered_ == frames_) {
                forget(*std::find_if(stack_.rbegin(), stack_.rend(), [&](std::uint32_t other) {
                    return resident_.count(other) == 0;
                }));
            }
            ++remembered_;
        }
        resident_.erase(page);
        return page;
    }

    std::size_t frames_;
    std::size_t low_frames_;
    std::size_t low_ = 0;
    std::list<std::uint32_t> stack_;
    std::unordered_map<std::uint32_t, std::list<std::uint32_t>::iterator> in_stack_;
    std::unordered_map<std::uint32_t, rank> resident_;
    std::list<std::uint32_t> queue_;
    /// Pages in the stack that are not resident.
    std::size_t remembered_ = 0;
    std::uint32_t last_ = no_page;
};

} // namespace vmem::test

#endif
