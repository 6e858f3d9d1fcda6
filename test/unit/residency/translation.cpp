// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/translation.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

namespace {

using vmem::page_map;
using vmem::page_table;

template <std::size_t Pages, std::size_t Frames>
using table = page_table<Pages>::template bind<Frames>;
template <std::size_t Frames>
using map = page_map::bind<Frames>;

// One index per page, and no more.
static_assert(sizeof(table<1, 1>) == 1);
static_assert(sizeof(table<1000, 8>) == 1000);
static_assert(sizeof(table<1000, 256>) == 1000, "the highest index is 255");
static_assert(sizeof(table<1000, 257>) == 2000);
// Two per frame, rounded up to a power of two; one value more than frames.
static_assert(sizeof(map<1>) == 2);
static_assert(sizeof(map<8>) == 16);
static_assert(sizeof(map<9>) == 32);
static_assert(sizeof(map<128>) == 256);
static_assert(sizeof(map<255>) == 512);
static_assert(sizeof(map<256>) == 2 * 512);

// Of an index with a value to spare for "none" the guess is the answer.
static_assert(table<1000, 1>::is_exact && table<1000, 255>::is_exact);
static_assert(!table<1000, 256>::is_exact);
static_assert(table<1000, 257>::is_exact);
static_assert(table<8, 4>::in_range(7) == 7 && table<8, 4>::in_range(9) < 8);
static_assert(table<9, 4>::in_range(8) == 8 && table<9, 4>::in_range(9) < 9);

static_assert(table<1000, 8>::max_pages == 1000);
static_assert(map<8>::max_pages == (std::numeric_limits<std::size_t>::max)());

constexpr bool works_at_compile_time() {
    std::array<std::size_t, 2> page_in{5, 9};
    const auto page_of = [&](std::size_t frame) { return page_in[frame]; };
    map<2> translation;
    translation.insert(5, 0);
    translation.insert(9, 1);
    translation.erase(5, 0, page_of);
    return translation.search(9, page_of) == 1 && translation.search(5, page_of) == 2 &&
           translation.guess(9) == 1;
}
static_assert(works_at_compile_time());

/// A translation as the frames use it: what it says is compared with the frames themselves.
template <class Translation, std::size_t Frames>
class checked {
public:
    static constexpr std::size_t nothing = (std::numeric_limits<std::size_t>::max)();

    checked() { page_in_.fill(nothing); }

    /// Where a page is, or `Frames`, as a cache finds it: the guess, then the search.
    std::size_t find(std::size_t page) {
        const std::size_t guess = translation_.guess(page);
        if (guess > Frames) {
            wrong_ = "a guess must be a frame, or Frames";
            return Frames;
        }
        if (guess != Frames && page_in_[guess] == page) {
            return guess;
        }
        if constexpr (requires { requires Translation::is_exact; }) {
            if (guess != Frames && page < Translation::max_pages) {
                wrong_ = "the guess of an exact table must be right";
            }
        }
        const std::size_t found = translation_.search(page, page_of());
        if (found != Frames && translation_.guess(page) != found) {
            wrong_ = "what was searched for once must be guessed from then on";
        }
        return found;
    }

    void insert(std::size_t page, std::size_t frame) {
        page_in_[frame] = page;
        translation_.insert(page, frame);
    }
    void erase(std::size_t frame) {
        translation_.erase(page_in_[frame], frame, page_of());
        page_in_[frame] = nothing;
    }

    [[nodiscard]] std::size_t page_in(std::size_t frame) const { return page_in_[frame]; }

    /// What is wrong, or null.
    const char* check() {
        for (std::size_t frame = 0; frame < Frames; ++frame) {
            if (page_in_[frame] != nothing && find(page_in_[frame]) != frame) {
                wrong_ = "a page must be found in its frame";
            }
        }
        return wrong_;
    }
    const char* check_absent(std::size_t page) {
        for (const std::size_t held : page_in_) {
            if (held == page) {
                return wrong_;
            }
        }
        if (find(page) != Frames) {
            wrong_ = "an absent page must not be found";
        }
        return wrong_;
    }

private:
    auto page_of() {
        return [this](std::size_t frame) {
            if (frame >= Frames || page_in_[frame] == nothing) {
                wrong_ = "it must ask only for frames that hold a page";
                return std::size_t{0};
            }
            return page_in_[frame];
        };
    }

