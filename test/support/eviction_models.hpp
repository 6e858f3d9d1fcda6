// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_EVICTION_MODELS_HPP
#define VMEM_TEST_SUPPORT_EVICTION_MODELS_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// The eviction policies once more, as they are told in books: with the containers that the library
/// cannot have, and sharing no code with it. Same interface.
namespace vmem::test {

/// Oldest in front.
template <std::size_t Slots>
class fifo_model {
public:
    void on_insert(std::size_t slot) noexcept { queue_.push_back(slot); }
    void on_access(std::size_t) noexcept {}
    void on_remove(std::size_t slot) noexcept {
        queue_.erase(std::find(queue_.begin(), queue_.end(), slot));
    }
    template <class Evictable>
    std::size_t victim(Evictable evictable) noexcept {
        const auto found = std::find_if(queue_.begin(), queue_.end(), evictable);
        return found == queue_.end() ? Slots : *found;
    }

private:
    std::deque<std::size_t> queue_;
};

/// Least recently used in front.
template <std::size_t Slots>
class lru_model {
public:
    void on_insert(std::size_t slot) noexcept { place_[slot] = order_.insert(order_.end(), slot); }
    void on_access(std::size_t slot) noexcept {
        order_.erase(place_[slot]);
        on_insert(slot);
    }
    void on_remove(std::size_t slot) noexcept { order_.erase(place_[slot]); }
    template <class Evictable>
    std::size_t victim(Evictable evictable) noexcept {
        const auto found = std::find_if(order_.begin(), order_.end(), evictable);
        return found == order_.end() ? Slots : *found;
    }

private:
    std::list<std::size_t> order_;
    std::array<std::list<std::size_t>::iterator, Slots> place_;
};

/// The hand stands still, and the dial turns: the next slot to look at is in front.
template <std::size_t Slots>
class clock_model {
public:
    clock_model() {
        for (std::size_t slot = 0; slot < Slots; ++slot) {
            dial_.push_back(slot);
        }
    }
    void on_insert(std::size_t slot) noexcept { state_[slot] = unused; }
    void on_access(std::size_t slot) noexcept { state_[slot] = used; }
    void on_remove(std::size_t slot) noexcept { state_[slot] = empty; }
    template <class Evictable>
    std::size_t victim(Evictable evictable) noexcept {
        for (std::size_t turn = 0; turn < 2 * Slots; ++turn) {
            const std::size_t slot = dial_.front();
            dial_.pop_front();
            dial_.push_back(slot);
            if (state_[slot] == empty || !evictable(slot)) {
                continue;
            }
            if (state_[slot] == unused) {
                return slot;
            }
            state_[slot] = unused;
        }
        return Slots;
    }

private:
    enum slot_state : std::uint8_t { empty, unused, used };
    std::deque<std::size_t> dial_;
    std::array<slot_state, Slots> state_{};
};

/// A queue, oldest in front, and a hand that is a number of slots from its front. Whatever leaves
/// is replaced by the oldest, which leaves the front.
template <std::size_t Slots>
class sieve_ring_model {
public:
    void on_insert(std::size_t slot) noexcept {
        queue_.push_back(slot);
        visited_[slot] = false;
    }
    void on_access(std::size_t slot) noexcept { visited_[slot] = true; }
    void on_remove(std::size_t slot) noexcept {
        std::size_t place = hand_ < queue_.size() ? hand_ : 0;
        while (queue_[place] != slot) {
            place = (place + 1) % queue_.size();
        }
        queue_[place] = queue_.front();
        queue_.pop_front();
        // All places have moved by one: the hand stays at its slot, or goes on where that has left.
        if (hand_ != place && hand_ != 0) {
            --hand_;
        }
    }
    template <class Evictable>
    std::size_t victim(Evictable evictable) noexcept {
        for (std::size_t looks = 0; looks < 2 * queue_.size(); ++looks) {
            hand_ = hand_ < queue_.size() ? hand_ : 0;
            const std::size_t slot = queue_[hand_];
            if (evictable(slot) && !visited_[slot]) {
                return slot;
            }
            if (evictable(slot)) {
                visited_[slot] = false;
            }
            ++hand_;
        }
        hand_ = hand_ < queue_.size() ? hand_ : 0;
        return Slots;
    }

private:
    std::deque<std::size_t> queue_;
    std::array<bool, Slots> visited_{};
    std::size_t hand_ = 0;
};

/// Runs a policy and its model side by side, and counts the victims about which they disagree.
template <class Policy, class Model>
class lockstep {
public:
    void on_insert(std::size_t slot) noexcept {
        policy_.on_insert(slot);
        model_.on_insert(slot);
    }
    void on_access(std::size_t slot) noexcept {
        policy_.on_access(slot);
        model_.on_access(slot);
    }
    void on_remove(std::size_t slot) noexcept {
        policy_.on_remove(slot);
        model_.on_remove(slot);
    }
    template <class Evictable>
    std::size_t victim(Evictable evictable) noexcept {
        const std::size_t slot = policy_.victim(evictable);
        disagreements_ += slot == model_.victim(evictable) ? 0U : 1U;
        ++victims_;
        return slot;
    }
    [[nodiscard]] std::size_t disagreements() const { return disagreements_; }
    [[nodiscard]] std::size_t victims() const { return victims_; }

private:
    Policy policy_;
    Model model_;
    std::size_t disagreements_ = 0;
    std::size_t victims_ = 0;
};

/// Drives a policy through `steps` random operations on slots `0..slots-1`: now and then few slots
/// are held and now and then all, some are pinned for a while, slots leave without having been
/// victims, and victims stay.
template <class Policy>
void drive_at_random(Policy& policy, std::size_t slots, std::uint64_t seed, std::size_t steps) {
    std::mt19937_64 random(seed);
    std::vector<char> held(slots, 0);
    std::vector<char> pinned(slots, 0);
    const auto evictable = [&](std::size_t slot) { return pinned[slot] == 0; };
    const auto remove = [&](std::size_t slot) {
        policy.on_remove(slot);
        held[slot] = 0;
    };
    for (std::size_t step = 0; step < steps; ++step) {
        const std::size_t slot = random() % slots;
        const bool shrinking = step / (4 * slots + 16) % 4 == 3;
        const auto choice = random() % 16;
        if (choice == 0) {
            pinned[slot] = pinned[slot] == 0 && random() % 2 == 0 ? 1 : 0;
        } else if (choice <= (shrinking ? 6U : 1U)) {
            if (held[slot] != 0) {
                remove(slot);
            }
        } else if (choice <= 9) {
            if (held[slot] != 0) {
                policy.on_access(slot);
            }
        } else if (held[slot] == 0) {
            policy.on_insert(slot);
            held[slot] = 1;
        } else {
            const std::size_t victim = policy.victim(evictable);
            if (victim < slots && held[victim] != 0 && choice != 10) {
                remove(victim);
                if (choice != 11) {
                    policy.on_insert(victim);
                    held[victim] = 1;
                }
            }
        }
    }
}

/// Whether a static `Policy` lies in .bss, where it takes no flash for initial values.
template <class Policy>
[[nodiscard]] consteval bool all_zero_when_empty() {
    bool zero = true;
    for (const auto byte : std::bit_cast<std::array<unsigned char, sizeof(Policy)>>(Policy{})) {
        zero = zero && byte == 0;
    }
    return zero;
}

struct agreement {
    std::size_t victims = 0;
    std::size_t disagreements = 0;
};

/// Drives `Policy` and `Model` side by side with 1, 2, 3, 7, 16 and 255 to 257 slots.
template <template <std::size_t> class Policy, template <std::size_t> class Model>
[[nodiscard]] agreement agree_at_random(std::uint64_t seed, std::size_t steps = 5000) {
    agreement sum;
    const auto run = [&]<std::size_t Slots>(std::integral_constant<std::size_t, Slots>) {
        lockstep<Policy<Slots>, Model<Slots>> pair;
        drive_at_random(pair, Slots, seed, steps);
        sum.victims += pair.victims();
        sum.disagreements += pair.disagreements();
    };
    const auto run_all = [&]<std::size_t... Slots>(std::index_sequence<Slots...>) {
        (run(std::integral_constant<std::size_t, Slots>{}), ...);
    };
    run_all(std::index_sequence<1, 2, 3, 7, 16, 255, 256, 257>{});
    return sum;
}

} // namespace vmem::test

#endif
