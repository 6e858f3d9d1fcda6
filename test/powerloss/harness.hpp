// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_POWERLOSS_HARNESS_HPP
#define VMEM_TEST_POWERLOSS_HARNESS_HPP

#include <vmem/policies.hpp>
#include <vmem/result.hpp>

#include "powerloss/disk.hpp"
#include "powerloss/workloads.hpp"

#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

/// \file
/// Runs a workload, then loses power at every moment of it, opens what is left, and loses power at
/// every moment of that as well. After each loss the heap must hold exactly what it held at the
/// last commit, or at the one that was under way, and its allocator exactly the blocks of then.
namespace vmem::powerloss {

/// How thorough to be.
struct effort {
    /// Transactions of a history.
    unsigned commits = 24;
    /// Histories of each workload.
    std::uint64_t seeds = 1;
    /// Subsets tried at random of more than 8 pending writes.
    unsigned samples = 4;
    /// Of so many losses one is followed by losses at every moment of the recovery.
    unsigned again = 100;
    unsigned samples_again = 1;
    /// Of so many losses after one the program goes on.
    unsigned go_on = 16;
};

/// Which loss is looked at: enough to repeat it.
struct loss_id {
    const char* suite = "";
    const char* workload = "";
    std::uint64_t seed = 0;
    std::uint64_t event = 0;
    std::uint64_t variant = 0;
    std::uint64_t event_again = 0;
    std::uint64_t variant_again = 0;
    /// In a long history; that is repeated as a whole.
    bool in_long = false;
};

inline loss_id current_loss;

/// Prints the loss, why it is wrong, and ends the program.
[[noreturn]] inline void fail(const char* why) {
    const loss_id& id = current_loss;
    std::printf("FAILED: %s\nreplay with: %s:%" PRIu64, why, id.workload, id.seed);
    if (id.in_long) {
        std::printf(":long\n");
    } else {
        std::printf(":%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%" PRIu64 "\n", id.event, id.variant,
                    id.event_again, id.variant_again);
    }
    std::fflush(stdout);
    std::_Exit(1);
}

/// Fault handler of the heaps: nothing that a recovered heap holds may be out of reach.
struct report_fault {
    [[noreturn]] void operator()(fault_info fault) const noexcept {
        fail((std::string("fault: ") + message(fault.code)).c_str());
    }
};

/// One workload on one heap.
template <class Heap, class Disk, template <class> class Workload>
class trial {
public:
    using work = Workload<Heap>;

    trial(const char* suite, const effort& how) : how_(how) {
        current_loss = {.suite = suite, .workload = work::name};
    }

    /// All losses of all histories; how many there were.
    std::uint64_t run() {
        for (std::uint64_t seed = 1; seed <= how_.seeds; ++seed) {
            prepare(seed);
            time_machine past(past_, seed, how_.samples, Disk::geometry.atomic_write_size);
            while (past.next()) {
                count_states(past.happened());
                for (std::uint64_t n = 0; n < past.variants(); ++n) {
                    current_loss.event = past.now();
                    current_loss.variant = n;
                    lose(past, n);
                }
            }
        }
        return losses_;
    }
    /// One of them.
    void replay(const loss_id& id) {
        prepare(id.seed);
        time_machine past(past_, id.seed, how_.samples, Disk::geometry.atomic_write_size);
        while (past.next() && past.now() <= id.event) {
            count_states(past.happened());
        }
        current_loss.event = id.event;
        current_loss.variant = id.variant;
        time_machine again(past_, id.seed, how_.samples, Disk::geometry.atomic_write_size);
        while (again.next() && again.now() < id.event) {
        }
        how_.again = how_.go_on = 1;
        lose(again, id.variant);
    }

    /// A long life: power is lost at random, what is left is opened, the program goes on. Returns
    /// the losses; `commits` in all.
    std::uint64_t live(std::uint64_t seed, unsigned commits) {
        prepare_image(seed);
        current_loss.in_long = true;
        random_engine random(mixed(seed, 77));
        std::uint64_t losses = 0;
        while (lived_ < commits) {
            live_a_while(random);
            ++losses;
        }
        return losses;
    }

private:
    struct known {
        work model;
        state contents;
    };

    /// What a storage holds without an image; what a heap does without a block has one word too.
    [[nodiscard]] static state nothing() { return {0xFFFFFFFF}; }
    [[nodiscard]] static state contents_of(Heap& heap) {
        const auto stats = heap.allocation();
        if (!stats || !heap.invariants_hold().value_or(false)) {
            fail("the allocator's invariants do not hold");
        }
        if (stats->blocks == 0) {
            return {0};
        }
        state all = work::found(heap);
        all.push_back(static_cast<std::uint32_t>(stats->blocks));
        all.push_back(static_cast<std::uint32_t>(stats->in_use));
        return all;
    }
    static void must(const result<void>& done) {
        if (!done) {
            fail(message(done.error()));
        }
    }

