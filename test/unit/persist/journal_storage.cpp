// SPDX-License-Identifier: BSL-1.0
#include <vmem/persist/journal_storage.hpp>

#include <vmem/detail/bound_residency.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/faulty.hpp"
#include "support/test_heap.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <vector>

namespace {

using vmem::errc;
using vmem::detail::commit_buffer;
using vmem::test::error_of;

using disk = vmem::ram_storage<32768>;
struct sectors : disk {
    static constexpr vmem::storage_geometry geometry{
        .read_size = 64, .write_size = 64, .erase_size = 0, .atomic_write_size = 64};
};

template <class Storage, std::size_t FilterBits = 256, std::size_t Roots = 1>
using journal = vmem::journal_storage<vmem::storage_ref<Storage>,
                                      vmem::detail::journal_shape<10000, 64, FilterBits, Roots>>;
static_assert(vmem::storage<journal<disk>>);
static_assert(journal<disk>::half == 4992 && journal<disk>::data_at == 9984);
static_assert(journal<disk>::capacity == (32768 - 9984) / 64 * 64);
static_assert(sizeof(journal<disk>) <= 256 / 8 + 64);

/// A journal, and what must be in it.
template <class Journal, class Storage>
struct subject {
    Journal storage;
    std::array<vmem::root_entry, 1> roots{};
    std::vector<std::byte> committed;
    std::vector<std::byte> current;

    explicit subject(Storage& medium) : storage(vmem::storage_ref(medium)) {
        storage.begin_format().value();
        committed.resize(storage.size());
        storage.write(0, committed).value();
        vmem::superblock head = description();
        storage.end_format(head, roots).value();
        current = committed;
    }
    static vmem::superblock description() {
        vmem::superblock block;
        block.size = Journal::capacity;
        block.second = Journal::half;
        block.data = Journal::data_at;
        block.block = Journal::block_bytes;
        block.roots = 1;
        return block;
    }
    void write(vmem::address at, std::size_t count, std::mt19937_64& random) {
        std::vector<std::byte> bytes(count);
        std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random()); });
        storage.write(at, bytes).value();
        std::ranges::copy(bytes, current.begin() + static_cast<std::ptrdiff_t>(at));
        pinned.push_back(std::move(bytes));
    }
    bool holds(const std::vector<std::byte>& expected) {
        std::vector<std::byte> found(expected.size());
        return storage.read(0, found).has_value() && found == expected;
    }
    template <std::size_t Entries>
    vmem::result<void> commit(std::mt19937_64& random, std::size_t writes, std::size_t unit) {
        commit_buffer<Entries> buffer;
        vmem::superblock head = description();
        auto list = buffer.list(head, roots);
        storage.begin_commit(list);
        for (; writes != 0; --writes) {
            write(random() % 150 * unit, (1 + random() % 3) * unit, random);
        }
        const auto done = storage.end_commit(false);
        pinned.clear();
        return done;
    }
    /// What is noted down stays where it is.
    std::vector<std::vector<std::byte>> pinned;
};

template <class Storage, std::size_t FilterBits>
void check_random(std::size_t unit) {
    using tested = journal<Storage, FilterBits>;
    Storage medium;
    subject<tested, Storage> s(medium);
    std::mt19937_64 random(5);
    for (int round = 0; round < 300; ++round) {
        CAPTURE(round);
        for (std::size_t n = random() % 8; n != 0; --n) {
            const std::size_t count = (1 + random() % 4) * unit;
            s.write(random() % (tested::capacity - count + 1) / unit * unit, count, random);
        }
        CHECK(s.holds(s.current));
        switch (random() % 4) {
        case 0:
            REQUIRE(s.storage.rollback(s.roots));
            s.current = s.committed;
            break;
        case 1:
            REQUIRE(s.template commit<3>(random, random() % 8, unit)); // More than fit the list.
            s.committed = s.current;
            break;
        case 2:
            REQUIRE(s.template commit<16>(random, random() % 8, unit));
            s.committed = s.current;
            break;
        default:
            REQUIRE(s.template commit<2>(random, 0, unit));
            s.committed = s.current;
            REQUIRE(s.storage.close());
            REQUIRE(s.storage.recover(s.description(), s.roots));
            break;
        }
        CHECK(s.holds(s.current));
        if (random() % 8 == 0) {
            tested again{vmem::storage_ref(medium)};
            REQUIRE(again.recover(s.description(), s.roots));
            std::vector<std::byte> found(s.committed.size());
            REQUIRE(again.read(0, found));
            CHECK(found == s.committed);
            REQUIRE(s.storage.recover(s.description(), s.roots));
            s.current = s.committed;
        }
    }
}

