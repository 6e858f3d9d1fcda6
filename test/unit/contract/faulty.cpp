// SPDX-License-Identifier: BSL-1.0
#include "contract/faulty.hpp"

#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/storage_contract.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using vmem::address;
using vmem::errc;
using vmem::ram_storage;
using vmem::storage_geometry;
using vmem::contract::all_survive;
using vmem::contract::fault_plan;
using vmem::contract::fault_window;
using vmem::contract::faulty;
using vmem::contract::first_units;
using vmem::contract::outcome;
using vmem::contract::survivors;
using vmem::contract::survivors_of;

using medium_type = ram_storage<16>;
using disk = faulty<medium_type>;
constexpr std::uint64_t forever = fault_window::forever;

template <class S>
concept has_data = requires(S& s) { s.data(); };

static_assert(vmem::storage<disk> && vmem::fixed_size_storage<disk>);
static_assert(!has_data<disk>, "an access through data() could not fail");
static_assert(std::is_copy_constructible_v<disk>);

/// Writes text, so that what a medium holds can be read in the failure of a test.
template <class Storage>
[[nodiscard]] std::string put(Storage& storage, address at, std::string_view text) {
    return outcome(storage.write(at, std::as_bytes(std::span(text))));
}

/// What it holds; '.' for zero.
template <class Storage>
[[nodiscard]] std::string text_of(Storage& storage, std::size_t length = 16) {
    std::vector<char> text(length);
    const auto done = storage.read(0, std::as_writable_bytes(std::span(text)));
    std::ranges::replace(text, '\0', '.');
    return done ? std::string(text.begin(), text.end()) : outcome(done);
}

const std::string ok = "ok";
const std::string no_power = message(errc::power_lost);

TEST_CASE("faulty: contract, with nothing planned") {
    vmem::contract::check_storage_contract([] { return faulty{ram_storage<500>{}}; });
    vmem::contract::check_storage_contract([] {
        return faulty<ram_storage<512>,
                      storage_geometry{.read_size = 4, .write_size = 64, .atomic_write_size = 16}>{
            {}};
    });
    vmem::contract::check_storage_contract([] {
        // The medium is as coarse as the storage.
        using sectors =
            faulty<ram_storage<512>,
                   storage_geometry{.read_size = 64, .write_size = 32, .atomic_write_size = 1}>;
        return faulty<sectors>{sectors{{}}};
    });
}

TEST_CASE("faulty: reads fail when planned, and leave junk") {
    disk storage{{}, {.fail_reads = {.first = 2}}};
    std::array<std::byte, 2> bytes{};
    CHECK(outcome(storage.read(0, bytes)) == ok);
    CHECK(storage.read(16, bytes).error() == errc::out_of_range);
    CHECK(storage.read(0, bytes).error() == errc::read_failed);
    CHECK(bytes[1] != std::byte{0});
    CHECK(outcome(storage.read(0, bytes)) == ok);
    CHECK(bytes[1] == std::byte{0});
    CHECK(storage.reads() == 3);
}

TEST_CASE("faulty: writes fail when planned, and store nothing") {
    disk storage{{}, {.fail_writes = {.first = 2, .count = 2}, .write_error = errc::storage_full}};
    CHECK(put(storage, 0, "a") == ok);
    CHECK(put(storage, 1, "b") == message(errc::storage_full));
    CHECK(put(storage, 16, "x") == message(errc::out_of_range));
    CHECK(put(storage, 2, "c") == message(errc::storage_full));
    CHECK(put(storage, 3, "d") == ok);
    CHECK(text_of(storage) == "a..d............");
    CHECK(storage.writes() == 4);
}

TEST_CASE("faulty: from one operation on for ever") {
    disk storage{{},
                 {.fail_reads = {.first = 1, .count = forever},
                  .fail_writes = {.first = 1, .count = forever},
                  .fail_syncs = {.first = 1, .count = forever}}};
    for (int i = 0; i < 100; ++i) {
        CHECK(text_of(storage) == message(errc::read_failed));
        CHECK(put(storage, 0, "a") == message(errc::write_failed));
        CHECK(outcome(storage.sync()) == message(errc::sync_failed));
    }
    storage.set_plan({});
    CHECK(text_of(storage) == "................");
    CHECK(storage.reads() == 1);
}