    /// Commits what `model` did, and remembers it.
    void commit(Heap& heap, Disk& medium, const work& model) {
        medium.note(event::kind::begun);
        must(heap.commit());
        medium.note(event::kind::done);
        known now{.model = model, .contents = contents_of(heap)};
        const state expected = model.expected();
        if (now.contents.size() > 1 &&
            (now.contents.size() != expected.size() + 2 ||
             !std::equal(expected.begin(), expected.end(), now.contents.begin()))) {
            fail("the heap does not hold what was written to it");
        }
        states_.push_back(std::move(now));
    }
    /// A few steps, and what becomes of them.
    void transact(Heap& heap, Disk& medium, work& model, random_engine& random) {
        const work before = model;
        for (std::uint64_t steps = 1 + random() % 4; steps != 0; --steps) {
            model.step(heap, random);
        }
        if (random() % 5 == 0) {
            must(heap.rollback());
            model = before;
            if (random() % 2 == 0) {
                return;
            }
            model.step(heap, random);
        }
        commit(heap, medium, model);
    }

    void prepare(std::uint64_t seed) {
        current_loss.seed = seed;
        current_loss.event = current_loss.variant = 0;
        past_.clear();
        random_engine random(mixed(seed, 1));
        // What was there before must not be taken for a part of what comes.
        std::ranges::generate(past_.start, [&] { return static_cast<std::byte>(random()); });
        const auto medium = std::make_unique<Disk>();
        medium->bytes = past_.start;
        states_.clear();
        states_.push_back({.model = {}, .contents = nothing()});
        begun_ = done_ = 1;
        work model;
        const auto heap = std::make_unique<Heap>(*medium);
        if constexpr (requires { heap->storage().format(); }) {
            must(heap->storage().format());
            past_.start = medium->bytes;
        }
        medium->notes = &past_;
        format(*heap, *medium);
        model.begin(*heap);
        commit(*heap, *medium, model);
        for (unsigned n = 1; n < how_.commits; ++n) {
            if (n == how_.commits / 2) {
                // The image that was there may be found until there is none.
                states_.push_back({.model = {}, .contents = nothing()});
                medium->note(event::kind::begun);
                format(*heap, *medium);
                medium->note(event::kind::done);
                model = work();
                model.begin(*heap);
                commit(*heap, *medium, model);
            }
            transact(*heap, *medium, model, random);
        }
    }
    void format(Heap& heap, Disk& medium) {
        medium.note(event::kind::begun);
        must(heap.format());
        medium.note(event::kind::done);
        states_.push_back({.model = {}, .contents = contents_of(heap)});
    }

    void count_states(const event& happened) {
        begun_ += happened.what == event::kind::begun ? 1 : 0;
        done_ += happened.what == event::kind::done ? 1 : 0;
    }

    /// The number of the state that `heap` holds, from 1.
    std::size_t recover(Heap& heap, std::size_t least, std::size_t most) {
        ++losses_;
        const auto opened = heap.open();
        if (!opened && opened.error() != errc::not_formatted && opened.error() != errc::corrupt) {
            fail((std::string("open: ") + message(opened.error())).c_str());
        }
        const state now = opened ? contents_of(heap) : nothing();
        for (std::size_t n = least; n <= most; ++n) {
            if (states_[n - 1].contents == now) {
                return n;
            }
        }
        fail(opened ? "the heap holds the state of no commit that may be found"
                    : "the heap cannot be opened");
    }

    void lose(const time_machine& past, std::uint64_t variant) {
        past.lose(variant, medium_.bytes);
        const std::uint64_t chance = mixed(past.now(), variant, current_loss.seed);
        std::size_t found = 0;
        {
            Heap heap(medium_);
            found = recover(heap, done_, begun_);
            if (states_[found - 1].contents.size() > 1 && chance % how_.go_on == 0) {
                go_on(heap, found, chance);
            }
        }
        // What is left of a commit that was not completed is most likely to lead astray.
        const bool is_remnant = begun_ > done_ && found == done_;
        const unsigned rarity = is_remnant ? (how_.again + 9) / 10 : how_.again;
        if (chance / how_.go_on % rarity != 0) {
            return;
        }
        history recovery;
        past.lose(variant, medium_.bytes);
        recovery.start = medium_.bytes;
        medium_.notes = &recovery;
        {
            Heap heap(medium_);
            static_cast<void>(recover(heap, found, found));
        }
        medium_.notes = nullptr;
        lose_again(recovery, found);
    }

    /// What was recovered must be fit for use.
    void go_on(Heap& heap, std::size_t number, std::uint64_t chance) {
        random_engine random(chance);
        work model = states_[number - 1].model;
        for (int n = 0; n < 3; ++n) {
            model.step(heap, random);
        }
        must(heap.commit());
        const state now = contents_of(heap);
        must(heap.open());
        if (contents_of(heap) != now) {
            fail("a commit after the recovery is not found");
        }
    }

    /// The same state must be found, whatever the recovery has done.
    void lose_again(const history& recovery, std::size_t number) {
        time_machine past(recovery, current_loss.seed, how_.samples_again,
                          Disk::geometry.atomic_write_size);
        while (past.next()) {
            for (std::uint64_t n = 0; n < past.variants(); ++n) {
                current_loss.event_again = past.now() + 1;
                current_loss.variant_again = n;
                past.lose(n, medium_.bytes);
                Heap heap(medium_);
                recover(heap, number, number);
            }
        }
        current_loss.event_again = current_loss.variant_again = 0;
    }

