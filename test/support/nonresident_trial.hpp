// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_NONRESIDENT_TRIAL_HPP
#define VMEM_TEST_SUPPORT_NONRESIDENT_TRIAL_HPP

#include <vmem/allocator/io_bound.hpp>
#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/counted.hpp>

#include "contract/flaky.hpp"
#include "contract/storage_contract.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <iterator>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// What non-resident allocators are put through beyond their contract: the power cut at every
/// write, faults followed by another start, damaged state, and the count of what they read and
/// write.
namespace vmem::test {

using contract::outcome;

/// Bytes, and a list of the writes to them.
class recorded_medium {
public:
    struct record {
        address at;
        std::vector<std::byte> bytes;
    };

    explicit recorded_medium(std::size_t size) : bytes_(size, std::byte{0x5A}) {}

    [[nodiscard]] address size() const noexcept { return bytes_.size(); }
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        const auto fits = vmem::detail::check_range(size(), from, out.size());
        if (fits) {
            std::copy_n(at(from), out.size(), out.begin());
        }
        return fits;
    }
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        const auto fits = vmem::detail::check_range(size(), to, in.size());
        if (fits) {
            std::ranges::copy(in, at(to));
            writes_.push_back({.at = to, .bytes = {in.begin(), in.end()}});
        }
        return fits;
    }
    [[nodiscard]] result<void> sync() { return {}; }

    [[nodiscard]] std::span<std::byte> bytes() noexcept { return bytes_; }
    [[nodiscard]] std::vector<record>& writes() noexcept { return writes_; }

private:
    [[nodiscard]] std::vector<std::byte>::iterator at(address where) {
        return bytes_.begin() + static_cast<std::ptrdiff_t>(where);
    }

    std::vector<std::byte> bytes_;
    std::vector<record> writes_;
};

/// How a trial is done.
struct trial_options {
    std::uint64_t seed = std::mt19937_64::default_seed;
    int operations = 250;
    address begin = 40;
    address end = 8000;
    /// Bytes.
    address largest_request = 300;
    address largest_align = 64;
    /// Blocks in use that nobody knows after a power cut, at most; and if a write was torn as well.
    /// Whoever is stopped in the middle of a call does not know that call's block.
    std::size_t most_lost = 1;
    std::size_t most_lost_torn = 2;
    /// Whether a power cut may leave a part of a write behind.
    bool tears = true;
};

/// Random operations on an allocator, each of whose writes is the last before a power cut.
template <class Allocator>
class power_cut_trial {
public:
    explicit power_cut_trial(const trial_options& options)
        : options_(options), random_(options.seed), medium_(static_cast<std::size_t>(options.end)) {
    }

    /// What went wrong, or nothing.
    std::string run() {
        expect(outcome(allocator_.format(medium_, options_.begin, options_.end)) == "ok",
               "format must succeed");
        for (int i = 0; i < options_.operations && wrong_.empty(); ++i) {
            const recorded_medium before = medium_;
            medium_.writes().clear();
            growing_ = random_() % 64 == 0 ? !growing_ : growing_;
            if (live_.empty() || (random_() % 3 != 0) == growing_) {
                allocate();
            } else {
                deallocate();
            }
            if (!wrong_.empty()) {
                wrong_ += " in operation " + std::to_string(i);
                break;
            }
            cut_at_each_write(before);
            settled_ = live_;
            freeing_ = 0;
            // After the last write.
            start_again(medium_, options_.most_lost);
            if (random_() % 32 == 0) {
                cut_during_settle();
            }
        }
        return wrong_;
    }
    [[nodiscard]] std::size_t cuts() const noexcept { return cuts_; }

private:
    using blocks = std::map<address, address>;