TEST_CASE("faulty: a write that is dropped reports success") {
    disk storage{{}, {.drop_writes = {.first = 2}}};
    CHECK(put(storage, 0, "aa") == ok);
    CHECK(put(storage, 0, "b") == ok);
    CHECK(put(storage, 1, "c") == ok);
    CHECK(outcome(storage.sync()) == ok);
    CHECK(text_of(storage) == "ac..............");
    CHECK(text_of(storage.medium()) == "ac..............");
}

TEST_CASE("faulty: reads see unsynced writes, the medium does not") {
    disk storage{{}};
    CHECK(put(storage, 2, "abcdef") == ok);
    CHECK(put(storage, 4, "XY") == ok);
    CHECK(text_of(storage) == "..abXYef........");
    std::array<char, 3> middle{};
    CHECK(outcome(storage.read(3, std::as_writable_bytes(std::span(middle)))) == ok);
    CHECK(std::string_view(middle.data(), 3) == "bXY");
    CHECK(text_of(storage.medium()) == "................");
    CHECK(storage.pending().size() == 2);
    CHECK(storage.pending()[1].at == 4);
    CHECK(storage.pending()[1].bytes.size() == 2);

    CHECK(outcome(storage.sync()) == ok);
    CHECK(storage.pending().empty());
    CHECK(text_of(storage.medium()) == "..abXYef........");
}

TEST_CASE("faulty: a sync that fails or is dropped leaves the writes pending") {
    disk storage{{}, {.fail_syncs = {.first = 1}, .drop_syncs = {.first = 2}}};
    CHECK(put(storage, 0, "a") == ok);
    CHECK(outcome(storage.sync()) == message(errc::sync_failed));
    CHECK(storage.pending().size() == 1);
    CHECK(outcome(storage.sync()) == ok);
    CHECK(storage.pending().size() == 1);
    CHECK(text_of(storage.medium()) == "................");
    CHECK(outcome(storage.sync()) == ok);
    CHECK(text_of(storage.medium()) == "a...............");
}

TEST_CASE("faulty: a sync passes the medium's on") {
    vmem::counted<medium_type> medium;
    faulty storage{vmem::storage_ref{medium}};
    CHECK(put(storage, 0, "a") == ok);
    CHECK(medium.counts().syncs == 0);
    CHECK(outcome(storage.sync()) == ok);
    CHECK(medium.counts().syncs == 1);
}

TEST_CASE("faulty: after the planned number of writes every operation is power_lost") {
    for (std::uint64_t cut = 0; cut <= 3; ++cut) {
        CAPTURE(cut);
        disk storage{{}, {.cut_after_writes = cut}};
        for (std::uint64_t i = 0; i < 3; ++i) {
            CHECK(put(storage, i, "a") == (i < cut ? ok : no_power));
            CHECK(outcome(storage.sync()) == (i + 1 < cut ? ok : no_power));
        }
        CHECK(storage.powered() == false);
        CHECK(text_of(storage) == no_power);
        CHECK(put(storage, 99, "a") == no_power);
        CHECK(storage.writes() == cut);
        CHECK(storage.pending().size() == (cut == 0 ? 0 : 1));
        // Whether the last write, which was not synced, is there, is for the test to choose.
        const std::string before = std::string("aaa").substr(0, cut == 0 ? 0 : cut - 1);
        CHECK(text_of(storage.medium()) == (before + std::string(16, '.')).substr(0, 16));
        CHECK(outcome(storage.cut_power(all_survive(storage.pending().size()))) == ok);
        CHECK(text_of(storage.medium()) ==
              (std::string("aaa").substr(0, cut) + std::string(16, '.')).substr(0, 16));
    }
}

TEST_CASE("faulty: the power can go after a sync too") {
    disk storage{{}, {.cut_after_steps = 2}};
    CHECK(put(storage, 0, "a") == ok);
    CHECK(outcome(storage.sync()) == ok);
    CHECK_FALSE(storage.powered());
    CHECK(put(storage, 1, "b") == no_power);
    CHECK(outcome(storage.sync()) == no_power);
    CHECK(storage.syncs() == 1);
    CHECK(text_of(storage.medium()) == "a...............");
}

TEST_CASE("faulty: power_on starts again with what is on the medium") {
    disk storage{{}, {.cut_after_writes = 2}};
    CHECK(put(storage, 0, "a") == ok);
    CHECK(outcome(storage.sync()) == ok);
    CHECK(put(storage, 1, "b") == ok);
    storage.set_plan({});
    CHECK(put(storage, 2, "c") == no_power);
    storage.power_on({.cut_after_writes = 1});
    CHECK(text_of(storage) == "a...............");
    CHECK(put(storage, 2, "c") == ok);
    CHECK(put(storage, 3, "d") == no_power);
}