TEST_CASE("journal_storage: reads what was written last; a commit keeps it, a rollback does not") {
    check_random<disk, 512>(1);
}
TEST_CASE("journal_storage: a bit may stand for several blocks") {
    check_random<disk, 8>(1);
}
TEST_CASE("journal_storage: works in sectors") {
    check_random<sectors, 256>(64);
}

TEST_CASE("journal_storage: nothing goes home before its commit") {
    disk medium;
    subject<journal<disk>, disk> s(medium);
    std::mt19937_64 random(1);
    const std::vector<std::byte> before(medium.data() + s.storage.data_at,
                                        medium.data() + s.storage.data_at + s.storage.size());
    s.write(100, 1000, random);
    s.write(500, 10, random);
    REQUIRE(s.storage.sync());
    CHECK(std::equal(before.begin(), before.end(), medium.data() + s.storage.data_at));
    REQUIRE(s.commit<4>(random, 0, 1));
    CHECK(std::equal(s.current.begin(), s.current.end(), medium.data() + s.storage.data_at));
}

TEST_CASE("journal_storage: what is too much is over_journal until a rollback") {
    disk medium;
    subject<journal<disk>, disk> s(medium);
    std::vector<std::byte> much(6000);
    CHECK(error_of(s.storage.write(0, much)) == message(errc::over_journal));
    CHECK(error_of(s.storage.write(0, std::span(much).first(1))) == message(errc::over_journal));
    CHECK(s.storage.failed() == errc::over_journal);
    std::mt19937_64 random(1);
    commit_buffer<4> buffer;
    vmem::superblock head = s.description();
    auto list = buffer.list(head, s.roots);
    s.storage.begin_commit(list);
    CHECK(error_of(s.storage.end_commit(true)) == message(errc::over_journal));
    REQUIRE(s.storage.rollback(s.roots));
    CHECK(s.holds(s.committed));
    // The same at the commit.
    s.storage.begin_commit(list);
    REQUIRE(s.storage.write(0, much));
    CHECK(error_of(s.storage.end_commit(false)) == message(errc::over_journal));
    REQUIRE(s.storage.rollback(s.roots));
    CHECK(s.holds(s.committed));
    REQUIRE(s.commit<4>(random, 3, 1));
    CHECK(s.holds(s.current));
}