    void allocate() {
        const block_request request{.size = 1 + random_() % options_.largest_request,
                                    .align = random_() % 4 == 0 ? options_.largest_align : 1};
        const auto made = allocator_.allocate(medium_, request);
        if (made) {
            live_.emplace(*made, request.size);
        } else {
            expect(made.error() == errc::out_of_memory, "allocate failed");
            growing_ = false;
        }
        settled_ = live_;
        if (made) {
            settled_.erase(*made);
        }
    }
    void deallocate() {
        auto which = live_.begin();
        std::advance(which, static_cast<std::ptrdiff_t>(random_() % live_.size()));
        freeing_ = which->first;
        expect(outcome(allocator_.deallocate(medium_, freeing_)) == "ok", "deallocate failed");
        live_.erase(which);
        settled_ = live_;
    }

    void cut_during_settle() {
        const recorded_medium before = medium_;
        medium_.writes().clear();
        expect(outcome(allocator_.settle(medium_)) == "ok", "settle must succeed");
        cut_at_each_write(before);
        Allocator again;
        expect(outcome(again.open(medium_, options_.begin, options_.end)) == "ok",
               "open must succeed");
        expect(again.stats(medium_)->blocks == live_.size(), "what is settled must not be lost");
    }

    /// The writes since `before` reach the medium one after the other, each whole or in part.
    void cut_at_each_write(recorded_medium before) {
        const auto writes = std::exchange(medium_.writes(), {});
        // Before the first of them the block to be freed is live.
        std::size_t most = options_.most_lost + (freeing_ != 0 ? 1 : 0);
        for (const auto& write : writes) {
            start_again(before, most);
            most = options_.most_lost;
            if (options_.tears) {
                tear(before, write);
            }
            static_cast<void>(before.write(write.at, write.bytes));
        }
    }

    /// Some bytes of a write reach the medium.
    void tear(recorded_medium& before, const recorded_medium::record& write) {
        std::vector<std::size_t> changed;
        for (std::size_t i = 0; i < write.bytes.size(); ++i) {
            if (before.bytes()[static_cast<std::size_t>(write.at) + i] != write.bytes[i]) {
                changed.push_back(i);
            }
        }
        // No more than two bytes that are not derived change at a time; try each order.
        for (std::uint64_t bits = 1; changed.size() <= 6 && bits + 1 < 1U << changed.size();
             ++bits) {
            recorded_medium torn = before;
            for (std::size_t i = 0; i < changed.size(); ++i) {
                if ((bits >> i & 1) != 0) {
                    torn.bytes()[static_cast<std::size_t>(write.at) + changed[i]] =
                        write.bytes[changed[i]];
                }
            }
            start_again(torn, options_.most_lost_torn);
        }
    }

    /// The power is back. `settled_` is live, `freeing_` may be, and of that and others `most` may
    /// be in use although nobody knows.
    void start_again(recorded_medium medium, std::size_t most) {
        if (!wrong_.empty()) {
            return;
        }
        ++cuts_;
        const recorded_medium before = medium;
        medium.writes().clear();
        Allocator again;
        expect(outcome(again.open(medium, options_.begin, options_.end)) == "ok",
               "open must succeed after a power cut");
        expect(again.invariants_hold(medium).value_or(false),
               "the invariants must hold after a power cut");
        const nonresident_stats known = again.stats(medium).value_or(nonresident_stats{});
        if (cuts_ % 8 == 0) {
            cut_during_open(before, medium.writes(), known);
        }
        auto found = static_cast<std::size_t>(known.blocks);
        expect(found >= settled_.size(), "a live block was lost");
        expect(found <= settled_.size() + most, "too many blocks are in use that nobody knows");
        if (freeing_ != 0 && again.deallocate(medium, freeing_)) {
            --found;
        }
        use_all(again, medium, found);
    }

