// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>

#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/flaky.hpp"
#include "contract/nonresident_allocator_contract.hpp"
#include "contract/storage_contract.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using vmem::address;
using vmem::block_request;
using vmem::errc;
using vmem::contract::outcome;
using narrow = vmem::nonresident_linked_list_allocator;
using wide = vmem::basic_nonresident_linked_list_allocator<std::uint64_t>;

static_assert(sizeof(narrow) <= 12 && sizeof(wide) <= 24);
static_assert(narrow::max_address == 0xFFFFFFFF);
static_assert(narrow::media_id != wide::media_id);

/// An allocator on a medium of its own.
template <class Allocator, address Size>
struct region {
    vmem::counted<vmem::contract::flaky<vmem::ram_storage<Size>>> medium;
    Allocator allocator;

    region() { CHECK(outcome(allocator.format(medium, 64, Size)) == "ok"); }

    /// The address, or 0.
    address take(block_request request) {
        const auto made = allocator.allocate(medium, request);
        return made ? *made : 0;
    }
    std::string give(address block) { return outcome(allocator.deallocate(medium, block)); }
    address largest() { return allocator.largest_free(medium).value_or(0); }
    address in_use() {
        const auto known = allocator.stats(medium);
        return known ? known->in_use : ~address{0};
    }
    address capacity() {
        const auto known = allocator.stats(medium);
        return known ? known->capacity : 0;
    }
    bool holds() {
        const auto known = allocator.invariants_hold(medium);
        return known && *known;
    }
    std::string reopen() {
        allocator = Allocator();
        return outcome(allocator.open(medium, 64, Size));
    }
};

TEST_CASE("nonresident_linked_list_allocator: contract") {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        vmem::contract::check_nonresident_allocator_contract<narrow>({.seed = seed});
        vmem::contract::check_nonresident_allocator_contract<wide>({.seed = seed});
    }
    // Where there is hardly any room, and where most of it is free.
    vmem::contract::check_nonresident_allocator_contract<narrow>(
        {.region = 1500, .largest_request = 100, .largest_align = 64});
    vmem::contract::check_nonresident_allocator_contract<wide>(
        {.region = 2500, .largest_request = 100, .largest_align = 64});
    vmem::contract::check_nonresident_allocator_contract<narrow>({.region = 200000});
}

TEST_CASE("nonresident_linked_list_allocator: a block costs one header, in steps of 8 bytes") {
    region<narrow, 4096> r;
    const auto cost = [&](address size) {
        const address before = r.in_use();
        const address block = r.take({.size = size});
        const address after = r.in_use();
        CHECK(r.give(block) == "ok");
        return after - before;
    };
    CHECK(cost(1) == 16);
    CHECK(cost(8) == 16);
    CHECK(cost(9) == 24);
    CHECK(cost(16) == 24);
    CHECK(cost(17) == 32);
    CHECK(cost(100) == 112);
    CHECK(cost(512) == 520);
    CHECK(r.capacity() == 4096 - 64 - 4 * 4 - 29 * 4 - 4 - 8);
    CHECK(r.largest() == r.capacity() - 8);

    region<wide, 4096> w;
    const address block = w.take({.size = 20});
    CHECK(w.in_use() == 40);
    CHECK(w.give(block) == "ok");
}