TEST_CASE(
    "journal_storage: without early blocks only a commit is taken, and the log has all room") {
    using no_steal = journal<disk, 0>;
    static_assert(no_steal::no_steal && no_steal::slots_end == no_steal::half &&
                  sizeof(no_steal) + 256 / 8 <= sizeof(journal<disk>));
    disk medium;
    subject<no_steal, disk> s(medium);
    std::array<std::byte, 100> some{};
    REQUIRE(s.storage.write(0, {}));
    CHECK(error_of(s.storage.write(0, some)) == message(errc::over_journal));
    CHECK(s.holds(s.committed));
    commit_buffer<4> buffer;
    vmem::superblock head = s.description();
    auto list = buffer.list(head, s.roots);
    s.storage.begin_commit(list);
    CHECK(error_of(s.storage.write(0, some)) == message(errc::over_journal));
    CHECK(error_of(s.storage.end_commit(true)) == message(errc::over_journal));
    REQUIRE(s.storage.rollback(s.roots));
    // Half of the journal without the head and what describes one entry.
    std::vector<std::byte> most(no_steal::half - no_steal::head_bytes - 16 - 16);
    for (const std::size_t more : {std::size_t{1}, std::size_t{0}}) {
        std::vector<std::byte> bytes(most.size() + more, std::byte{7});
        auto full = buffer.list(head, s.roots);
        s.storage.begin_commit(full);
        REQUIRE(s.storage.write(5, bytes));
        const auto done = s.storage.end_commit(false);
        CHECK(error_of(done) == (more != 0 ? message(errc::over_journal) : "none"));
        if (done) {
            std::ranges::copy(bytes, s.committed.begin() + 5);
        } else {
            REQUIRE(s.storage.rollback(s.roots));
        }
        CHECK(s.holds(s.committed));
    }
    no_steal again{vmem::storage_ref(medium)};
    REQUIRE(again.recover(s.description(), s.roots));
    std::vector<std::byte> found(s.committed.size());
    REQUIRE(again.read(0, found));
    CHECK(found == s.committed);
}

TEST_CASE("journal_storage: keeps to its bounds") {
    disk medium;
    subject<journal<disk>, disk> s(medium);
    std::array<std::byte, 2> two{};
    CHECK(error_of(s.storage.write(s.storage.size() - 1, two)) == message(errc::out_of_range));
    CHECK(error_of(s.storage.read(s.storage.size() - 1, two)) == message(errc::out_of_range));
    CHECK(s.storage.write(s.storage.size() - 2, two));
    using tiny = vmem::ram_storage<9984 + 63>;
    tiny small;
    journal<tiny> none{vmem::storage_ref(small)};
    CHECK(none.size() == 0);
    CHECK(error_of(none.begin_format()) == message(errc::wrong_size));
}

TEST_CASE("journal_storage: after closing, any flipped bit of the journal does no harm") {
    disk medium;
    subject<journal<disk>, disk> s(medium);
    std::mt19937_64 random(3);
    for (int n = 0; n < 3; ++n) {
        s.write(random() % 2000, 200, random);
        REQUIRE(s.commit<4>(random, 5, 1));
    }
    REQUIRE(s.storage.close());
    for (std::size_t at = 0; at < s.storage.data_at; ++at) {
        CAPTURE(at);
        disk flipped = medium;
        flipped.data()[at] ^= static_cast<std::byte>(1U << at % 8);
        journal<disk> again{vmem::storage_ref(flipped)};
        REQUIRE(again.recover(s.description(), s.roots));
        std::vector<std::byte> found(s.current.size());
        REQUIRE(again.read(0, found));
        REQUIRE(found == s.current);
    }
}

TEST_CASE("journal_storage: a read that fails during recovery is reported, not taken for damage") {
    using fragile = vmem::contract::faulty<disk>;
    fragile medium{disk()};
    subject<journal<fragile>, fragile> s(medium);
    std::mt19937_64 random(4);
    s.write(10, 300, random);
    REQUIRE(s.commit<4>(random, 5, 1));
    for (std::uint64_t n = 1;; ++n) {
        CAPTURE(n);
        fragile copy = medium;
        copy.set_plan({.fail_reads = {.first = n}});
        journal<fragile> again{vmem::storage_ref(copy)};
        const auto opened = again.recover(s.description(), s.roots);
        if (copy.reads() < n) {
            CHECK(opened);
            break;
        }
        CHECK(error_of(opened) == message(errc::read_failed));
        copy.set_plan({});
        REQUIRE(again.recover(s.description(), s.roots));
        std::vector<std::byte> found(s.current.size());
        REQUIRE(again.read(0, found));
        CHECK(found == s.current);
    }
}

} // namespace