    /// The power goes again while what the last cut left is put right.
    void cut_during_open(recorded_medium before, const std::vector<recorded_medium::record>& writes,
                         const nonresident_stats& known) {
        for (const auto& write : writes) {
            recorded_medium medium = before;
            Allocator again;
            expect(outcome(again.open(medium, options_.begin, options_.end)) == "ok",
                   "open must succeed after it was interrupted");
            const nonresident_stats now = again.stats(medium).value_or(nonresident_stats{});
            expect(now.blocks == known.blocks && now.in_use == known.in_use,
                   "an interrupted open must change nothing");
            expect(again.invariants_hold(medium).value_or(false),
                   "the invariants must hold after an interrupted open");
            static_cast<void>(before.write(write.at, write.bytes));
        }
    }

    /// Takes all that is free, and frees all; `found` blocks are in use.
    void use_all(Allocator& again, recorded_medium& medium, std::size_t found) {
        // All that is free, in as few pieces as possible.
        blocks granted;
        for (address most = again.largest_free(medium).value_or(0); most != 0 && wrong_.empty();
             most = again.largest_free(medium).value_or(0)) {
            const auto made = again.allocate(medium, {.size = most});
            expect(made.has_value(), "what is free must be granted");
            if (!made) {
                break;
            }
            const auto next = settled_.lower_bound(*made);
            expect(next == settled_.end() || next->first - *made >= most,
                   "a live block was granted again");
            expect(next == settled_.begin() ||
                       std::prev(next)->first + std::prev(next)->second <= *made,
                   "a live block was granted again");
            granted.emplace(*made, most);
        }
        for (const auto& [at, size] : settled_) {
            expect(outcome(again.deallocate(medium, at)) == "ok",
                   "a live block must be freed after a power cut");
        }
        for (const auto& [at, size] : granted) {
            expect(outcome(again.deallocate(medium, at)) == "ok",
                   "a block granted after a power cut must be freed");
        }
        expect(again.stats(medium)->blocks == found - settled_.size(),
               "only what is lost may stay in use");
        expect(again.invariants_hold(medium).value_or(false), "the invariants must go on to hold");
    }

    void expect(bool met, const char* rule) {
        if (!met && wrong_.empty()) {
            wrong_ = rule;
        }
    }

    trial_options options_;
    std::mt19937_64 random_;
    recorded_medium medium_;
    Allocator allocator_;
    blocks live_;
    /// Live whatever the operation under way does.
    blocks settled_;
    /// 0: none.
    address freeing_ = 0;
    bool growing_ = true;
    std::size_t cuts_ = 0;
    std::string wrong_;
};

template <class Allocator>
void check_power_cuts(const trial_options& options = {}) {
    power_cut_trial<Allocator> trial(options);
    const std::string wrong = trial.run();
    CAPTURE(options.seed);
    CAPTURE(options.begin);
    CHECK_MESSAGE(wrong.empty(), wrong);
    CHECK(trial.cuts() > 200);
}

/// One operation of the medium fails, in one of the ways in which a write can; the allocator goes
/// on as if the call had never been made, and so does another one that is started on the medium
/// then.
template <class Allocator>
class fault_trial {
public:
    fault_trial(const trial_options& options, std::uint64_t n, contract::failed_write how)
        : options_(options), random_(options.seed),
          medium_(recorded_medium(static_cast<std::size_t>(options.end))), looks_(n % 2 == 0) {
        expect(allocator_.format(medium_, options.begin, options.end), "format must succeed");
        medium_.fail(n, 1, how);
    }

