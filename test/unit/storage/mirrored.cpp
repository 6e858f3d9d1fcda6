// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/checked.hpp>
#include <vmem/storage/mirrored.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/faulty.hpp"
#include "contract/flaky.hpp"
#include "contract/storage_contract.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using vmem::address;
using vmem::checked;
using vmem::errc;
using vmem::mirror_half;
using vmem::mirrored;
using vmem::ram_storage;
using vmem::storage_ref;
using vmem::contract::faulty;
using vmem::contract::flaky;
using vmem::contract::outcome;

constexpr mirror_half first = mirror_half::first;
constexpr mirror_half second = mirror_half::second;

template <class Checked>
[[nodiscard]] Checked formatted(Checked storage = {}) {
    CHECK(outcome(storage.format()) == "ok");
    return storage;
}

[[nodiscard]] std::vector<std::byte> pattern(std::size_t count, unsigned seed) {
    std::vector<std::byte> bytes(count);
    for (std::size_t i = 0; i < count; ++i) {
        bytes[i] = static_cast<std::byte>(i * 13 + seed);
    }
    return bytes;
}

template <class Storage>
[[nodiscard]] std::vector<std::byte> all_of(Storage&& storage) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(storage.size()));
    CHECK(outcome(storage.read(0, bytes)) == "ok");
    return bytes;
}

using small = ram_storage<1024>;
using disk = flaky<small>;
using safe = checked<storage_ref<small>, 64>;
using pair = mirrored<safe, safe>;

static_assert(pair::unit == 64 && pair::geometry.write_size == 64);
static_assert(mirrored<small, checked<small, 256>>::unit == 256);

/// Two media, formatted and mirrored, that hold a pattern.
struct two_checked {
    small a;
    small b;
    pair mirror =
        pair::format(formatted(safe(storage_ref(a))), formatted(safe(storage_ref(b)))).value();
    std::vector<std::byte> bytes = pattern(static_cast<std::size_t>(mirror.size()), 1);

    two_checked() {
        CHECK(outcome(mirror.write(0, bytes)) == "ok");
        CHECK(outcome(mirror.sync()) == "ok");
    }
    [[nodiscard]] vmem::result<pair> reopened() {
        return pair::open(safe(storage_ref(a)), safe(storage_ref(b)));
    }
};

TEST_CASE("mirrored: contract") {
    vmem::contract::check_storage_contract(
        [] { return mirrored<small, ram_storage<1500>>::format({}, {}).value(); });
    vmem::contract::check_storage_contract([] {
        using one = checked<small, 64>;
        using two = checked<small, 128>;
        return mirrored<one, two>::format(formatted<one>(), formatted<two>()).value();
    });
    small a;
    small b;
    using shared = mirrored<storage_ref<small>, storage_ref<small>>;
    CHECK(shared::format(a, b).has_value());
    vmem::contract::check_storage_reopens([&] { return shared::open(a, b).value(); });
}

TEST_CASE("mirrored: format copies what the first holds") {
    small a;
    small b;
    std::ranges::copy(pattern(1024, 5), a.data());
    auto mirror = mirrored<storage_ref<small>, storage_ref<small>>::format(a, b).value();
    CHECK(mirror.size() == 1024 - 64);
    CHECK(all_of(mirror) == pattern(1024 - 64, 5));
    CHECK(std::equal(a.data(), a.data() + 1024, b.data()));
    CHECK(mirrored<ram_storage<127>, small>::format({}, {}).error() == errc::wrong_size);
    CHECK(mirrored<ram_storage<127>, small>::open({}, {}).error() == errc::wrong_size);
    CHECK(mirrored<small, small>::open({}, {}).error() == errc::not_formatted);
}

