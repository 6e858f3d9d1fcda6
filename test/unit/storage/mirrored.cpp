// SPDX-License-Identifier: BSL-1.0
#include <vmem/persist/crc32c.hpp>
#include <vmem/storage/checked.hpp>
#include <vmem/storage/mirrored.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/faulty.hpp"
#include "contract/flaky.hpp"
#include "contract/storage_contract.hpp"
#include "support/random_test.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
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
    CHECK(outcome(std::forward<Storage>(storage).read(0, bytes)) == "ok");
    return bytes;
}

using small = ram_storage<1024>;
using disk = flaky<small>;
using safe = checked<storage_ref<small>, 64>;
using pair = mirrored<safe, safe>;
using shared = mirrored<storage_ref<small>, storage_ref<small>>;

static_assert(pair::unit == 64 && pair::geometry.write_size == 64);
static_assert(mirrored<small, checked<small, 256>>::unit == 256);

/// Where the marks are on a medium, behind 13 blocks with their checksums.
constexpr std::size_t first_mark = std::size_t{13} * 68;

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
    CHECK(shared::format(a, b).has_value());
    vmem::contract::check_storage_reopens([&] { return shared::open(a, b).value(); });
}

TEST_CASE("mirrored: format copies what the first holds") {
    small a;
    small b;
    std::ranges::copy(pattern(1024, 5), a.data());
    auto mirror = shared::format(a, b).value();
    CHECK(mirror.size() == 1024 - 2 * 64);
    CHECK(all_of(mirror) == pattern(1024 - 2 * 64, 5));
    CHECK(std::equal(a.data(), a.data() + 1024, b.data()));
    CHECK(mirrored<ram_storage<191>, small>::format({}, {}).error() == errc::wrong_size);
    CHECK(mirrored<ram_storage<191>, small>::open({}, {}).error() == errc::wrong_size);
    CHECK(mirrored<small, small>::open({}, {}).error() == errc::not_formatted);
}