    /// What went wrong, or nothing.
    std::string run() {
        for (int i = 0; i < options_.operations && wrong_.empty(); ++i) {
            const std::uint64_t before = medium_.operations();
            io_bound bound = Allocator::worst_case_deallocate(options_.begin, options_.end);
            if (live_.empty() || random_() % 2 == 0) {
                bound = Allocator::worst_case_allocate(options_.begin, options_.end);
                allocate();
            } else {
                deallocate();
            }
            expect(medium_.operations() - before <= bound.operations + (met_ ? 1 : 0),
                   "a call after a fault may cost one access more");
            if (!is_first_fault() || looks_) {
                const auto holds = allocator_.invariants_hold(medium_);
                expect(holds ? *holds : is_first_fault(), "the invariants must hold after a fault");
            }
            if (medium_.failed() != 0 && !met_) {
                met_ = true;
                medium_.heal();
                start_again();
                expect(allocator_.stats(medium_)->blocks == live_.size(),
                       "a call that failed must change nothing");
            }
        }
        medium_.heal();
        for (const auto& [at, size] : live_) {
            expect(allocator_.deallocate(medium_, at), "a live block must be freed after a fault");
        }
        expect(allocator_.stats(medium_)->in_use == 0, "nothing may be lost by a fault");
        return wrong_;
    }
    /// Whether there was such an operation.
    [[nodiscard]] bool met() const noexcept { return met_; }

private:
    void allocate() {
        const address size = 1 + random_() % options_.largest_request;
        const auto made = allocator_.allocate(medium_, {.size = size});
        if (made) {
            expect(live_.emplace(*made, size).second, "a live block was granted again");
        } else {
            expect(made.error() == errc::out_of_memory || is_first_fault(), "allocate failed");
        }
    }
    void deallocate() {
        auto which = live_.begin();
        std::advance(which, static_cast<std::ptrdiff_t>(random_() % live_.size()));
        if (allocator_.deallocate(medium_, which->first)) {
            live_.erase(which);
        } else {
            expect(is_first_fault(), "deallocate failed");
        }
    }
    void start_again() {
        auto medium = medium_;
        Allocator again;
        expect(again.open(medium, options_.begin, options_.end), "open must succeed after a fault");
        expect(again.stats(medium)->blocks <= live_.size() + options_.most_lost_torn,
               "too many blocks are in use that nobody knows");
        for (const auto& [at, size] : live_) {
            expect(again.deallocate(medium, at), "a live block was lost by a fault");
        }
        expect(again.invariants_hold(medium).value_or(false), "the invariants must go on to hold");
    }

    [[nodiscard]] bool is_first_fault() const { return medium_.failed() != 0 && !met_; }
    void expect(const auto& met, const char* rule) {
        if (!static_cast<bool>(met) && wrong_.empty()) {
            wrong_ = rule;
        }
    }

    trial_options options_;
    std::mt19937_64 random_;
    contract::flaky<recorded_medium> medium_;
    Allocator allocator_;
    std::map<address, address> live_;
    /// Whether the first call after the fault is the one that looks at everything.
    bool looks_;
    bool met_ = false;
    std::string wrong_;
};

template <class Allocator>
void check_faults(const trial_options& options = {.operations = 60}) {
    for (const auto how :
         {contract::failed_write::stores_nothing, contract::failed_write::stores_some,
          contract::failed_write::stores_all}) {
        std::uint64_t n = 0;
        std::string wrong;
        for (bool met = true; met && wrong.empty();) {
            fault_trial<Allocator> trial(options, ++n, how);
            wrong = trial.run();
            met = trial.met();
        }
        CAPTURE(options.seed);
        CAPTURE(n);
        CHECK_MESSAGE(wrong.empty(), wrong);
        CHECK(n > 50);
    }
}

/// State that something else has written to. The allocator may refuse, and it may be wrong; but it
/// comes to an end and touches nothing outside of its range.
template <class Allocator>
class damage_trial {
public:
    static constexpr address begin = 128;
    static constexpr address end = 3000;

    damage_trial() : bytes_(3200) {
        CHECK(outcome(allocator_.format(bytes_, begin, end)) == "ok");
        std::vector<address> all;
        for (const address size : {32U, 8U, 40U, 16U, 64U, 24U, 8U, 64U, 8U, 60U, 16U}) {
            all.push_back(allocator_.allocate(bytes_, {.size = size}).value_or(0));
        }
        for (const std::size_t i : {1U, 3U, 4U, 7U}) {
            CHECK(outcome(allocator_.deallocate(bytes_, all[i])) == "ok");
        }
        live_ = {all[0], all[2], all[5]};
        const auto known = allocator_.stats(bytes_);
        state_ = end - begin - known->capacity;
    }