TEST_CASE("mirrored: any flipped bit of either half is repaired from the other") {
    two_checked two;
    std::uint64_t repairs = 0;
    bool right = true;
    for (small* const medium : {&two.a, &two.b}) {
        for (std::size_t bit = 0; bit < std::size_t{8} * 15 * 68; bit += 3) {
            medium->data()[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
            const bool marked = bit / 8 >= std::size_t{14} * 68;
            auto mirror = two.reopened().value();
            // A half whose mark is damaged may have missed anything.
            right = right && mirror.uses(medium == &two.a ? first : second) == !marked;
            right = right && all_of(mirror) == two.bytes;
            right = right && (marked ? mirror.rebuild() : mirror.scrub()).has_value();
            repairs += mirror.repairs();
            right = right && (marked || mirror.repairs() == 1);
            right = right && std::equal(two.a.data(), two.a.data() + 1020, two.b.data());
        }
    }
    CHECK(right);
    CHECK(repairs > 4000);
}

TEST_CASE("mirrored: what neither half can read is corrupt") {
    two_checked two;
    two.a.data()[70] ^= std::byte{1};
    two.b.data()[71] ^= std::byte{1};
    two.b.data()[300] ^= std::byte{1};
    std::array<std::byte, 64> out{};
    CHECK(two.mirror.read(64, out).error() == errc::corrupt);
    CHECK(two.mirror.write(70, std::span(out).first(3)).error() == errc::corrupt);
    CHECK(outcome(two.mirror.read(128, out)) == "ok");
    CHECK(two.mirror.scrub().error() == errc::corrupt);
    // The rest has been seen to.
    CHECK(two.mirror.repairs() == 1);
    CHECK(outcome(two.mirror.second().verify(128, 768)) == "ok");
    CHECK(outcome(two.mirror.write(64, out)) == "ok");
    CHECK(outcome(two.mirror.scrub()) == "ok");
    CHECK(two.mirror.uses(first));
    CHECK(two.mirror.uses(second));
}

TEST_CASE("mirrored: a part of a corrupt unit is written after its repair") {
    for (const bool damage_first : {true, false}) {
        two_checked two;
        (damage_first ? two.a : two.b).data()[70] ^= std::byte{1};
        const auto part = pattern(3, 9);
        CHECK(outcome(two.mirror.write(100, part)) == "ok");
        std::ranges::copy(part, two.bytes.begin() + 100);
        CHECK(two.mirror.repairs() == 1);
        CHECK(all_of(two.mirror.first()) == all_of(two.mirror.second()));
        CHECK(all_of(two.mirror) == two.bytes);
    }
}

using shaky = mirrored<storage_ref<disk>, storage_ref<disk>>;

TEST_CASE("mirrored: goes on with one half; the other's old bytes are not believed later") {
    for (const mirror_half broken : {first, second}) {
        disk a;
        disk b;
        disk& bad = broken == first ? a : b;
        auto mirror = shaky::format(a, b).value();
        const auto old = pattern(960, 1);
        const auto current = pattern(960, 2);
        CHECK(outcome(mirror.write(0, old)) == "ok");
        CHECK(outcome(mirror.sync()) == "ok");
        bad.fail(1, disk::forever);
        CHECK(outcome(mirror.write(0, current)) == "ok");
        CHECK(outcome(mirror.sync()) == "ok");
        CHECK(!mirror.uses(broken));
        CHECK(all_of(mirror) == current);
        CHECK(mirror.rebuild().error() == errc::write_failed);

        // It works again after the next start, and holds what it held.
        bad.heal();
        auto again = shaky::open(a, b).value();
        CHECK(!again.uses(broken));
        CHECK(again.uses(broken == first ? second : first));
        CHECK(all_of(again) == current);
        CHECK(outcome(again.scrub()) == "ok");
        CHECK(outcome(again.rebuild()) == "ok");
        CHECK(again.uses(broken));
        CHECK(std::equal(a.inner().data(), a.inner().data() + 1024, b.inner().data()));

        // A replacement is blank.
        bad = disk();
        auto replaced = shaky::open(a, b).value();
        CHECK(!replaced.uses(broken));
        CHECK(all_of(replaced) == current);
        CHECK(outcome(replaced.rebuild()) == "ok");
        CHECK(all_of(shaky::open(a, b).value()) == current);
    }
}

TEST_CASE("mirrored: a half that is away at the start is not believed when it is back") {
    for (const mirror_half away : {first, second}) {
        disk a;
        disk b;
        disk& gone = away == first ? a : b;
        CHECK(shaky::format(a, b).has_value());
        const auto current = pattern(960, 2);
        {
            gone.fail(1, disk::forever);
            auto mirror = shaky::open(a, b).value();
            CHECK(!mirror.uses(away));
            CHECK(outcome(mirror.write(0, current)) == "ok");
            CHECK(outcome(mirror.sync()) == "ok");
            gone.heal();
        }
        auto again = shaky::open(a, b).value();
        CHECK(!again.uses(away));
        CHECK(all_of(again) == current);
        CHECK(outcome(again.rebuild()) == "ok");
        CHECK(shaky::open(a, b).value().uses(away));
    }
}

TEST_CASE("mirrored: what is lost on the one half is not old on the one that is rebuilt") {
    two_checked two;
    // The first half is replaced, and the second has a bad unit.
    two.a = {};
    CHECK(outcome(formatted(safe(storage_ref(two.a))).sync()) == "ok");
    two.b.data()[70] ^= std::byte{1};
    auto mirror = two.reopened().value();
    CHECK(!mirror.uses(first));
    CHECK(outcome(mirror.rebuild()) == "ok");
    std::array<std::byte, 64> out{};
    CHECK(mirror.read(64, out).error() == errc::corrupt);
    CHECK(mirror.first().read(64, out).error() == errc::corrupt);
    CHECK(outcome(mirror.first().verify(128, 768)) == "ok");
    CHECK(outcome(mirror.write(64, out)) == "ok");
    CHECK(outcome(mirror.scrub()) == "ok");
    // Plain storages cannot be made corrupt.
    disk a;
    disk b;
    CHECK(shaky::format(a, b).has_value());
    a = disk();
    auto plain = shaky::open(a, b).value();
    b.fail(1);
    CHECK(plain.rebuild().error() == errc::read_failed);
    CHECK(!plain.uses(first));
}

TEST_CASE("mirrored: both halves broken is an error, and so is one that cannot be marked") {
    disk a;
    disk b;
    auto mirror = shaky::format(a, b).value();
    const auto bytes = pattern(64, 1);
    a.fail(1, disk::forever);
    b.fail(1, disk::forever);
    CHECK(mirror.write(0, bytes).error() == errc::write_failed);
    CHECK(mirror.sync().error() == errc::sync_failed);
    std::array<std::byte, 10> out{};
    CHECK(mirror.read(0, out).error() == errc::read_failed);
    CHECK(shaky::open(a, b).error() == errc::read_failed);
    CHECK(shaky::format(a, b).error() == errc::write_failed);
    // Nobody was left out, because nobody could write down who.
    CHECK(mirror.uses(first));
    CHECK(mirror.uses(second));
    a.heal();
    b.heal();
    CHECK(outcome(mirror.write(0, bytes)) == "ok");
    a.fail(1, disk::forever);
    CHECK(outcome(mirror.write(0, bytes)) == "ok");
    b.fail(1, disk::forever);
    CHECK(mirror.write(0, bytes).error() == errc::write_failed);
    CHECK(outcome(mirror.scrub()) == message(errc::read_failed));
}

TEST_CASE("mirrored: any operation of any half may fail") {
    for (const bool first_fails : {true, false}) {
        bool failed = true;
        for (std::uint64_t n = 1; failed; ++n) {
            disk a;
            disk b;
            auto mirror = shaky::format(a, b).value();
            CAPTURE(n);
            (first_fails ? a : b).fail(n, 2, vmem::contract::failed_write::stores_some);
            const auto bytes = pattern(500, 3);
            CHECK(outcome(mirror.write(100, bytes)) == "ok");
            CHECK(outcome(mirror.sync()) == "ok");
            std::vector<std::byte> out(500);
            CHECK(outcome(mirror.read(100, out)) == "ok");
            CHECK(out == bytes);
            CHECK(outcome(mirror.write(200, std::span(bytes).first(7))) == "ok");
            CHECK(outcome(mirror.sync()) == "ok");
            failed = (first_fails ? a : b).failed() != 0;
            a.heal();
            b.heal();
            auto again = shaky::open(a, b).value();
            CHECK(outcome(again.read(200, std::span(out).first(7))) == "ok");
            CHECK(std::equal(out.begin(), out.begin() + 7, bytes.begin()));
        }
    }
}

TEST_CASE("mirrored: after a power cut each unit is old or new, and scrub makes the halves equal") {
    using cut = faulty<small>;
    using cut_mirror = mirrored<checked<cut, 64>, checked<cut, 64>>;
    const auto made = cut_mirror::format(formatted(checked<cut, 64>(cut({}))),
                                         formatted(checked<cut, 64>(cut({}))));
    auto before = made.value();
    const auto old = pattern(static_cast<std::size_t>(before.size()), 1);
    const auto current = pattern(old.size(), 2);
    CHECK(outcome(before.write(0, old)) == "ok");
    CHECK(outcome(before.sync()) == "ok");
    std::mt19937_64 random;
    for (int trial = 0; trial < 500; ++trial) {
        auto mirror = before;
        for (address at = 0; at < 640; at += 64) {
            CHECK(outcome(mirror.write(
                      at, std::span(current).subspan(static_cast<std::size_t>(at), 64))) == "ok");
        }
        for (cut* const half : {&mirror.first().inner(), &mirror.second().inner()}) {
            half->cut_power(vmem::contract::survivors_of(random(), half->pending().size()));
            half->power_on();
        }
        auto again = cut_mirror::open(mirror.first(), mirror.second()).value();
        CHECK(again.uses(first));
        CHECK(again.uses(second));
        CHECK(outcome(again.scrub()) == "ok");
        const auto found = all_of(again);
        CHECK(all_of(again.second()) == all_of(again.first()));
        for (std::size_t at = 0; at < found.size(); at += 64) {
            const auto unit = std::span(found).subspan(at, 64);
            CHECK((std::ranges::equal(unit, std::span(old).subspan(at, 64)) ||
                   std::ranges::equal(unit, std::span(current).subspan(at, 64))));
        }
    }
}

} // namespace