    Translation translation_;
    std::array<std::size_t, Frames> page_in_{};
    const char* wrong_ = nullptr;
};

/// Pages come and go at random among `pool`; what is wrong first, or null.
template <class Translation, std::size_t Frames>
const char* first_fault(const std::vector<std::size_t>& pool, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    checked<Translation, Frames> subject;
    for (int step = 0; step < 3000; ++step) {
        const std::size_t frame = random() % Frames;
        const std::size_t page = pool[random() % pool.size()];
        if (subject.find(page) != Frames) {
            // It is there already; what it displaced from its home must still be found.
        } else if (subject.page_in(frame) != subject.nothing) {
            subject.erase(frame);
            if (random() % 2 == 0) {
                subject.insert(page, frame);
            }
        } else {
            subject.insert(page, frame);
        }
        subject.check_absent(pool[random() % pool.size()]);
        if (const char* fault = subject.check(); fault != nullptr) {
            return fault;
        }
    }
    return nullptr;
}

/// `count` pages, `stride` apart.
std::vector<std::size_t> pages(std::size_t count, std::size_t stride, std::size_t start = 0) {
    std::vector<std::size_t> all(count);
    for (std::size_t i = 0; i < count; ++i) {
        all[i] = start + i * stride;
    }
    return all;
}

template <std::size_t Frames>
void check_map() {
    CAPTURE(Frames);
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        CAPTURE(seed);
        // With strides that are multiples of the map's capacity many pages have one home.
        for (const std::size_t stride :
             {std::size_t{1}, std::size_t{64}, std::size_t{1} << 20, std::size_t{1} << 24}) {
            CAPTURE(stride);
            CHECK(first_fault<map<Frames>, Frames>(pages(3 * Frames, stride), seed) == nullptr);
        }
        const std::size_t highest = (std::numeric_limits<std::size_t>::max)();
        CHECK(first_fault<map<Frames>, Frames>(pages(3 * Frames, 1, highest - 3 * Frames), seed) ==
              nullptr);
    }
}

TEST_CASE("page_map: finds what is there and nothing else, at random") {
    check_map<1>();
    check_map<2>();
    check_map<3>();
    check_map<5>();
    check_map<8>();
    check_map<33>();
}

TEST_CASE("page_map: frame numbers that outgrow a byte") {
    // With 255 frames the value for none is 255 and fits; with 256 it does not.
    std::mt19937_64 random(1);
    const auto check = [&]<std::size_t Frames>(std::integral_constant<std::size_t, Frames>) {
        checked<map<Frames>, Frames> subject;
        for (std::size_t frame = 0; frame < Frames; ++frame) {
            subject.insert(7 * frame, frame);
        }
        for (int i = 0; i < 100; ++i) {
            const std::size_t frame = random() % Frames;
            subject.erase(frame);
            subject.insert(7 * (Frames + static_cast<std::size_t>(i)) + 1, frame);
            if (subject.check() != nullptr) {
                break;
            }
        }
        CHECK(subject.check() == nullptr);
    };
    check(std::integral_constant<std::size_t, 255>{});
    check(std::integral_constant<std::size_t, 256>{});
    check(std::integral_constant<std::size_t, 257>{});
}

TEST_CASE("page_map: the pages of one aligned stretch of twice as many as frames never collide") {
    map<64> translation;
    for (std::size_t page = 1024; page < 1152; ++page) {
        CHECK(translation.guess(page) == 64);
        if (page < 1088) {
            translation.insert(page, page - 1024);
        }
    }
    for (std::size_t page = 1024; page < 1088; ++page) {
        CHECK(translation.guess(page) == page - 1024);
    }
}

TEST_CASE("page_map: a page in use moves to its home, and is guessed from then on") {
    std::array<std::size_t, 2> page_in{0, 0};
    const auto page_of = [&](std::size_t frame) { return page_in[frame]; };
    map<2> translation;
    std::vector<std::size_t> same_home;
    for (std::size_t page = 0; same_home.size() < 2; ++page) {
        map<2> probe;
        probe.insert(0, 0);
        if (probe.guess(page) == 0) {
            same_home.push_back(page);
        }
    }
    for (std::size_t frame = 0; frame < 2; ++frame) {
        page_in[frame] = same_home[frame];
        translation.insert(same_home[frame], frame);
    }
    CHECK(translation.guess(same_home[1]) == 0);
    CHECK(translation.search(same_home[1], page_of) == 1);
    CHECK(translation.guess(same_home[1]) == 1);
    CHECK(translation.search(same_home[0], page_of) == 0);
    CHECK(translation.guess(same_home[0]) == 0);
}

TEST_CASE("page_table: finds what is there and nothing else, at random") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        CAPTURE(seed);
        CHECK(first_fault<table<1, 1>, 1>(pages(1, 1), seed) == nullptr);
        CHECK(first_fault<table<64, 4>, 4>(pages(64, 1), seed) == nullptr);
        CHECK(first_fault<table<100, 7>, 7>(pages(100, 1), seed) == nullptr);
        CHECK(first_fault<table<600, 257>, 257>(pages(600, 1), seed) == nullptr);
    }
}

TEST_CASE("page_table: a page beyond the table is guessed without reading beyond it") {
    // The address sanitizer would see it; whoever compares the guess with a tag sees that it is
    // wrong.
    table<100, 4> odd;
    table<64, 4> even;
    for (const std::size_t page :
         {std::size_t{100}, std::size_t{64}, (std::numeric_limits<std::size_t>::max)()}) {
        CHECK(odd.guess(page) == 4);
        CHECK(even.guess(page) == 4);
    }
}

} // namespace
