// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/journal_directory.hpp>

#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "support/test_heap.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <map>
#include <random>

namespace {

using vmem::detail::journal_spill;
using disk = vmem::counted<vmem::ram_storage<65536>>;
template <std::size_t Slots>
using directory = vmem::detail::journal_directory<disk, Slots>;

/// The slot of a block.
template <class Directory>
vmem::result<std::uint32_t> slot_of(Directory& tested, std::uint32_t block) {
    const auto found = tested.find(block);
    return found ? vmem::result<std::uint32_t>(tested.slot()) : vmem::failure(found.error());
}
/// Enters a block that is not there.
template <class Directory>
vmem::result<void> insert(Directory& tested, std::uint32_t block, std::uint32_t slot) {
    const auto found = tested.find(block);
    return found ? tested.insert(slot) : found;
}

TEST_CASE("journal_directory: finds what was inserted, up to its last slot") {
    disk medium{vmem::ram_storage<65536>()};
    directory<500> tested(medium, 256, 7);
    std::mt19937_64 random(1);
    std::map<std::uint32_t, std::uint32_t> model;
    while (model.size() < 500) {
        const auto block = static_cast<std::uint32_t>(random() % 3000);
        const auto found = slot_of(tested, block);
        REQUIRE(found);
        const auto known = model.find(block);
        CHECK(*found == (known == model.end() ? tested.none : known->second));
        if (known == model.end()) {
            const auto slot = static_cast<std::uint32_t>(model.size());
            REQUIRE(insert(tested, block, slot));
            model[block] = slot;
        }
    }
    std::map<std::uint32_t, std::uint32_t> listed;
    REQUIRE(tested.for_each([&](const journal_spill& entry) {
        CHECK(entry.sequence == 7);
        listed[entry.block] = entry.slot;
        return vmem::result<void>();
    }));
    CHECK(listed == model);
    // A look-up seldom takes more than one read, even now.
    medium.reset_counts();
    for (const auto& [block, slot] : model) {
        CHECK(slot_of(tested, block).value() == slot);
    }
    CHECK(medium.counts().reads < 2 * model.size());
}

TEST_CASE(
    "journal_directory: of other transactions there is nothing; later ones can be forgotten") {
    disk medium{vmem::ram_storage<65536>()};
    for (std::uint64_t sequence = 4; sequence <= 8; sequence += 2) {
        directory<50> tested(medium, 256, sequence);
        for (std::uint32_t block = 0; block < 10; ++block) {
            CHECK(slot_of(tested, block).value() == tested.none);
            REQUIRE(insert(tested, block + static_cast<std::uint32_t>(sequence) * 100, block));
        }
    }
    std::size_t count = 0;
    const auto add = [&](const journal_spill&) {
        ++count;
        return vmem::result<void>();
    };
    REQUIRE(directory<50>(medium, 256, 8).for_each(add));
    CHECK(count == 10);
    medium.reset_counts();
    REQUIRE(directory<50>(medium, 256, 9).forget());
    CHECK(medium.counts().writes == 0);
    REQUIRE(directory<50>(medium, 256, 8).forget());
    count = 0;
    REQUIRE(directory<50>(medium, 256, 8).for_each(add));
    CHECK(count == 0);
}

TEST_CASE("journal_directory: one without an end is corrupt") {
    disk medium{vmem::ram_storage<65536>()};
    directory<10> tested(medium, 256, 1);
    const std::size_t entries = tested.groups * tested.per_group;
    for (std::uint32_t block = 0; block < entries; ++block) {
        REQUIRE(insert(tested, block, 0));
    }
    CHECK(vmem::test::error_of(slot_of(tested, 1000)) == message(vmem::errc::corrupt));
}

} // namespace
