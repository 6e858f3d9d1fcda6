// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/resident_objects.hpp>

#include "contract/flaky.hpp"
#include "support/random_test.hpp"
#include "support/test_heap.hpp"
#include "support/zipf.hpp"

#include <vmem/allocator/linked_list_allocator.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/lru.hpp>
#include <vmem/eviction/random.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/storage_ref.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace {

using namespace vmem;
using vmem::test::error_of;

template <std::size_t Arena, std::size_t Objects, std::size_t Limit,
          template <std::size_t> class Eviction = sieve, class... Policies>
using memory =
    heap<counted<ram_storage<1 << 18>>,
         resident_objects<Arena, Objects, tlsf_allocator<>, Eviction>,
         nonresident_buddy_allocator<>, dirty_limit<Limit>, on_fault<test::escape>, Policies...>;

/// A heap with its storage, too large for the stack.
template <class Heap>
struct ready {
    ready() : owner(std::make_unique<Heap>()) { owner->format().value(); }
    [[nodiscard]] Heap& heap() { return *owner; }
    [[nodiscard]] storage_counts counts() { return owner->storage().counts(); }
    std::unique_ptr<Heap> owner;
};

using bytes = std::vector<std::uint8_t>;

/// Objects of all sizes, changed, moved, unloaded and made anew at random, next to a copy of what
/// must be in them.
template <class Heap>
class trial {
public:
    explicit trial(std::uint64_t seed, std::size_t objects, std::size_t largest)
        : random_(seed), largest_(largest), owned_(objects), expected_(objects) {
        memory_.heap().storage().reset_counts();
    }

    void run(std::uint64_t operations) {
        for (std::uint64_t n = 0; n < operations && good_; ++n) {
            const auto before = memory_.counts();
            const bool access = step();
            check_bounds(before, access);
        }
        readers_.clear();
        writer_.reset();
        for (std::size_t i = 0; i < owned_.size(); ++i) {
            good_ = good_ && agrees(i);
            owned_[i] = nullptr;
        }
        good_ = good_ && memory_.heap().dirty_bytes() == 0;
        good_ = good_ && memory_.heap().allocation().value().blocks == 0;
    }
    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] std::size_t refused() const { return refused_; }
    [[nodiscard]] std::size_t most_dirty() const { return most_dirty_; }