    /// Bytes of the state, or a few more.
    [[nodiscard]] std::size_t state() const noexcept { return static_cast<std::size_t>(state_); }

    /// What goes wrong when the state is `change`d; or null.
    template <class Change>
    const char* use_after(Change change, bool reopen) {
        recorded_medium broken = bytes_;
        change(broken.bytes().subspan(begin, state()));
        counted<recorded_medium> medium(broken);
        Allocator allocator = allocator_;
        wrong_ = nullptr;
        if (reopen) {
            allocator = Allocator();
            const std::vector<std::byte> before(broken.bytes().begin(), broken.bytes().end());
            if (!expect(medium, allocator.open(medium, begin, end))) {
                const bool same = std::ranges::equal(before, medium.inner().bytes());
                return wrong_ != nullptr || same ? wrong_ : "a failed open changed the medium";
            }
        }
        expect(medium, allocator.largest_free(medium));
        expect(medium, allocator.invariants_hold(medium));
        for (const address size : {8U, 24U, 40U, 64U, 1024U}) {
            expect(medium, allocator.allocate(medium, {.size = size}));
        }
        for (const address block : live_) {
            expect(medium, allocator.deallocate(medium, block));
        }
        for (address at = begin; at < end; at += 8) {
            expect(medium, allocator.deallocate(medium, at));
            expect(medium, allocator.allocate(medium, {.size = at % 64 == 0 ? 512U : 48U}));
        }
        expect(medium, allocator.settle(medium));
        expect(medium, allocator.invariants_hold(medium));
        const auto is_foreign = [](std::byte value) { return value == std::byte{0x5A}; };
        const auto all = medium.inner().bytes();
        return std::ranges::all_of(all.first(begin), is_foreign) &&
                       std::ranges::all_of(all.subspan(end), is_foreign)
                   ? wrong_
                   : "a byte outside the range was touched";
    }

private:
    template <class Result>
    bool expect(counted<recorded_medium>& medium, const Result& done) {
        if (!done && done.error() != errc::corrupt && done.error() != errc::foreign_pointer &&
            done.error() != errc::double_free && done.error() != errc::out_of_memory &&
            done.error() != errc::geometry_mismatch) {
            wrong_ = message(done.error());
        }
        if (medium.counts().reads > 100) {
            wrong_ = "too many reads";
        }
        medium.reset_counts();
        return done.has_value();
    }

    recorded_medium bytes_;
    Allocator allocator_;
    std::vector<address> live_;
    address state_ = 0;
    const char* wrong_ = nullptr;
};