TEST_CASE("mirrored: any flipped bit of either half is repaired from the other") {
    two_checked two;
    std::uint64_t repairs = 0;
    bool right = true;
    for (small* const medium : {&two.a, &two.b}) {
        for (std::size_t bit = 0; bit < std::size_t{8} * 15 * 68; bit += 3) {
            medium->data()[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
            const bool marked = bit / 8 >= first_mark;
            auto mirror = two.reopened().value();
            // One mark of the two is enough.
            right = right && mirror.uses(first) && mirror.uses(second);
            right = right && all_of(mirror) == two.bytes;
            right = right && mirror.scrub().has_value();
            repairs += mirror.repairs();
            right = right && mirror.repairs() == (marked ? 0 : 1);
            right = right && std::equal(two.a.data(), two.a.data() + first_mark, two.b.data());
            if (marked) {
                medium->data()[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
            }
        }
    }
    CHECK(right);
    CHECK(repairs > 4000);
}

TEST_CASE("mirrored: a half whose marks are both damaged may have missed anything") {
    for (const mirror_half damaged : {first, second}) {
        two_checked two;
        small& medium = damaged == first ? two.a : two.b;
        medium.data()[first_mark] ^= std::byte{1};
        medium.data()[first_mark + 68] ^= std::byte{1};
        auto mirror = two.reopened().value();
        CHECK(!mirror.uses(damaged));
        CHECK(all_of(mirror) == two.bytes);
        CHECK(outcome(mirror.rebuild()) == "ok");
        CHECK(std::equal(two.a.data(), two.a.data() + 1020, two.b.data()));
        auto again = two.reopened().value();
        CHECK(again.uses(first));
        CHECK(again.uses(second));
    }
}

TEST_CASE("mirrored: halves agree after scrub though each unit ends with its own CRC") {
    small a;
    small b;
    auto mirror = shared::format(a, b).value();
    std::array<std::byte, 64> unit{};
    for (small* const half : {&a, &b}) {
        unit[0] = half == &a ? std::byte{1} : std::byte{2};
        const std::uint32_t crc = vmem::crc32c(std::span(unit).first(60));
        std::ranges::copy(std::as_bytes(std::span(&crc, 1)), unit.begin() + 60);
        CHECK(outcome(half->write(128, unit)) == "ok");
    }
    CHECK(outcome(mirror.scrub()) == "ok");
    CHECK(mirror.repairs() == 1);
    CHECK(std::equal(a.data(), a.data() + 1024, b.data()));
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
    CHECK(outcome(two.mirror.second().verify(128, 704)) == "ok");
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
        const auto old = pattern(896, 1);
        const auto current = pattern(896, 2);
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
        const auto current = pattern(896, 2);
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
    CHECK(outcome(mirror.first().verify(128, 704)) == "ok");
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
    CHECK(shaky::format(a, b).error() == errc::sync_failed);
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

TEST_CASE("mirrored: a mark that failed may be there all the same, and is not used again") {
    bool failed = true;
    for (std::uint64_t n = 1; failed; ++n) {
        disk a;
        disk b;
        auto mirror = shaky::format(a, b).value();
        const auto current = pattern(64, 2);
        CAPTURE(n);
        // The first fails, and so does marking the second.
        a.fail(1);
        b.fail(n, disk::forever, vmem::contract::failed_write::stores_all);
        CHECK(!mirror.write(0, pattern(64, 1)));
        failed = mirror.uses(first);
        CHECK((failed || n == 8));
        if (failed) {
            b.heal();
            CHECK(outcome(mirror.sync()) == "ok");
            // Now it is the second that fails.
            b.fail(1, disk::forever);
            CHECK(outcome(mirror.write(0, current)) == "ok");
            CHECK(outcome(mirror.sync()) == "ok");
            b.heal();
            auto again = shaky::open(a, b).value();
            CHECK(again.uses(first));
            CHECK(!again.uses(second));
        }
    }
}

TEST_CASE("mirrored: after rebuild both halves are used, though a mark failed before") {
    disk a;
    disk b;
    CHECK(shaky::format(a, b).has_value());
    a.fail(1, disk::forever);
    auto mirror = shaky::open(a, b).value();
    b.fail(1);
    CHECK(mirror.write(0, pattern(64, 1)).error() == errc::sync_failed);
    a.heal();
    CHECK(outcome(mirror.rebuild()) == "ok");
    auto again = shaky::open(a, b).value();
    CHECK(again.uses(first));
    CHECK(again.uses(second));
}

TEST_CASE("mirrored: scrub says corrupt only if nothing else is amiss") {
    two_checked two;
    two.a.data()[70] ^= std::byte{1};
    two.b.data()[71] ^= std::byte{1};
    disk a{two.a};
    disk b{two.b};
    using checked_pair = mirrored<checked<storage_ref<disk>, 64>, checked<storage_ref<disk>, 64>>;
    auto mirror = checked_pair::open(checked<storage_ref<disk>, 64>(storage_ref(a)),
                                     checked<storage_ref<disk>, 64>(storage_ref(b)))
                      .value();
    CHECK(mirror.scrub().error() == errc::corrupt);
    CHECK(outcome(mirror.first().write(256, pattern(64, 7))) == "ok");
    // Its unit at 256 is read, and cannot be written.
    b.fail(6);
    CHECK(mirror.scrub().error() == errc::write_failed);
    CHECK(mirror.scrub().error() == errc::corrupt);
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

using supply = faulty<small>;
using supplied = checked<storage_ref<supply>, 64>;
using supplied_pair = mirrored<supplied, supplied>;

/// Two media that lose power; each unit of the mirror says which version it is, and ends with its
/// CRC.
class two_supplies {
public:
    explicit two_supplies(std::uint64_t seed) : random_(seed) {
        CHECK(outcome(supplied_pair::format(formatted(half(0)), formatted(half(1)))
                          .value()
                          .write(0, version(0))) == "ok");
        for (supply& each : disks_) {
            CHECK(outcome(each.sync()) == "ok");
        }
    }

    /// The first half is away, and the second loses power after some steps; of what is not synced
    /// then, so many bytes of each write land.
    void session_alone(std::uint64_t steps, std::size_t bytes) {
        disks_[0].set_plan({.cut_after_steps = 0});
        disks_[1].set_plan({.cut_after_steps = steps});
        if (auto mirror = supplied_pair::open(half(0), half(1))) {
            change(*mirror);
        }
        vmem::contract::survivors landed(disks_[1].pending().size());
        for (std::size_t write = 0; write < landed.size(); ++write) {
            landed[write] = {.write = write, .units = vmem::contract::first_units(bytes)};
        }
        disks_[1].cut_power(landed);
        for (supply& each : disks_) {
            each.power_on();
        }
    }

    /// Both are there, and nothing goes wrong.
    void quiet_session() {
        auto mirror = supplied_pair::open(half(0), half(1)).value();
        change(mirror);
        CHECK(durable_ == tried_);
    }

    /// A start, some writes, and a power cut at any time; one half may be away all the while.
    void session() {
        for (std::size_t n = 0; n < 2; ++n) {
            disks_[n].set_plan({.fail_syncs = {.first = random_() % 40, .count = random_() % 3},
                                .cut_after_steps = 1 + random_() % 60});
        }
        if (random_() % 3 == 0 && spare_) {
            disks_[*spare_].set_plan({.cut_after_steps = 0});
        }
        if (auto mirror = supplied_pair::open(half(0), half(1))) {
            for (int step = 0; step < 4; ++step) {
                const auto action = random_() % 6;
                if (action == 0) {
                    static_cast<void>(mirror->rebuild());
                } else if (action == 1) {
                    static_cast<void>(mirror->scrub());
                } else {
                    change(*mirror);
                }
            }
        }
        for (supply& each : disks_) {
            vmem::contract::survivors landed;
            for (std::size_t write = 0; write < each.pending().size(); ++write) {
                if (const auto bytes = random_() % 200; bytes < 100) {
                    landed.push_back({.write = write, .units = vmem::contract::first_units(bytes)});
                }
            }
            each.cut_power(landed);
            each.power_on();
        }
    }

    /// What was durable is there, or what was tried since. Then at times the halves agree.
    void check() {
        auto opened = supplied_pair::open(half(0), half(1));
        CHECK(opened.has_value());
        if (!opened) {
            return;
        }
        check_versions(*opened);
        if (random_() % 2 == 0) {
            const auto scrubbed = opened->scrub();
            CHECK((scrubbed || (scrubbed.error() == errc::corrupt && tried_ != durable_)));
            if (opened->uses(first) && opened->uses(second)) {
                check_versions(opened->second());
                for (address at = 0; at < opened->size(); at += 64) {
                    std::array<std::byte, 64> one{};
                    std::array<std::byte, 64> two{};
                    const auto here = opened->first().read(at, one);
                    CHECK(here.has_value() == opened->second().read(at, two).has_value());
                    CHECK((!here || one == two));
                }
            }
        }
        // The one that the other can do without.
        spare_ = !opened->uses(first)    ? std::optional<std::size_t>(0)
                 : !opened->uses(second) ? std::optional<std::size_t>(1)
                                         : std::optional<std::size_t>(random_() % 2);
    }

private:
    [[nodiscard]] supplied half(std::size_t n) { return supplied(storage_ref(disks_[n])); }

    [[nodiscard]] static std::vector<std::byte> version(std::uint64_t number) {
        std::vector<std::byte> bytes(704);
        for (std::size_t at = 0; at < bytes.size(); at += 64) {
            const auto unit = std::span(bytes).subspan(at, 64);
            std::memcpy(unit.data(), &number, sizeof(number));
            const std::uint32_t crc = vmem::crc32c(unit.first(60));
            std::memcpy(unit.data() + 60, &crc, sizeof(crc));
        }
        return bytes;
    }
    void change(supplied_pair& mirror) {
        ++tried_;
        if (mirror.write(0, version(tried_)) && mirror.sync()) {
            durable_ = tried_;
        }
    }
    template <class Storage>
    void check_versions(Storage& storage) {
        for (address at = 0; at < 704; at += 64) {
            std::uint64_t found = 0;
            const auto done = storage.read(at, std::as_writable_bytes(std::span(&found, 1)));
            CHECK((done || (done.error() == errc::corrupt && tried_ != durable_)));
            CHECK((!done || (found >= durable_ && found <= tried_)));
        }
    }

    std::array<supply, 2> disks_{supply({}), supply({})};
    std::mt19937_64 random_;
    std::uint64_t durable_ = 0;
    std::uint64_t tried_ = 0;
    std::optional<std::size_t> spare_;
};

TEST_CASE("mirrored: two power cuts, each while the same half is marked") {
    for (std::uint64_t one = 1; one < 20; ++one) {
        for (std::uint64_t two = 1; two < 20; ++two) {
            for (const std::size_t landed : {0U, 20U, 100U}) {
                for (const std::size_t landed_later : {0U, 20U, 100U}) {
                    CAPTURE(one);
                    CAPTURE(two);
                    two_supplies halves(0);
                    halves.session_alone(one, landed);
                    halves.quiet_session();
                    halves.session_alone(two, landed_later);
                    halves.check();
                }
            }
        }
    }
}

TEST_CASE("mirrored: power cuts at any time, also while a half is marked, one after the other") {
    const std::uint64_t seed = vmem::test::random_seed();
    CAPTURE(seed);
    for (std::uint64_t trial = 0; trial < 100; ++trial) {
        CAPTURE(trial);
        two_supplies two(seed + trial);
        for (int session = 0; session < 20; ++session) {
            CAPTURE(session);
            two.session();
            two.check();
        }
    }
}

} // namespace