private:
    using object = unique_vptr<std::uint8_t[], Heap>;
    using reader = pin<const std::uint8_t, Heap>;

    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }

    /// Whether the operation is one access.
    bool step() {
        const std::size_t i = below(owned_.size());
        if (!owned_[i]) {
            make(i);
            return false;
        }
        switch (below(32)) {
        case 0:
            if (!is_pinned(i)) {
                owned_[i] = nullptr;
            }
            return false;
        case 1:
            good_ = good_ && (owned_[i].unload() || is_pinned(i));
            return true;
        case 2:
            good_ = good_ && owned_[i].flush();
            return true;
        case 3:
            if (below(16) == 0) {
                good_ = good_ && memory_.heap().flush();
            }
            return false;
        case 4:
            hold_reader(i);
            return true;
        case 5:
            hold_writer(i);
            return true;
        case 6:
            if (below(16) == 0) {
                lose_and_restore();
            }
            return false;
        case 7:
            plain_write(i);
            return true;
        case 8:
            plain_read(i);
            return true;
        default:
            if (below(2) == 0) {
                good_ = good_ && agrees(i);
            } else {
                write(i);
            }
            return true;
        }
    }

    void make(std::size_t i) {
        const std::size_t size = 1 + below(largest_);
        auto made = memory_.heap().template make_unique<std::uint8_t[]>(size);
        if (!made) {
            ++refused_;
            return;
        }
        owned_[i] = std::move(*made);
        expected_[i].assign(size, 0);
        const auto held = owned_[i].read();
        good_ = good_ && held && std::ranges::equal(*held, expected_[i]);
    }
    void write(std::size_t i) {
        const std::size_t first = below(expected_[i].size());
        const std::size_t count = 1 + below(expected_[i].size() - first);
        auto held = owned_[i].write(first, count);
        if (!held) {
            ++refused_;
            good_ = good_ &&
                    (held.error() == errc::pinned ? is_pinned(i)
                                                  : held.error() == errc::no_free_frame ||
                                                        held.error() == errc::over_dirty_limit);
            return;
        }
        for (std::size_t k = 0; k < count; ++k) {
            (*held)[k] = expected_[i][first + k] = static_cast<std::uint8_t>(random_());
        }
    }
    void plain_write(std::size_t i) {
        if (is_pinned(i)) {
            return;
        }
        const std::size_t at = below(expected_[i].size());
        expected_[i][at] = static_cast<std::uint8_t>(random_());
        owned_[i].address()[static_cast<std::ptrdiff_t>(at)] = expected_[i][at];
    }
    void plain_read(std::size_t i) {
        const std::size_t at = below(expected_[i].size());
        good_ = good_ && owned_[i].address()[static_cast<std::ptrdiff_t>(at)] == expected_[i][at];
    }
    bool agrees(std::size_t i) {
        if (!owned_[i]) {
            return true;
        }
        const auto held = owned_[i].read();
        if (!held) {
            ++refused_;
            return held.error() == errc::no_free_frame ||
                   (held.error() == errc::pinned && is_pinned(i));
        }
        return std::ranges::equal(*held, expected_[i]);
    }
    void hold_reader(std::size_t i) {
        if (readers_.size() == 3 || below(4) == 0) {
            readers_.clear();
        } else if (auto held = owned_[i].read()) {
            good_ = good_ && std::ranges::equal(*held, expected_[i]);
            readers_.emplace_back(i, std::move(*held));
        }
    }
    void hold_writer(std::size_t i) {
        if (writer_) {
            auto& [which, held] = *writer_;
            for (std::size_t k = 0; k < held.size(); ++k) {
                held[k] = expected_[which][k] = static_cast<std::uint8_t>(random_());
            }
            writer_.reset();
        } else if (expected_[i].size() <= 64) {
            if (auto held = owned_[i].write()) {
                writer_.emplace(i, std::move(*held));
            }
        }
    }
    bool is_pinned(std::size_t i) {
        return (writer_ && writer_->first == i) ||
               std::ranges::any_of(readers_, [&](const auto& r) { return r.first == i; });
    }

    void lose_and_restore() {
        Heap& heap = memory_.heap();
        const std::size_t dirty = heap.dirty_bytes();
        const auto before = memory_.counts();
        good_ = good_ && heap.persist();
        const auto after = memory_.counts();
        good_ = good_ && after.writes == before.writes + 1 && after.syncs == before.syncs + 1 &&
                after.bytes_written - before.bytes_written <= Heap::worst_case_persist.bytes;
        heap.residency().lose_ram();
        good_ = good_ && heap.restore() && heap.dirty_bytes() == dirty;
        for (const auto& [i, held] : readers_) {
            good_ = good_ && std::ranges::equal(held, expected_[i]);
        }
    }

    void check_bounds(const storage_counts& before, bool access) {
        const auto now = memory_.counts();
        constexpr auto bound = Heap::worst_case_access;
        if (access) {
            good_ = good_ && now.reads - before.reads <= bound.reads &&
                    now.writes - before.writes <= bound.writes &&
                    now.syncs - before.syncs <= bound.syncs;
        }
        most_dirty_ = std::max(most_dirty_, memory_.heap().dirty_bytes());
        good_ = good_ && memory_.heap().dirty_bytes() <= Heap::residency_type::dirty_limit;
    }

    ready<Heap> memory_;
    std::mt19937_64 random_;
    std::size_t largest_;
    std::vector<object> owned_;
    std::vector<bytes> expected_;
    std::vector<std::pair<std::size_t, reader>> readers_;
    std::optional<std::pair<std::size_t, pin<std::uint8_t, Heap>>> writer_;
    std::size_t refused_ = 0;
    std::size_t most_dirty_ = 0;
    bool good_ = true;
};