template <class Allocator>
void check_damage(std::uint64_t seed = std::mt19937_64::default_seed) {
    damage_trial<Allocator> trial;
    for (const bool reopen : {false, true}) {
        for (std::size_t bit = 0; bit < 8 * trial.state(); ++bit) {
            const char* wrong = trial.use_after(
                [bit](std::span<std::byte> state) {
                    state[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
                },
                reopen);
            CAPTURE(reopen);
            CAPTURE(bit);
            CHECK_MESSAGE(wrong == nullptr, std::string(wrong == nullptr ? "" : wrong));
        }
    }
    std::mt19937_64 random(seed);
    for (int round = 0; round < 3000; ++round) {
        const char* wrong = trial.use_after(
            [&random](std::span<std::byte> state) {
                // Behind the header, mostly.
                const std::size_t from = random() % 8 == 0 ? 0 : 24;
                for (std::size_t left = 1 + random() % 20; left != 0; --left) {
                    state[from + random() % (state.size() - from)] =
                        static_cast<std::byte>(random());
                }
            },
            random() % 2 == 0);
        CAPTURE(seed);
        CAPTURE(round);
        CHECK_MESSAGE(wrong == nullptr, std::string(wrong == nullptr ? "" : wrong));
    }
}

/// What a medium was asked for by a sequence of calls.
struct io_figures {
    /// Reads and writes per allocation, the deallocations between included.
    double mean = 0;
    /// Bytes read and written per allocation.
    double bytes = 0;
    io_bound allocate{};
    io_bound deallocate{};
    /// Of a deallocation and the allocation after it, or the other way round.
    unsigned pair = 0;
};

/// How the calls follow each other once `live` blocks are there.
enum class call_order : std::uint8_t {
    /// Each deallocation, of a random block, is followed by an allocation.
    replace,
    /// Each allocation is followed by the deallocation of the same block.
    last_in_first_out,
    /// Either, at random.
    random,
};

struct io_workload {
    call_order order = call_order::replace;
    address smallest = 16;
    address largest = 512;
    std::size_t live = 1000;
    std::size_t pairs = 20'000;
    std::uint64_t seed = std::mt19937_64::default_seed;
};

template <class Allocator, class Medium>
class io_count {
public:
    io_count(Allocator& allocator, counted<Medium>& medium, const io_workload& workload)
        : allocator_(allocator), medium_(medium), workload_(workload), random_(workload.seed) {}

    [[nodiscard]] io_figures run() {
        while (live_.size() < workload_.live && allocate()) {
        }
        for (const bool warm : {false, true}) {
            figures_ = {};
            operations_ = allocations_ = bytes_ = 0;
            last_ = 0;
            while (allocations_ < (warm ? workload_.pairs : workload_.pairs / 2)) {
                step();
            }
        }
        figures_.mean = static_cast<double>(operations_) / static_cast<double>(allocations_);
        figures_.bytes = static_cast<double>(bytes_) / static_cast<double>(allocations_);
        return figures_;
    }

private:
    void step() {
        switch (workload_.order) {
        case call_order::replace:
            deallocate(random_() % live_.size());
            allocate();
            break;
        case call_order::last_in_first_out:
            if (allocate()) {
                deallocate(live_.size() - 1);
            }
            break;
        case call_order::random:
            if (live_.size() < workload_.live / 2 ||
                (live_.size() < workload_.live * 3 / 2 && random_() % 2 == 0)) {
                allocate();
            } else {
                deallocate(random_() % live_.size());
            }
            break;
        }
    }

    bool allocate() {
        const address span = workload_.largest - workload_.smallest + 1;
        const auto made =
            allocator_.allocate(medium_, {.size = workload_.smallest + random_() % span});
        if (made) {
            live_.push_back(*made);
            ++allocations_;
        }
        account(figures_.allocate);
        return made.has_value();
    }
    void deallocate(std::size_t which) {
        CHECK(outcome(allocator_.deallocate(medium_, live_[which])) == "ok");
        live_[which] = live_.back();
        live_.pop_back();
        account(figures_.deallocate);
    }
    void account(io_bound& most) {
        const storage_counts& seen = medium_.counts();
        const auto reads = static_cast<unsigned>(seen.reads);
        const auto writes = static_cast<unsigned>(seen.writes);
        most.reads = (std::max)(most.reads, reads);
        most.writes = (std::max)(most.writes, writes);
        most.operations = (std::max)(most.operations, reads + writes);
        figures_.pair = (std::max)(figures_.pair, last_ + reads + writes);
        last_ = reads + writes;
        operations_ += reads + writes;
        bytes_ += seen.bytes_read + seen.bytes_written;
        medium_.reset_counts();
    }

    Allocator& allocator_;
    counted<Medium>& medium_;
    io_workload workload_;
    std::mt19937_64 random_;
    std::vector<address> live_;
    io_figures figures_;
    std::uint64_t operations_ = 0;
    std::uint64_t allocations_ = 0;
    std::uint64_t bytes_ = 0;
    unsigned last_ = 0;
};

} // namespace vmem::test

#endif