TEST_CASE("nonresident_linked_list_allocator: freed neighbours merge, in whichever order") {
    std::array<std::size_t, 5> order{0, 1, 2, 3, 4};
    do {
        region<narrow, 4096> r;
        const address whole = r.largest();
        const address before = r.take({.size = 40});
        std::array<address, 5> blocks{};
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            blocks[i] = r.take({.size = 40 + 24 * i});
        }
        const address behind = r.take({.size = 40});
        // The free stretches, by their first and last block.
        std::array<bool, 5> free{};
        for (const std::size_t i : order) {
            CHECK(r.give(blocks[i]) == "ok");
            free[i] = true;
            CHECK(r.holds());
        }
        // One block where there were five, headers included.
        const address joined = 5 * 40 + 24 * 10 + 4 * 8;
        const address again = r.take({.size = joined, .align = 8});
        CHECK(again == blocks[0]);
        CHECK(r.give(again) == "ok");
        CHECK(r.give(behind) == "ok");
        CHECK(r.give(before) == "ok");
        CHECK(r.largest() == whole);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("nonresident_linked_list_allocator: what lies before an aligned block stays of use") {
    region<narrow, 8192> r;
    const address whole = r.largest();
    const address page = r.take({.size = 512, .align = 512});
    CHECK(page % 512 == 0);
    CHECK(page == 512);
    // All before the page, but for one header each.
    const address before = r.take({.size = 512 - 64 - 136 - 8 - 8});
    CHECK(before < page);
    CHECK(before + (512 - 64 - 136 - 8 - 8) == page - 8);
    CHECK(r.give(page) == "ok");
    CHECK(r.give(before) == "ok");
    CHECK(r.largest() == whole);
}

TEST_CASE("nonresident_linked_list_allocator: objects smaller than a page do not straddle one") {
    struct {
        address size;
        std::size_t in_124_pages;
    } const objects[] = {
        {12, 200},
        {40, 120},
        {56, 120},
        // The header is in the page before, whose rest is a free block.
        {64, 60},
    };
    for (const auto& object : objects) {
        CAPTURE(object.size);
        region<narrow, 8192> r;
        std::size_t blocks = 0;
        for (address at = r.take({.size = object.size, .align = 4, .within = 64}); at != 0;
             at = r.take({.size = object.size, .align = 4, .within = 64})) {
            CHECK(at / 64 == (at + object.size - 1) / 64);
            ++blocks;
        }
        CHECK(blocks >= object.in_124_pages);
        CHECK(r.holds());
    }
}

TEST_CASE("nonresident_linked_list_allocator: a request that wraps, at the end of 32 bits") {
    region<narrow, 4096> r;
    const address most = (std::numeric_limits<address>::max)();
    const std::uint32_t most_32 = 0xFFFFFFFF;
    for (const address size :
         {most, most - 6, most - 7, most - 8, address{most_32}, address{most_32} - 7,
          address{most_32} - 8, address{most_32} - 15, address{most_32} + 1, address{4096}}) {
        CAPTURE(size);
        CHECK(outcome(r.allocator.allocate(r.medium, {.size = size})) ==
              message(errc::out_of_memory));
    }
    CHECK(r.in_use() == 0);

    narrow other;
    CHECK(outcome(other.format(r.medium, 64, address{most_32} + 1)) == message(errc::too_large));
    CHECK(outcome(other.format(r.medium, address{most_32} + 1, address{most_32} + 5000)) ==
          message(errc::too_large));
    CHECK(outcome(other.format(r.medium, 4096, 64)) == message(errc::wrong_size));
    CHECK(outcome(other.format(r.medium, most, most)) == message(errc::too_large));
}

TEST_CASE("nonresident_linked_list_allocator: a region that ends where 32-bit addresses end") {
    // The first and last 4 KiB of 4 GiB; what lies between is never touched.
    struct ends {
        [[nodiscard]] address size() const noexcept { return address{1} << 32U; }
        [[nodiscard]] std::byte* at(address where) noexcept {
            return where < 4096 ? &bytes[where]
                   : where >= size() - 4096
                       ? &bytes[static_cast<std::size_t>(where - (size() - 8192))]
                       : nullptr;
        }
        [[nodiscard]] vmem::result<void> read(address from, std::span<std::byte> out) {
            if (at(from) == nullptr) {
                return vmem::failure(errc::read_failed);
            }
            std::copy_n(at(from), out.size(), out.begin());
            return {};
        }
        [[nodiscard]] vmem::result<void> write(address to, std::span<const std::byte> in) {
            if (at(to) == nullptr) {
                return vmem::failure(errc::write_failed);
            }
            std::copy_n(in.begin(), in.size(), at(to));
            return {};
        }
        [[nodiscard]] vmem::result<void> sync() { return {}; }
        std::array<std::byte, 8192> bytes{};
    } medium;
    narrow allocator;
    const address end = 0xFFFFFFFF;
    CHECK(outcome(allocator.format(medium, 64, end)) == "ok");
    const address whole = allocator.largest_free(medium).value_or(0);
    CHECK(whole > 0xFFFFF000);
    CHECK(outcome(allocator.allocate(medium, {.size = whole + 1})) == message(errc::out_of_memory));
    CHECK(outcome(allocator.allocate(medium, {.size = 8, .align = 0x80000000})) ==
          message(errc::write_failed));
    const auto small = allocator.allocate(medium, {.size = 100});
    CHECK(outcome(small) == "ok");
    const auto rest = allocator.allocate(medium, {.size = whole - 112});
    CHECK(outcome(rest) == "ok");
    CHECK(allocator.largest_free(medium).value_or(1) == 0);
    CHECK(allocator.invariants_hold(medium).value_or(false));
    CHECK(outcome(allocator.deallocate(medium, *small)) == "ok");
    CHECK(outcome(allocator.deallocate(medium, *rest)) == "ok");
    CHECK(allocator.largest_free(medium).value_or(0) == whole);
}

TEST_CASE(
    "nonresident_linked_list_allocator: an allocation and its release read and write little") {
    region<narrow, 65536> r;
    std::mt19937_64 random;
    std::vector<address> live;
    std::uint64_t most_reads = 0;
    std::uint64_t most_writes = 0;
    for (int i = 0; i < 20000; ++i) {
        if (live.size() < 300 || random() % 2 == 0) {
            const address at = r.take({.size = 1 + random() % 200});
            if (at != 0) {
                live.push_back(at);
            }
            continue;
        }
        const std::size_t which = random() % live.size();
        r.medium.reset_counts();
        CHECK(r.give(live[which]) == "ok");
        most_reads = (std::max)(most_reads, r.medium.counts().reads);
        most_writes = (std::max)(most_writes, r.medium.counts().writes);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
    }
    // In at most three blocks, five neighbours in lists, the list heads and the counts.
    CHECK(most_reads <= 15);
    CHECK(most_writes <= 10);
    CAPTURE(most_reads);
    CAPTURE(most_writes);

    // With one hole of 16 bytes after the other to pass over, a search gives up on their class.
    region<narrow, 65536> holes;
    std::vector<address> blocks;
    for (address at = holes.take({.size = 24}); at != 0; at = holes.take({.size = 24})) {
        blocks.push_back(at);
    }
    for (std::size_t i = 0; i < blocks.size(); i += 2) {
        CHECK(holes.give(blocks[i]) == "ok");
    }
    CHECK(holes.give(blocks[101]) == "ok");
    holes.medium.reset_counts();
    CHECK(holes.take({.size = 56}) != 0);
    CHECK(holes.medium.counts().reads <= 24);
    CHECK(holes.medium.counts().writes <= 12);
}

TEST_CASE("nonresident_linked_list_allocator: under churn of 16 to 512 bytes it stays compact") {
    region<narrow, 1 << 20> r;
    const address whole = r.largest();
    const address capacity = r.capacity();
    std::mt19937_64 random;
    struct block {
        address at;
        address size;
    };
    std::vector<block> live;
    address requested = 0;
    double utilisation = 1;
    double sum = 0;
    int samples = 0;
    for (int round = 0; round < 60; ++round) {
        // Until a request fails; then a third is freed.
        for (;;) {
            const address size = 16 + random() % 497;
            const address at = r.take({.size = size});
            if (at == 0) {
                break;
            }
            live.push_back({at, size});
            requested += size;
        }
        if (round >= 10) {
            const double now = static_cast<double>(requested) / static_cast<double>(capacity);
            utilisation = (std::min)(utilisation, now);
            sum += now;
            ++samples;
        }
        for (std::size_t left = live.size() / 3; left != 0; --left) {
            const std::size_t which = random() % live.size();
            CHECK(r.give(live[which].at) == "ok");
            requested -= live[which].size;
            live[which] = live.back();
            live.pop_back();
        }
    }
    const double mean = sum / samples;
    MESSAGE("requested bytes of all bytes when a request first fails: mean ", mean, ", least ",
            utilisation);
    CHECK(mean >= 0.88);
    CHECK(utilisation >= 0.86);
    CHECK(r.holds());
    for (const block& one : live) {
        CHECK(r.give(one.at) == "ok");
    }
    CHECK(r.in_use() == 0);
    CHECK(r.largest() == whole);
}

TEST_CASE("nonresident_linked_list_allocator: memory is not lost where little of it is live") {
    // An allocator that does not merge is out of memory here, with an eighth in use.
    region<narrow, 65536> r;
    std::vector<address> blocks;
    for (address at = r.take({.size = 56}); at != 0; at = r.take({.size = 56})) {
        blocks.push_back(at);
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        if (i % 8 != 0) {
            CHECK(r.give(blocks[i]) == "ok");
        }
    }
    std::size_t large = 0;
    while (r.take({.size = 7 * 64 - 8}) != 0) {
        ++large;
    }
    CHECK(large >= blocks.size() / 8 - 1);
    CHECK(r.holds());
}

TEST_CASE("nonresident_linked_list_allocator: what is settled is opened without a look at blocks") {
    region<narrow, 65536> r;
    for (int i = 0; i < 500; ++i) {
        CHECK(r.take({.size = 100}) != 0);
    }
    CHECK(outcome(r.allocator.settle(r.medium)) == "ok");
    r.medium.reset_counts();
    CHECK(r.reopen() == "ok");
    CHECK(r.medium.counts().reads == 1);
    CHECK(r.medium.counts().writes == 0);
    CHECK(r.holds());
    CHECK(r.allocator.stats(r.medium)->blocks == 500);

    // A settled state that nothing changed needs no writing.
    r.medium.reset_counts();
    CHECK(outcome(r.allocator.settle(r.medium)) == "ok");
    CHECK(r.largest() != 0);
    CHECK(r.medium.counts().writes == 0);

    // The first change takes the mark away; two reads a block bring everything back.
    CHECK(r.take({.size = 1}) != 0);
    r.medium.reset_counts();
    CHECK(r.reopen() == "ok");
    CHECK(r.medium.counts().reads >= 1000);
    CHECK(r.medium.counts().reads <= 2 * 501 + 100);
    CHECK(r.holds());
    CHECK(r.allocator.stats(r.medium)->blocks == 501);
}

TEST_CASE("nonresident_linked_list_allocator: what was never formatted is corrupt") {
    vmem::ram_storage<4096> medium;
    narrow allocator;
    CHECK(outcome(allocator.open(medium, 64, 4096)) == message(errc::corrupt));
    wide formatted;
    CHECK(outcome(formatted.format(medium, 64, 4096)) == "ok");
    CHECK(outcome(allocator.open(medium, 72, 4096)) == message(errc::corrupt));
    CHECK(outcome(allocator.open(medium, 64, 70)) == message(errc::wrong_size));
}

/// A small region with a little of everything, and every way to use it.
class damaged_region {
public:
    using medium_type = vmem::ram_storage<1024>;
    static constexpr address begin = 128;
    static constexpr address end = 896;

    explicit damaged_region(bool settled) {
        CHECK(outcome(allocator_.format(bytes_, begin, end)) == "ok");
        std::fill_n(bytes_.data(), begin, std::byte{0x5A});
        std::fill_n(bytes_.data() + end, 1024 - end, std::byte{0x5A});
        std::vector<address> all;
        for (const address size : {32U, 8U, 40U, 16U, 64U, 24U, 8U, 48U, 8U}) {
            all.push_back(allocator_.allocate(bytes_, {.size = size}).value_or(0));
        }
        for (const std::size_t i :
             {std::size_t{1}, std::size_t{3}, std::size_t{4}, std::size_t{7}}) {
            CHECK(outcome(allocator_.deallocate(bytes_, all[i])) == "ok");
        }
        for (const std::size_t i : {std::size_t{0}, std::size_t{2}, std::size_t{5}}) {
            live_.push_back(all[i]);
        }
        if (settled) {
            CHECK(outcome(allocator_.settle(bytes_)) == "ok");
        }
    }

    /// What goes wrong when the bytes are `change`d, or null.
    template <class Change>
    const char* use_after(Change change, bool reopen) {
        medium_type broken = bytes_;
        change(std::span<std::byte>(broken.data() + begin, end - begin));
        vmem::counted<medium_type> medium(broken);
        narrow allocator = allocator_;
        const char* wrong = nullptr;
        const auto expect = [&](const auto& done) {
            const bool expected =
                done || done.error() == errc::corrupt || done.error() == errc::foreign_pointer ||
                done.error() == errc::double_free || done.error() == errc::out_of_memory;
            wrong = expected ? wrong : message(done.error());
            // 48 blocks at most, in at most 28 lists.
            wrong = medium.counts().reads < 10000 ? wrong : "too many reads";
            medium.reset_counts();
            return done.has_value();
        };
        if (reopen) {
            const std::vector<std::byte> before(medium.data(), medium.data() + 1024);
            allocator = narrow();
            if (!expect(allocator.open(medium, begin, end))) {
                return wrong != nullptr || std::equal(before.begin(), before.end(), medium.data())
                           ? wrong
                           : "a failed open changed the medium";
            }
        }
        expect(allocator.stats(medium));
        expect(allocator.largest_free(medium));
        expect(allocator.invariants_hold(medium));
        for (const address size : {8U, 24U, 40U, 100U}) {
            expect(allocator.allocate(medium, {.size = size}));
        }
        for (const address block : live_) {
            expect(allocator.deallocate(medium, block));
        }
        expect(allocator.allocate(medium, {.size = 16, .align = 64, .within = 64}));
        expect(allocator.settle(medium));
        expect(allocator.invariants_hold(medium));
        const auto is_foreign = [](std::byte value) { return value == std::byte{0x5A}; };
        if (!std::all_of(medium.data(), medium.data() + begin, is_foreign) ||
            !std::all_of(medium.data() + end, medium.data() + 1024, is_foreign)) {
            return "a byte outside the region was touched";
        }
        return wrong;
    }

private:
    medium_type bytes_;
    narrow allocator_;
    std::vector<address> live_;
};

TEST_CASE("nonresident_linked_list_allocator: any one damaged bit is survived") {
    for (const bool settled : {false, true}) {
        for (const bool reopen : {false, true}) {
            CAPTURE(settled);
            CAPTURE(reopen);
            damaged_region healthy(settled);
            for (std::size_t bit = 0; bit < 8 * (damaged_region::end - damaged_region::begin);
                 ++bit) {
                const char* wrong = healthy.use_after(
                    [bit](std::span<std::byte> bytes) {
                        bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
                    },
                    reopen);
                CAPTURE(bit);
                CHECK_MESSAGE(wrong == nullptr, std::string(wrong == nullptr ? "" : wrong));
            }
        }
    }
}

TEST_CASE("nonresident_linked_list_allocator: many damaged bytes are survived, at random") {
    constexpr std::uint64_t seed = std::mt19937_64::default_seed;
    std::mt19937_64 random(seed);
    damaged_region settled(true);
    damaged_region unsettled(false);
    for (int round = 0; round < 20000; ++round) {
        const char* wrong =
            (random() % 2 == 0 ? settled : unsettled)
                .use_after(
                    [&](std::span<std::byte> bytes) {
                        // Words that look like sizes and addresses do most harm.
                        for (std::size_t left = 1 + random() % 6; left != 0; --left) {
                            const std::size_t at = random() % (bytes.size() / 4) * 4;
                            const auto word = static_cast<std::uint32_t>(random() % 1024);
                            for (std::size_t i = 0; i < 4; ++i) {
                                bytes[at + i] = static_cast<std::byte>(word >> 8 * i);
                            }
                            bytes[random() % bytes.size()] = static_cast<std::byte>(random());
                        }
                    },
                    random() % 2 == 0);
        if (wrong != nullptr) {
            CAPTURE(seed);
            CAPTURE(round);
            CHECK_MESSAGE(wrong == nullptr, std::string(wrong));
            break;
        }
    }
}

TEST_CASE("nonresident_linked_list_allocator: a word that was damaged in RAM's absence is named") {
    region<narrow, 4096> r;
    const address first = r.take({.size = 40});
    const address second = r.take({.size = 40});
    CHECK(r.take({.size = 40}) != 0);
    const std::array<std::byte, 4> damage{std::byte{0xFF}, std::byte{0xFF}, std::byte{0xFF},
                                          std::byte{0xFF}};
    // The header of a block that is freed, of its neighbour, and of a block that is counted.
    CHECK(outcome(r.medium.write(second - 8, damage)) == "ok");
    CHECK(r.give(second) == message(errc::foreign_pointer));
    CHECK(r.give(first) == "ok");
    CHECK_FALSE(r.holds());
    CHECK(r.reopen() == message(errc::corrupt));
}

TEST_CASE("nonresident_linked_list_allocator: damaged lists are found out, then derived again") {
    region<narrow, 4096> r;
    const address first = r.take({.size = 40});
    CHECK(r.take({.size = 40}) != 0);
    const address third = r.take({.size = 40});
    CHECK(r.take({.size = 40}) != 0);
    CHECK(r.give(first) == "ok");
    CHECK(r.give(third) == "ok");
    // The link of one free block to the other.
    const std::uint32_t wrong = 0x7FFFFFF8;
    CHECK(outcome(r.medium.write(third - 4, std::as_bytes(std::span(&wrong, 1)))) == "ok");
    CHECK_FALSE(r.holds());
    CHECK(outcome(r.allocator.allocate(r.medium, {.size = 40})) == message(errc::corrupt));
    CHECK(r.holds());
    CHECK(r.take({.size = 40}) != 0);
    CHECK(r.take({.size = 40}) != 0);
    CHECK(r.holds());
}

} // namespace