TEST_CASE("faulty: every subset of the pending writes can survive") {
    disk storage{{}};
    CHECK(put(storage, 0, "durable") == ok);
    CHECK(outcome(storage.sync()) == ok);
    CHECK(put(storage, 0, "A") == ok);
    CHECK(put(storage, 1, "BB") == ok);
    CHECK(put(storage, 2, "C") == ok);
    const std::array<std::string, 8> expected{"durable", "Aurable", "dBBable", "ABBable",
                                              "duCable", "AuCable", "dBCable", "ABCable"};
    for (std::uint64_t bits = 0; bits < 8; ++bits) {
        CAPTURE(bits);
        disk copy = storage;
        CHECK(outcome(copy.cut_power(survivors_of(bits, copy.pending().size()))) == ok);
        CHECK(text_of(copy.medium(), 7) == expected[bits]);
        CHECK(text_of(copy) == no_power);
        CHECK(copy.pending().empty());
        CHECK(outcome(copy.cut_power(all_survive(0))) == ok);
        CHECK(text_of(copy.medium(), 7) == expected[bits]);
    }
    CHECK(text_of(storage, 7) == "ABCable");
    CHECK(outcome(storage.cut_power()) == ok);
    CHECK(text_of(storage.medium(), 7) == "durable");
}

TEST_CASE("faulty: pending writes land in any order") {
    disk storage{{}};
    CHECK(put(storage, 0, "aa") == ok);
    CHECK(put(storage, 1, "bb") == ok);
    disk copy = storage;
    CHECK(outcome(copy.cut_power(all_survive(2))) == ok);
    CHECK(text_of(copy.medium(), 4) == "abb.");
    CHECK(outcome(storage.cut_power({{.write = 1}, {.write = 0}})) == ok);
    CHECK(text_of(storage.medium(), 4) == "aab.");
}

using units_of_four = faulty<medium_type, storage_geometry{.atomic_write_size = 4}>;

TEST_CASE("faulty: a pending write can land in part, by atomic units") {
    units_of_four storage{{}};
    CHECK(put(storage, 2, "abcdefghij") == ok); // units: ab cdef ghij
    const auto survive = [&](vmem::contract::landed_units units) {
        units_of_four copy = storage;
        CHECK(outcome(copy.cut_power({{.write = 0, .units = units}})) == ok);
        return text_of(copy.medium());
    };
    CHECK(survive({}) == "................");
    CHECK(survive(first_units(1)) == "..ab............");
    CHECK(survive(first_units(2)) == "..abcdef........");
    CHECK(survive(first_units(3)) == "..abcdefghij....");
    CHECK(survive(first_units(9)) == "..abcdefghij....");
    CHECK(survive({false, true}) == "....cdef........");
    CHECK(survive({true, false, true}) == "..ab....ghij....");
}

TEST_CASE("faulty: a unit smaller than the medium can write lands all the same") {
    using coarse = faulty<medium_type, storage_geometry{.read_size = 8, .write_size = 8}>;
    coarse medium{{}};
    CHECK(put(medium, 0, "oldoldol") == ok);
    CHECK(outcome(medium.sync()) == ok);
    using torn_anywhere =
        faulty<coarse, storage_geometry{.read_size = 8, .write_size = 8, .atomic_write_size = 1}>;
    torn_anywhere storage{medium};
    CHECK(put(storage, 0, "newnewne") == ok);
    CHECK(outcome(storage.cut_power({{.write = 0, .units = first_units(3)}})) == ok);
    CHECK(text_of(storage.medium()) == "newoldol........");
}

TEST_CASE("faulty: a torn write that fails has stored some units") {
    units_of_four storage{
        {}, {.tear = {.write = 2, .units = {true, false, true}, .cuts_power = false}}};
    CHECK(put(storage, 0, "................") == ok);
    CHECK(put(storage, 2, "abcdefghij") == message(errc::write_failed));
    CHECK(text_of(storage) == "..ab....ghij....");
    CHECK(put(storage, 0, "x") == ok);
    CHECK(outcome(storage.sync()) == ok);
    CHECK(text_of(storage.medium()) == "x.ab....ghij....");
}