    void prepare_image(std::uint64_t seed) {
        how_.commits = 1;
        prepare(seed);
        lived_ = 0;
        history& all = past_;
        for (const event& one : all.events) {
            if (one.what == event::kind::write) {
                std::ranges::copy(all.data(one), all.start.begin() + one.at);
            }
        }
    }
    /// From the state that was found last to the next loss, and what is found after it.
    void live_a_while(random_engine& random) {
        const std::size_t commits = 1 + random() % 6;
        past_.clear();
        medium_.bytes = past_.start;
        medium_.notes = &past_;
        known last = std::move(states_.back());
        states_.clear();
        states_.push_back(std::move(last));
        {
            Heap heap(medium_);
            must(heap.open());
            work model = states_[0].model;
            while (states_.size() <= commits) {
                transact(heap, medium_, model, random);
            }
        }
        medium_.notes = nullptr;
        const std::uint64_t moment = random() % past_.events.size();
        time_machine past(past_, random(), 64, Disk::geometry.atomic_write_size);
        begun_ = done_ = 1;
        do {
            past.next();
            count_states(past.happened());
        } while (past.now() < moment || past.variants() == 0);
        past.lose(random() % past.variants(), past_.start);
        medium_.bytes = past_.start;
        std::size_t number = 0;
        {
            Heap heap(medium_);
            number = recover(heap, done_, begun_);
        }
        lived_ += number;
        states_.resize(number);
    }

    effort how_;
    history past_;
    std::vector<known> states_;
    /// States that may have been, and must have been, reached.
    std::size_t begun_ = 0;
    std::size_t done_ = 0;
    std::uint64_t losses_ = 0;
    std::uint64_t lived_ = 0;
    Disk medium_;
};

/// What the program was asked for.
struct request {
    /// All double losses of short histories.
    bool thorough = false;
    /// Losses at random moments of long histories.
    std::uint64_t cuts = 0;
    std::string replay;
};

[[nodiscard]] inline request read_arguments(int count, char** arguments) {
    request wanted;
    for (int n = 1; n < count; ++n) {
        const std::string text = arguments[n];
        if (text == "--long") {
            wanted.thorough = true;
            wanted.cuts = 1'000'000;
        } else if (text == "--cuts") {
            wanted.cuts = 1'000'000;
        } else if (text.find(':') != std::string::npos) {
            wanted.replay = text;
        } else {
            std::printf("usage: %s [--long | --cuts | ID]\n", arguments[0]);
            std::exit(2);
        }
    }
    return wanted;
}

/// All workloads on one heap.
template <class Heap, class Disk>
class suite {
public:
    suite(const char* name, request wanted) : name_(name), wanted_(std::move(wanted)) {}

    int run(const effort& how) {
        all<churn>(how);
        all<word_count>(how);
        all<lists>(how);
        all<sorted>(how);
        all<roots>(how);
        std::printf("%s: %" PRIu64 " loss points, 0 failures\n", name_, losses_);
        return 0;
    }

private:
    template <template <class> class Workload>
    void all(effort how) {
        using one = trial<Heap, Disk, Workload>;
        if (!wanted_.replay.empty()) {
            replay<one>(how, Workload<Heap>::name);
            return;
        }
        std::uint64_t losses = 0;
        if (wanted_.thorough) {
            how.commits = 12;
            how.again = 1;
            how.samples = 64;
        }
        if (wanted_.thorough || wanted_.cuts == 0) {
            losses += std::make_unique<one>(name_, how)->run();
        }
        for (std::uint64_t seed = 1; lived_ < (done_ + 1) * wanted_.cuts / 5; ++seed) {
            const std::uint64_t cuts = std::make_unique<one>(name_, how)->live(seed, 5000);
            lived_ += cuts;
            losses += cuts;
        }
        ++done_;
        std::printf("%s.%s: %" PRIu64 " loss points\n", name_, Workload<Heap>::name, losses);
        std::fflush(stdout);
        losses_ += losses;
    }

    template <class One>
    void replay(const effort& how, const std::string& name) {
        if (wanted_.replay.compare(0, name.size() + 1, name + ":") != 0) {
            return;
        }
        loss_id id;
        const char* numbers = wanted_.replay.c_str() + name.size() + 1;
        const int read = std::sscanf(numbers, "%" SCNu64 ":%" SCNu64 ":%" SCNu64, &id.seed,
                                     &id.event, &id.variant);
        if (read == 3) {
            std::make_unique<One>(name_, how)->replay(id);
        } else if (read == 1) {
            std::make_unique<One>(name_, how)->live(id.seed, 5000);
        }
    }

    const char* name_;
    request wanted_;
    std::uint64_t losses_ = 0;
    std::uint64_t lived_ = 0;
    std::uint64_t done_ = 0;
};

} // namespace vmem::powerloss

#endif