template <class Heap>
void random_trial(std::uint64_t operations, std::size_t objects, std::size_t largest) {
    const std::uint64_t seed = test::random_seed();
    CAPTURE(seed);
    trial<Heap> run(seed, objects, largest);
    run.run(test::random_operations(operations));
    CHECK(run.good());
    CHECK(run.most_dirty() > Heap::residency_type::dirty_limit / 2);
}

TEST_CASE("resident_objects: random accesses against a shadow, under a tight limit") {
    random_trial<memory<8192, 32, 1024>>(1'000'000, 100, 256);
}
TEST_CASE("resident_objects: random accesses, other compositions") {
    random_trial<memory<8192, 100, 300>>(200'000, 100, 300);
    random_trial<memory<4096, 16, 2000, vmem::clock>>(200'000, 40, 900);
    random_trial<memory<4096, 16, 500, lru>>(200'000, 40, 200);
    random_trial<memory<65536, 300, 100'000, random_eviction>>(200'000, 400, 700);
    random_trial<memory<70'000, 60, 5000>>(100'000, 90, 1000);
}

/// What a program does, next to what must come of it; any operation of the storage may fail.
template <class Heap, class Storage>
class faulted {
public:
    explicit faulted(Storage& storage) : heap_(std::make_unique<Heap>(storage)) {
        heap_->format().value();
        for (std::size_t i = 0; i < objects_.size(); ++i) {
            objects_[i] = heap_->template make_unique<std::uint8_t[]>(size_of(i)).value();
            expected_[i].assign(size_of(i), 0);
        }
        heap_->flush().value();
    }

    /// Each error is an error of the storage; what was reported as done is done.
    void run() {
        std::mt19937 random(7);
        for (int n = 0; n < 120; ++n) {
            const std::size_t i = random() % objects_.size();
            const std::size_t at = random() % size_of(i);
            const auto value = static_cast<std::uint8_t>(n);
            if (!objects_[i]) {
                auto made = heap_->template make_unique<std::uint8_t[]>(size_of(i));
                note(made);
                if (made) {
                    objects_[i] = std::move(*made);
                    expected_[i].assign(size_of(i), 0);
                }
            } else if (n % 11 == 0) {
                note(objects_[i].reset());
            } else if (n % 13 == 0) {
                note(heap_->persist());
            } else if (n % 17 == 0) {
                note(heap_->flush());
            } else if (n % 5 == 0) {
                note(objects_[i].unload());
            } else if (const auto written = note(objects_[i].set(at, value)); written) {
                expected_[i][at] = value;
            }
        }
    }
    /// With a storage that works again.
    void check() {
        for (std::size_t i = 0; i < objects_.size(); ++i) {
            if (objects_[i]) {
                const auto held = objects_[i].read();
                good = good && held && std::ranges::equal(*held, expected_[i]);
            }
        }
        good =
            good && heap_->flush() && heap_->dirty_bytes() == 0 && heap_->invariants_hold().value();
        for (auto& object : objects_) {
            good = good && object.reset();
        }
        good = good && heap_->dirty_bytes() == 0 && heap_->allocation().value().blocks == 0;
    }
    bool good = true;
    int errors = 0;

private:
    static std::size_t size_of(std::size_t i) { return 10 + 37 * i; }

    template <class Result>
    bool note(const Result& outcome) {
        if (!outcome) {
            ++errors;
            const errc why = outcome.error();
            good = good && (why == errc::read_failed || why == errc::write_failed ||
                            why == errc::sync_failed);
        }
        return outcome.has_value();
    }

    std::unique_ptr<Heap> heap_;
    std::array<unique_vptr<std::uint8_t[], Heap>, 10> objects_;
    std::array<bytes, 10> expected_;
};

TEST_CASE("resident_objects: any operation of the storage may fail, and nothing accepted is lost") {
    using disk = contract::flaky<ram_storage<32768>>;
    using heap_type = heap<storage_ref<disk>, resident_objects<1024, 6>,
                           nonresident_buddy_allocator<>, dirty_limit<450>, on_fault<test::escape>>;
    // A storage that cannot gather takes exactly so many writes.
    static_assert(heap_type::worst_case_persist.operations ==
                  (heap_type::worst_case_persist.bytes + 255) / 256 + 1);
    auto storage = std::make_unique<disk>();
    int errors = 0;
    for (const auto how :
         {contract::failed_write::stores_nothing, contract::failed_write::stores_some}) {
        for (const std::uint64_t count : {std::uint64_t{1}, std::uint64_t{5}}) {
            for (std::uint64_t first = 1;; ++first) {
                CAPTURE(first);
                storage->heal();
                faulted<heap_type, disk> program(*storage);
                storage->fail(first, count, how);
                program.run();
                if (storage->failed() == 0) {
                    CHECK(first > 100);
                    break;
                }
                // Where only a victim cannot be written, another one leaves: no error.
                errors += program.errors;
                storage->heal();
                program.check();
                REQUIRE(program.good);
            }
        }
    }
    CHECK(errors > 1000);
}

TEST_CASE("resident_objects: an object larger than the arena is refused when it is made") {
    ready<memory<4096, 8, 4000>> on;
    auto& heap = on.heap();
    const std::size_t largest = heap.residency().largest_object();
    CHECK(largest < 4096);
    CHECK(error_of(heap.make_unique<char[]>(largest + 1)) == message(errc::larger_than_arena));
    CHECK(error_of(heap.make_unique<char[]>(static_cast<std::size_t>(-1))) ==
          message(errc::larger_than_arena));
    CHECK(heap.allocation().value().blocks == 0);
    auto whole = heap.make_unique<char[]>(largest).value();
    CHECK(whole.set(largest - 1, 'z'));
    auto small = heap.make_unique<char>('s').value();
    CHECK_FALSE(whole.is_resident());
    CHECK(whole.get(largest - 1).value() == 'z');
    CHECK_FALSE(small.is_resident());
    CHECK(small.get().value() == 's');
}

TEST_CASE("resident_objects: one larger than the dirty limit is written at once") {
    ready<memory<4096, 8, 100>> on;
    auto& heap = on.heap();
    auto large = heap.make_unique<std::uint16_t[]>(500).value();
    CHECK(heap.dirty_bytes() == 0);
    CHECK_FALSE(large.is_dirty());
    CHECK(error_of(large.write()) == message(errc::over_dirty_limit));
    for (std::size_t i = 0; i < 500; ++i) {
        REQUIRE(large.set(i, static_cast<std::uint16_t>(i)));
        REQUIRE(heap.dirty_bytes() <= 100);
    }
    CHECK(large.unload());
    for (std::size_t i = 0; i < 500; ++i) {
        REQUIRE(large.get(i).value() == i);
    }
}

TEST_CASE("resident_objects: a write under a nearly used-up limit is not lost") {
    // A pin for writing may have to save what is unsaved; never what it is about to return.
    using heap_type = memory<1024, 4, 200>;
    ready<heap_type> on;
    auto& heap = on.heap();
    std::vector<unique_vptr<std::array<char, 64>, heap_type>> objects;
    for (int n = 0; n < 8; ++n) {
        objects.push_back(heap.make_unique<std::array<char, 64>>().value());
    }
    for (char round = 'a'; round < 'z'; ++round) {
        for (std::size_t n = 0; n < 8; ++n) {
            const auto held = objects[n].write().value();
            CHECK(objects[n].is_resident());
            CHECK(objects[n].is_dirty());
            // Others come and go meanwhile.
            CHECK(objects[(n + 3) % 8].read());
            CHECK(objects[(n + 5) % 8].read());
            CHECK(heap.flush());
            held->fill(round);
        }
        for (auto& object : objects) {
            CHECK(object.unload());
            CHECK(object.get().value()[63] == round);
        }
    }
}

TEST_CASE("resident_objects: pinned objects stay, and a write that cannot fit changes nothing") {
    using heap_type = memory<2048, 8, 300>;
    ready<heap_type> on;
    auto& heap = on.heap();
    auto a = heap.make_unique<char[]>(100).value();
    auto b = heap.make_unique<char[]>(100).value();
    auto c = heap.make_unique<char[]>(100).value();
    CHECK(heap.flush());
    auto pinned_a = a.write().value();
    auto pinned_b = b.write().value();
    const auto before = on.counts();
    const std::size_t dirty = heap.dirty_bytes();
    CHECK(error_of(c.write()) == message(errc::over_dirty_limit));
    CHECK(error_of(c.write(0, 80)) == message(errc::over_dirty_limit));
    CHECK(heap.dirty_bytes() == dirty);
    CHECK(on.counts() == before);
    CHECK_FALSE(c.is_dirty());
    CHECK(c.write(0, 8));
    CHECK(error_of(heap.make_unique<char[]>(80)) == message(errc::over_dirty_limit));
    pinned_b.release();
    // Room in the arena runs out as well.
    std::vector<unique_vptr<char[], heap_type>> others;
    std::vector<pin<const char, heap_type>> pins;
    std::string error = "none";
    while (error == "none") {
        auto made = heap.make_unique<char[]>(150);
        error = error_of(made);
        if (made) {
            CHECK(made->flush());
            pins.push_back(made->read().value());
            others.push_back(std::move(*made));
        }
    }
    CHECK(error == message(errc::no_free_frame));
    CHECK(a.is_resident());
    pins.clear();
    CHECK(heap.make_unique<char[]>(150));
}

/// Reads from storage per access, when a quarter of 1024 objects fits.
template <template <std::size_t> class Eviction>
double reads_per_access() {
    ready<memory<17408, 256, 100'000, Eviction>> on;
    std::vector<unique_vptr<std::array<char, 64>, memory<17408, 256, 100'000, Eviction>>> objects;
    for (int n = 0; n < 1024; ++n) {
        objects.push_back(on.heap().template make_unique<std::array<char, 64>>().value());
    }
    const auto trace = test::zipf_trace(1024, 200'000);
    std::uint64_t before = 0;
    for (std::size_t n = 0; n < trace.size(); ++n) {
        before = n == trace.size() / 2 ? on.counts().reads : before;
        objects[trace[n]].read().value();
    }
    return static_cast<double>(on.counts().reads - before) / static_cast<double>(trace.size() / 2);
}
TEST_CASE("resident_objects: storage reads of skewed accesses") {
    CHECK(reads_per_access<sieve>() <= 0.22);
    CHECK(reads_per_access<vmem::clock>() <= 0.26);
}

TEST_CASE("resident_objects: storage operations of making and destroying") {
    using heap_type = memory<1 << 16, 1100, 1'000'000>;
    ready<heap_type> on;
    std::mt19937 random(3);
    std::vector<unique_vptr<std::array<char, 32>, heap_type>> objects(1024);
    for (auto& object : objects) {
        object = on.heap().make_unique<std::array<char, 32>>().value();
    }
    const auto before = on.counts();
    constexpr std::uint64_t pairs = 10'000;
    for (std::uint64_t n = 0; n < pairs; ++n) {
        auto& object = objects[random() % objects.size()];
        CHECK(object.reset());
        if (n % 4 == 0) {
            objects[random() % objects.size()] = nullptr;
        }
        for (auto& empty : objects) {
            if (!empty) {
                empty = on.heap().make_unique<std::array<char, 32>>().value();
                break;
            }
        }
    }
    const auto after = on.counts();
    CHECK(after.reads - before.reads + after.writes - before.writes <= 4 * pairs);
}

/// Bytes of resident objects of 16 to 512 bytes, in the mean, when there are twice as many as fit
/// and any of them is read.
template <class Heap>
double bytes_in_use(ready<Heap>& on) {
    std::mt19937 random(1);
    std::vector<unique_vptr<char[], Heap>> objects;
    for (int n = 0; n < 450; ++n) {
        objects.push_back(on.heap().template make_unique<char[]>(16 + random() % 497).value());
    }
    std::size_t used = 0;
    constexpr std::size_t samples = 100;
    for (std::size_t sample = 0; sample <= samples; ++sample) {
        for (int n = 0; n < 200; ++n) {
            objects[random() % objects.size()].read().value();
        }
        for (const auto& object : objects) {
            used += sample != 0 && object.is_resident() ? object.size() : 0;
        }
    }
    return static_cast<double>(used) / static_cast<double>(samples);
}
TEST_CASE("resident_objects: nearly all of the arena is used, for it is compacted") {
    ready<memory<65536, 600, 4000>> on;
    const double share =
        bytes_in_use(on) / static_cast<double>(on.heap().residency().largest_object());
    CAPTURE(share);
    CHECK(share >= 0.95);
}
TEST_CASE("resident_objects: with an allocator that needs no room itself, of all of the arena") {
    using heap_type =
        heap<counted<ram_storage<1 << 18>>, resident_objects<65536, 600, linked_list_allocator<>>,
             nonresident_buddy_allocator<>, dirty_limit<4000>, on_fault<test::escape>>;
    ready<heap_type> on;
    const double share = bytes_in_use(on) / 65536;
    CAPTURE(share);
    CHECK(share >= 0.95);
}

// What an object costs in RAM, besides its bytes and what the allocator and the policy need.
template <class Address, std::size_t Arena, std::size_t Objects>
constexpr std::size_t most_per_object =
    (sizeof(object_table<Address, Arena, Objects>) + Objects - 1) / Objects;
static_assert(most_per_object<std::uint32_t, 4096, 10> <= 16);
static_assert(most_per_object<std::uint32_t, 65536, 16> <= 16);
static_assert(most_per_object<std::uint32_t, 65536, 200> <= 16);
static_assert(most_per_object<std::uint32_t, 65536, 255> <= 16);
static_assert(most_per_object<std::uint32_t, 65536, 256> <= 16);
static_assert(most_per_object<std::uint32_t, 65536, 257> <= 16);
static_assert(most_per_object<std::uint32_t, 65536, 1025> <= 16);
static_assert(most_per_object<std::uint32_t, 65536, 4096> <= 16);
static_assert(most_per_object<std::uint32_t, 65536, 40'000> <= 16);
static_assert(most_per_object<std::uint32_t, 65536, 65535> <= 16);
static_assert(most_per_object<std::uint32_t, 100'000, 300> <= 16);
static_assert(most_per_object<std::uint32_t, 500'000, 65535> <= 16);
static_assert(most_per_object<std::uint32_t, 1 << 26, 4096> <= 20);
static_assert(sizeof(object_slot<std::uint32_t, 1 << 16, 4096>) == 12);
static_assert(sizeof(object_slot<std::uint32_t, 1 << 20, 4096>) <= 16);
static_assert(sizeof(object_slot<std::uint32_t, 1 << 26, 65536>) <= 16);

// A handle: an address, and where the object was last.
template <std::size_t Objects>
using small_owner = unique_vptr<int, memory<4096, Objects, 1000>>;
static_assert(sizeof(small_owner<16>) <= 8 && sizeof(small_owner<4000>) <= 8);

} // namespace