TEST_CASE("faulty: a torn write that the power cut tore is the last") {
    units_of_four storage{{}, {.tear = {.write = 1, .units = {false, true}}}};
    CHECK(put(storage, 2, "abcdefghij") == no_power);
    CHECK_FALSE(storage.powered());
    CHECK(put(storage, 0, "x") == no_power);
    CHECK(storage.pending().size() == 1);
    CHECK(text_of(storage.medium()) == "................");
    CHECK(outcome(storage.cut_power(all_survive(1))) == ok);
    CHECK(text_of(storage.medium()) == "....cdef........");
}

TEST_CASE("faulty: keeps its users to the granularity") {
    faulty<medium_type, storage_geometry{.read_size = 2, .write_size = 4}> storage{{}};
    CHECK(put(storage, 2, "abcd") == message(errc::misaligned));
    CHECK(put(storage, 0, "ab") == message(errc::misaligned));
    CHECK(put(storage, 4, "abcd") == ok);
    std::array<std::byte, 2> bytes{};
    CHECK(storage.read(1, bytes).error() == errc::misaligned);
    CHECK(storage.read(0, std::span(bytes).first(1)).error() == errc::misaligned);
    CHECK(outcome(storage.read(2, bytes)) == ok);
    CHECK(storage.writes() == 1);
    CHECK(storage.reads() == 1);
}

TEST_CASE("faulty: the medium's errors come through") {
    disk medium{{}, {.fail_reads = {.first = 1}, .fail_syncs = {.first = 1}}};
    faulty<vmem::storage_ref<disk>> storage{medium};
    CHECK(text_of(storage) == message(errc::read_failed));
    CHECK(outcome(storage.sync()) == message(errc::sync_failed));
    medium.set_plan({.fail_writes = {.first = 1, .count = 2}});
    CHECK(put(storage, 0, "a") == ok);
    CHECK(outcome(storage.sync()) == message(errc::write_failed));
    CHECK(text_of(storage, 1) == "a");
    CHECK(outcome(storage.cut_power(all_survive(1))) == message(errc::write_failed));
}

TEST_CASE("faulty: the same plan and the same operations give the same medium") {
    const auto play = [](std::uint64_t seed) {
        std::mt19937_64 random(seed);
        units_of_four storage{{},
                              {.fail_writes = {.first = 5, .count = 3},
                               .tear = {.write = 20, .units = first_units(1)}}};
        while (storage.powered()) {
            const std::string text(1 + random() % 6, static_cast<char>('a' + random() % 26));
            static_cast<void>(put(storage, random() % 10, text));
            if (random() % 8 == 0) {
                static_cast<void>(storage.sync());
            }
        }
        survivors chosen = all_survive(storage.pending().size());
        std::ranges::shuffle(chosen, random);
        chosen.resize(chosen.size() / 2);
        static_cast<void>(storage.cut_power(chosen));
        return text_of(storage.medium());
    };
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        CAPTURE(seed);
        CHECK(play(seed) == play(seed));
    }
    CHECK(play(1) != play(2));
}

/// A record with a commit mark: right if it syncs between the two, wrong if it does not. A harness
/// must be able to tell.
[[nodiscard]] unsigned corrupt_states(bool syncs_between) {
    unsigned found = 0;
    const auto run = [&](auto& storage) {
        return put(storage, 0, "ab") == ok && put(storage, 2, "cd") == ok &&
               (!syncs_between || storage.sync()) && put(storage, 8, "!") == ok && storage.sync();
    };
    disk whole{{}};
    CHECK(run(whole));
    for (std::uint64_t step = 0; step <= whole.writes() + whole.syncs(); ++step) {
        disk storage{{}, {.cut_after_steps = step}};
        CHECK(run(storage) == (step == whole.writes() + whole.syncs()));
        for (std::uint64_t bits = 0; bits < std::uint64_t{1} << storage.pending().size(); ++bits) {
            disk copy = storage;
            CHECK(outcome(copy.cut_power(survivors_of(bits, copy.pending().size()))) == ok);
            const std::string after = text_of(copy.medium());
            found += after[8] == '!' && after.substr(0, 4) != "abcd" ? 1u : 0u;
        }
    }
    return found;
}

TEST_CASE("faulty: finds every missing sync in a small protocol") {
    CHECK(corrupt_states(true) == 0);
    CHECK(corrupt_states(false) == 3);
}

} // namespace
