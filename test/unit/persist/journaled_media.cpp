// SPDX-License-Identifier: BSL-1.0

// A journal over storages that have more to say than that bytes are old or new: `checked`, of which
// a torn block is corrupt, and `mirrored`, whose halves may differ after a power cut. The power is
// lost at each point of a workload, with a random part of what was not synced torn, lost or
// reordered.

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/checked.hpp>
#include <vmem/storage/mirrored.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/faulty.hpp"
#include "contract/storage_contract.hpp"
#include "support/random_test.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <type_traits>
#include <utility>

namespace {

using vmem::address;
using vmem::contract::outcome;

using disk = vmem::contract::faulty<vmem::ram_storage<26UL * 1024>>;
using one_disk = vmem::checked<vmem::storage_ref<disk>, 128>;
using two_disks = vmem::mirrored<one_disk, one_disk>;
template <class Storage>
using memory = vmem::heap<Storage, vmem::paged<128, 4>, vmem::nonresident_linked_list_allocator,
                          vmem::durability<vmem::journaled<16384>>>;

constexpr std::uint32_t words = 300;
constexpr std::uint32_t commits = 6;

/// The bytes that a commit leaves: all words say its number, or what came before.
[[nodiscard]] std::uint32_t word(std::uint32_t commit, std::uint32_t n) {
    // Every other commit changes a few pages; the rest outgrow the frames.
    const std::uint32_t last = commit % 2 == 0 || n < 60 || commit == 0 ? commit : commit - 1;
    return last * 1000 + n;
}

template <class Heap>
[[nodiscard]] bool write_state(Heap& heap, address at, std::uint32_t commit) {
    for (std::uint32_t n = 0; n < words; ++n) {
        const std::uint32_t value = word(commit, n);
        if (word(commit - 1, n) == value && commit != 0) {
            continue;
        }
        const auto here = static_cast<typename Heap::address_type>(at + n * sizeof(value));
        if (!heap.write(here, std::as_bytes(std::span(&value, 1)))) {
            return false;
        }
    }
    return true;
}

/// Commits until the power goes; how many have returned.
template <class Heap>
[[nodiscard]] std::uint32_t work(Heap& heap) {
    const auto root = heap.template root<std::uint32_t>("words");
    for (std::uint32_t commit = 1; commit <= commits; ++commit) {
        if (!root || !write_state(heap, root->to_address(), commit) || !heap.commit()) {
            return commit - 1;
        }
    }
    return commits;
}

/// The number of the commit whose state this is, or 1000.
template <class Heap>
[[nodiscard]] std::uint32_t state_of(Heap& heap) {
    const auto root = heap.template root<std::uint32_t>("words");
    std::array<std::uint32_t, words> found{};
    if (!root || !heap.read(root->to_address(), std::as_writable_bytes(std::span(found)))) {
        return 1000;
    }
    for (std::uint32_t commit = 0; commit <= commits; ++commit) {
        bool same = true;
        for (std::uint32_t n = 0; n < words; ++n) {
            same = same && found[n] == word(commit, n);
        }
        if (same) {
            return commit;
        }
    }
    return 1000;
}

/// The power is gone: of what was not synced some lands, whole or torn.
void lose(disk& medium, std::mt19937_64& random) {
    vmem::contract::survivors landed;
    for (std::size_t write = 0; write < medium.pending().size(); ++write) {
        const std::size_t bytes = medium.pending()[write].bytes.size();
        if (random() % 3 == 0) {
            landed.push_back({.write = write});
        } else if (random() % 2 == 0) {
            landed.push_back(
                {.write = write, .units = vmem::contract::first_units(random() % (bytes + 1))});
        }
    }
    for (std::size_t n = landed.size(); n > 1 && random() % 4 == 0; --n) {
        std::swap(landed[n - 1], landed[random() % n]);
    }
    medium.cut_power(landed);
    medium.power_on();
}

/// How a composition is made of disks.
struct single {
    using storage = one_disk;
    std::array<disk, 1> disks{disk({})};
    [[nodiscard]] storage fresh() {
        storage made{vmem::storage_ref(disks[0])};
        CHECK(outcome(made.format()) == "ok");
        return made;
    }
    [[nodiscard]] vmem::result<storage> opened() { return storage{vmem::storage_ref(disks[0])}; }
};
struct pair {
    using storage = two_disks;
    std::array<disk, 2> disks{disk({}), disk({})};
    [[nodiscard]] one_disk half(std::size_t n) { return one_disk{vmem::storage_ref(disks[n])}; }
    [[nodiscard]] storage fresh() {
        auto first = half(0);
        auto second = half(1);
        CHECK(outcome(first.format()) == "ok");
        CHECK(outcome(second.format()) == "ok");
        return storage::format(first, second).value();
    }
    [[nodiscard]] vmem::result<storage> opened() { return storage::open(half(0), half(1)); }
};

/// What is to be done before the heap is opened after a power cut.
[[nodiscard]] bool is_whole(one_disk&) {
    return true;
}
[[nodiscard]] bool is_whole(two_disks& mirror) {
    // Blocks that were torn on both disks the journal writes anew.
    const auto scrubbed = mirror.scrub();
    return scrubbed || scrubbed.error() == vmem::errc::corrupt;
}

/// Opens the heap, which must be sound; the number of the commit that it shows.
template <class Heap>
[[nodiscard]] std::uint32_t check_state(typename Heap::storage_type storage) {
    Heap heap(std::move(storage));
    const auto opened = heap.open();
    CHECK(outcome(opened) == "ok");
    if (!opened) {
        return 1000;
    }
    CHECK(heap.invariants_hold().value());
    return state_of(heap);
}

TEST_CASE_TEMPLATE("journal over checked media: the power is lost at any point", media, single,
                   pair) {
    using heap_type = memory<typename media::storage>;
    media before;
    {
        heap_type heap(before.fresh());
        CHECK(outcome(heap.format()) == "ok");
        const auto room = heap.template allocate<std::uint32_t>(words).value();
        CHECK(write_state(heap, room.to_address(), 0));
        CHECK(outcome(heap.set_root("words", room)) == "ok");
        CHECK(outcome(heap.commit()) == "ok");
    }
    const std::uint64_t seed = vmem::test::random_seed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::uint64_t cuts = 0;
    bool powered = false;
    for (std::uint64_t steps = 0; !powered; ++steps) {
        for (int variant = 0; variant < 40; ++variant, ++cuts) {
            media now = before;
            // The disks of a pair share the supply, except that now and then only one of them goes.
            for (std::size_t n = 0; n < (variant % 4 == 3 ? 1 : now.disks.size()); ++n) {
                now.disks[n].set_plan({.cut_after_steps = steps + (variant % 4 == 2 ? 1 - n : 0)});
            }
            std::uint32_t done = 0;
            if (auto storage = now.opened()) {
                heap_type heap(std::move(*storage));
                if (heap.open()) {
                    done = work(heap);
                }
            }
            powered = now.disks[0].powered();
            // Recovery is cut short as well, now and then twice.
            for (int again = variant / 4 % 3; again >= 0; --again) {
                for (disk& each : now.disks) {
                    lose(each, random);
                }
                const std::uint64_t later = random() % 60;
                for (disk& each : now.disks) {
                    each.set_plan(
                        {.cut_after_steps = again > 0 ? later : vmem::contract::fault_plan::never});
                }
                auto storage = now.opened();
                CAPTURE(steps);
                CAPTURE(variant);
                CHECK((again > 0 || storage));
                if (!storage) {
                    continue;
                }
                if (again > 0) {
                    heap_type heap(std::move(*storage));
                    static_cast<void>(heap.open());
                    continue;
                }
                CHECK(is_whole(*storage));
                const std::uint32_t state = check_state<heap_type>(std::move(*storage));
                CHECK(state >= done);
                CHECK(state <= done + 1);
                // One disk of a pair is enough from here on, whichever it is.
                if constexpr (std::is_same_v<typename media::storage, two_disks>) {
                    CHECK(outcome(now.opened().value().rebuild()) == "ok");
                    now.disks[random() % 2].set_plan({.cut_after_steps = 0});
                    CHECK(check_state<heap_type>(now.opened().value()) == state);
                }
            }
        }
    }
    MESSAGE(cuts, " cuts");
}

} // namespace
