// SPDX-License-Identifier: BSL-1.0
#include <vmem/persist/superblock.hpp>

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/eviction/fifo.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/heap.hpp>
#include <vmem/persist/crc32c.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/residency/translation.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/flaky.hpp"
#include "contract/storage_contract.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using vmem::address;
using vmem::errc;
using vmem::superblock;
using vmem::contract::failed_write;
using vmem::contract::outcome;
using linked_list = vmem::nonresident_linked_list_allocator;

// --- the block itself ---

superblock example() {
    superblock block;
    block.page_size = 512;
    block.size = 65536;
    block.address_bits = 32;
    block.allocator = 7;
    return block.sealed();
}

// The layout is what other versions will find.
static_assert(sizeof(superblock) == 128);
static_assert(offsetof(superblock, magic) == 0 && offsetof(superblock, format) == 8 &&
              offsetof(superblock, page_size) == 12 && offsetof(superblock, size) == 16 &&
              offsetof(superblock, address_bits) == 24 && offsetof(superblock, allocator) == 28 &&
              offsetof(superblock, sequence) == 32 && offsetof(superblock, data) == 40 &&
              offsetof(superblock, second) == 48 && offsetof(superblock, residency) == 56 &&
              offsetof(superblock, durability) == 60 && offsetof(superblock, log_bytes) == 64 &&
              offsetof(superblock, log_crc) == 72 && offsetof(superblock, spilled) == 76 &&
              offsetof(superblock, spilled_crc) == 80 && offsetof(superblock, block) == 84 &&
              offsetof(superblock, roots) == 88 && offsetof(superblock, roots_crc) == 92 &&
              offsetof(superblock, crc) == 124);
static_assert(offsetof(vmem::root_entry, size) == 16 && offsetof(vmem::root_entry, tag) == 20 &&
              offsetof(vmem::root_entry, address) == 24);

TEST_CASE("superblock: accepts what is like it, on a storage at least as large") {
    const superblock mine = example();
    CHECK(outcome(mine.accepts(mine)) == "ok");
    superblock smaller = example();
    smaller.size = 512;
    CHECK(outcome(mine.accepts(smaller.sealed())) == "ok");
}

TEST_CASE("superblock: its first bytes are legible, its last are the checksum of all others") {
    const superblock mine = example();
    std::array<std::byte, 128> bytes{};
    std::memcpy(bytes.data(), &mine, 128);
    CHECK(std::memcmp(bytes.data(), "vmem\r\n\x1a\n", 8) == 0);
    CHECK(mine.crc == vmem::crc32c(std::span(bytes).first(124)));
}

TEST_CASE("superblock: says why it does not accept") {
    const superblock mine = example();
    const auto refusal = [&](auto change) {
        superblock found = example();
        change(found);
        return outcome(mine.accepts(found.sealed()));
    };
    CHECK(refusal([](superblock& b) { b.magic = 0; }) == message(errc::not_formatted));
    CHECK(refusal([](superblock& b) { b.magic ^= 1; }) == message(errc::not_formatted));
    // An image of the other byte order.
    CHECK(refusal([](superblock& b) { b.magic = 0x766D656D0D0A1A0A; }) ==
          message(errc::not_formatted));
    CHECK(refusal([](superblock& b) { b.format = 0; }) == message(errc::version_too_old));
    CHECK(refusal([](superblock& b) { b.format = vmem::media_version + 1; }) ==
          message(errc::version_too_new));
    CHECK(refusal([](superblock& b) { b.page_size = 256; }) == message(errc::geometry_mismatch));
    CHECK(refusal([](superblock& b) { b.address_bits = 16; }) == message(errc::geometry_mismatch));
    CHECK(refusal([](superblock& b) { b.allocator = 8; }) == message(errc::geometry_mismatch));
    CHECK(refusal([](superblock& b) { b.residency = 2; }) == message(errc::geometry_mismatch));
    CHECK(refusal([](superblock& b) { b.data = 1; }) == message(errc::geometry_mismatch));
    CHECK(refusal([](superblock& b) { b.second = 1; }) == message(errc::geometry_mismatch));
    CHECK(refusal([](superblock& b) { b.block = 64; }) == message(errc::geometry_mismatch));
    CHECK(refusal([](superblock& b) { b.size = 65537; }) == message(errc::truncated));
    // A newer version may mean something else by all the rest.
    CHECK(refusal([](superblock& b) {
              b.format = vmem::media_version + 1;
              b.page_size = 1;
              b.size = ~std::uint64_t{0};
          }) == message(errc::version_too_new));
    CHECK(outcome(mine.accepts(superblock{})) == message(errc::corrupt));
}

TEST_CASE("superblock: any flipped bit is found") {
    const superblock mine = example();
    for (std::size_t bit = 0; bit < 1024; ++bit) {
        CAPTURE(bit);
        std::array<std::byte, 128> bytes{};
        std::memcpy(bytes.data(), &mine, 128);
        bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        superblock found;
        std::memcpy(static_cast<void*>(&found), bytes.data(), 128);
        CHECK(outcome(mine.accepts(found)) ==
              message(bit < 64 ? errc::not_formatted : errc::corrupt));
    }
}

TEST_CASE("superblock: one of version 1 is too old, unless it is damaged") {
    // Its 64 bytes, the last four of which are the checksum; behind them user data.
    std::array<std::byte, 128> bytes{};
    std::ranges::fill(bytes, std::byte{0x5A});
    superblock first = example();
    first.format = 1;
    std::memcpy(bytes.data(), &first, 60);
    const std::uint32_t crc = vmem::crc32c(std::span(bytes).first(60));
    std::memcpy(bytes.data() + 60, &crc, 4);
    superblock found;
    std::memcpy(static_cast<void*>(&found), bytes.data(), 128);
    CHECK(outcome(example().accepts(found)) == message(errc::version_too_old));
    found.size ^= 1;
    CHECK(outcome(example().accepts(found)) == message(errc::corrupt));
}

TEST_CASE("superblock: the roots have a checksum of their own") {
    std::array<vmem::root_entry, 2> roots{};
    roots[1].name = {'a'};
    roots[1].address = 5;
    const superblock sealed = superblock{}.sealed(roots);
    CHECK(sealed.roots == 2);
    CHECK(sealed.roots_crc == vmem::crc32c(std::as_bytes(std::span(roots))));
    CHECK(outcome(sealed.verify()) == "ok");
}

// --- what heaps make of it ---

/// A storage of a size that is chosen at run time, of at most 128 KiB.
class sized {
public:
    explicit sized(address size) : size_(size), bytes_(static_cast<std::size_t>(size)) {}
    [[nodiscard]] address size() const noexcept { return size_; }
    [[nodiscard]] vmem::result<void> read(address from, std::span<std::byte> out) {
        const auto fits = vmem::detail::check_range(size_, from, out.size());
        if (fits) {
            std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(from), out.size(),
                        out.begin());
        }
        return fits;
    }
    [[nodiscard]] vmem::result<void> write(address to, std::span<const std::byte> in) {
        const auto fits = vmem::detail::check_range(size_, to, in.size());
        if (fits) {
            std::ranges::copy(in, bytes_.begin() + static_cast<std::ptrdiff_t>(to));
        }
        return fits;
    }
    [[nodiscard]] vmem::result<void> sync() { return {}; }

    [[nodiscard]] std::vector<std::byte>& bytes() { return bytes_; }
    /// The first so many bytes of it.
    [[nodiscard]] sized cut(address size) const {
        sized part(size);
        std::copy_n(bytes_.begin(), static_cast<std::ptrdiff_t>(size < size_ ? size : size_),
                    part.bytes_.begin());
        return part;
    }

private:
    address size_;
    std::vector<std::byte> bytes_;
};

using reference = vmem::storage_ref<sized>;
using memory = vmem::heap<reference, vmem::paged<128, 2, vmem::fifo>, linked_list>;

/// An image with one block, whose first int is 4711; with the address of that.
struct image {
    sized storage{4096};
    std::uint32_t root = 0;

    image() {
        memory heap{storage};
        CHECK(outcome(heap.format()) == "ok");
        const auto made = heap.make<int>(4711);
        CHECK(outcome(made) == "ok");
        root = made ? made->to_address() : 0;
        CHECK(outcome(heap.flush()) == "ok");
    }
};

/// Why `Heap` does not open the storage, or "ok". Either way nothing on it may change.
template <class Heap>
std::string opening(sized& storage) {
    const std::vector<std::byte> before = storage.bytes();
    std::string why;
    {
        Heap heap{storage};
        why = outcome(heap.open());
        CHECK(heap.is_open() == (why == "ok"));
        if (why != "ok") {
            CHECK(heap.size() == 0);
            CHECK(outcome(heap.template make<int>(1)) == message(errc::not_open));
            CHECK(outcome(heap.flush()) == message(errc::not_open));
        }
    }
    CHECK(storage.bytes() == before);
    return why;
}

/// Where the second copy is.
std::size_t second_copy(const sized& storage) {
    sized copy = storage;
    superblock block;
    std::memcpy(static_cast<void*>(&block), copy.bytes().data(), sizeof(block));
    return static_cast<std::size_t>(block.second);
}

/// Has `change` done to both superblocks, and the checksums made right.
template <class Change>
sized with_superblock(const sized& storage, Change change) {
    sized changed = storage;
    for (const std::size_t at : {std::size_t{0}, second_copy(storage)}) {
        superblock block;
        std::memcpy(static_cast<void*>(&block), changed.bytes().data() + at, sizeof(block));
        change(block);
        block = block.sealed();
        std::memcpy(changed.bytes().data() + at, &block, sizeof(block));
    }
    return changed;
}

TEST_CASE("heap: opens what it formatted") {
    image made;
    CHECK(opening<memory>(made.storage) == "ok");
    memory heap{made.storage};
    CHECK(outcome(heap.open()) == "ok");
    CHECK(heap.size() == 4096);
    CHECK(*vmem::vptr<int, memory>::from_address(made.root) == 4711);
    CHECK(heap.allocation()->blocks == 1);
}

TEST_CASE("heap: what it did not format it does not open, and leaves alone") {
    sized empty(4096);
    CHECK(opening<memory>(empty) == message(errc::not_formatted));
    sized ones(4096);
    std::ranges::fill(ones.bytes(), std::byte{0xFF});
    CHECK(opening<memory>(ones) == message(errc::not_formatted));
    sized random_bytes(4096);
    std::mt19937_64 random;
    std::ranges::generate(random_bytes.bytes(), [&] { return static_cast<std::byte>(random()); });
    CHECK(opening<memory>(random_bytes) == message(errc::not_formatted));
    for (const address size : {0U, 1U, 63U, 127U, 128U, 255U}) {
        sized tiny(size);
        CHECK(opening<memory>(tiny) == message(errc::wrong_size));
    }
}

TEST_CASE("heap: says which kind of other image it found") {
    const image made;
    const auto changed = [&](auto change) {
        sized storage = with_superblock(made.storage, change);
        return opening<memory>(storage);
    };
    CHECK(changed([](superblock&) {}) == "ok");
    CHECK(changed([](superblock& b) { b.format = 0; }) == message(errc::version_too_old));
    CHECK(changed([](superblock& b) { ++b.format; }) == message(errc::version_too_new));
    CHECK(changed([](superblock& b) { b.page_size = 64; }) == message(errc::geometry_mismatch));
    CHECK(changed([](superblock& b) { b.address_bits = 64; }) == message(errc::geometry_mismatch));
    CHECK(changed([](superblock& b) { ++b.allocator; }) == message(errc::geometry_mismatch));
    CHECK(changed([](superblock& b) { b.size = 4097; }) == message(errc::truncated));
    CHECK(changed([](superblock& b) { b.size = ~std::uint64_t{0}; }) == message(errc::truncated));
    // Its checksum is right, and yet there can be no such image.
    CHECK(changed([](superblock& b) { b.size = 0; }) == message(errc::wrong_size));
    CHECK(changed([](superblock& b) { b.size = 200; }) == message(errc::wrong_size));
    CHECK(changed([](superblock& b) { b.size = 384; }) != "ok");
}

TEST_CASE("heap: another composition's image is a geometry_mismatch") {
    image made;
    using vmem::address_bits;
    using vmem::heap;
    using vmem::paged;
    CHECK(opening<heap<reference, paged<256, 2>, linked_list>>(made.storage) ==
          message(errc::geometry_mismatch));
    CHECK(opening<heap<reference, paged<64, 2>, linked_list>>(made.storage) ==
          message(errc::geometry_mismatch));
    CHECK(opening<heap<reference, paged<128, 2>, linked_list, address_bits<16>>>(made.storage) ==
          message(errc::geometry_mismatch));
    using wide = vmem::basic_nonresident_linked_list_allocator<std::uint64_t>;
    CHECK(opening<heap<reference, paged<128, 2>, wide, address_bits<64>>>(made.storage) ==
          message(errc::geometry_mismatch));
    CHECK(opening<heap<reference, paged<128, 2>, wide>>(made.storage) ==
          message(errc::geometry_mismatch));
    // What is only in RAM may differ.
    CHECK(opening<heap<reference, paged<128, 7, vmem::sieve, vmem::page_map>, linked_list,
                       vmem::statistics<true>>>(made.storage) == "ok");
}

TEST_CASE("heap: any flipped bit of a superblock does no harm, two are found") {
    const image made;
    const std::size_t second = second_copy(made.storage);
    for (std::size_t bit = 0; bit < 1024; ++bit) {
        CAPTURE(bit);
        sized flipped = made.storage;
        flipped.bytes()[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        CHECK(opening<memory>(flipped) == "ok");
        flipped.bytes()[second + bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        CHECK(opening<memory>(flipped) == message(bit < 64 ? errc::not_formatted : errc::corrupt));
        flipped.bytes()[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        CHECK(opening<memory>(flipped) == "ok");
    }
}

TEST_CASE("heap: a storage that was cut is truncated, one that has grown is not") {
    const image made;
    for (address size = 256; size < 4096; size += 61) {
        CAPTURE(size);
        sized part = made.storage.cut(size);
        CHECK(opening<memory>(part) == message(errc::truncated));
    }
    sized grown = made.storage.cut(5000);
    CHECK(opening<memory>(grown) == "ok");
    memory heap{grown};
    CHECK(outcome(heap.open()) == "ok");
    CHECK(heap.size() == 4096);
    CHECK(*vmem::vptr<int, memory>::from_address(made.root) == 4711);
}

TEST_CASE("heap: damage to the allocator's state is corrupt, and the storage stays as it was") {
    // An image whose last blocks were not settled: every header is looked at.
    sized storage(8192);
    std::uint32_t last = 0;
    sized unsettled(8192);
    {
        memory heap{storage};
        CHECK(outcome(heap.format()) == "ok");
        for (int i = 0; i < 60; ++i) {
            const auto made = heap.allocate<int>(20);
            last = made ? made->to_address() : 0;
        }
        CHECK(outcome(heap.residency().flush()) == "ok");
        unsettled = storage;
    }
    sized whole = unsettled;
    {
        memory heap{whole};
        CHECK(outcome(heap.open()) == "ok");
        CHECK(heap.allocation()->blocks == 60);
        CHECK(heap.invariants_hold().value_or(false));
    }
    // The header of the last block, its check word, and the allocator's first words.
    for (const std::uint32_t at : {last - 8, last - 7, last - 4, 256U, 257U}) {
        CAPTURE(at);
        sized damaged = unsettled;
        damaged.bytes()[at] ^= std::byte{0x9C};
        CHECK(opening<memory>(damaged) == message(errc::corrupt));
    }
}

TEST_CASE("heap: a storage is large enough, or wrong_size") {
    bool enough = false;
    for (address size = 0; size < 800; ++size) {
        CAPTURE(size);
        sized storage(size);
        vmem::heap<reference, vmem::paged<64, 1>, linked_list> heap{storage};
        const std::string made = outcome(heap.format());
        CHECK((made == "ok" || (!enough && made == message(errc::wrong_size))));
        CHECK(heap.is_open() == (made == "ok"));
        enough = made == "ok";
        if (enough) {
            CHECK(heap.size() == size / 64 * 64);
            CHECK(outcome(heap.allocate<char>(1)) == "ok");
        }
    }
    CHECK(enough);
}

TEST_CASE("heap: a storage beyond its addresses or its page table is too_large") {
    using narrow = vmem::heap<reference, vmem::paged<64, 2>, linked_list, vmem::address_bits<16>>;
    sized largest(65536 + 63);
    {
        narrow heap{largest};
        CHECK(outcome(heap.format()) == "ok");
        CHECK(heap.size() == 65536);
        const auto room = heap.largest_free();
        CHECK(outcome(room) == "ok");
        const auto all = heap.allocate<std::byte>(room.value_or(1));
        CHECK(outcome(all) == "ok");
        CHECK(all->to_address() + *room <= 65535);
        const auto end = vmem::vptr<std::byte, narrow>::from_address(all->to_address() + *room - 1);
        *end = std::byte{5};
        CHECK(*end == std::byte{5});
    }
    sized larger(65536 + 64);
    {
        narrow heap{larger};
        CHECK(outcome(heap.format()) == message(errc::too_large));
        CHECK_FALSE(heap.is_open());
    }
    CHECK(opening<narrow>(larger) == message(errc::too_large));

    using by_table =
        vmem::heap<reference, vmem::paged<64, 2, vmem::fifo, vmem::page_table<16>>, linked_list>;
    sized fits(1024);
    sized does_not(1024 + 64);
    by_table heap{fits};
    CHECK(outcome(heap.format()) == "ok");
    CHECK(opening<vmem::heap<reference, vmem::paged<64, 3, vmem::fifo, vmem::page_table<16>>,
                             linked_list>>(does_not) == message(errc::too_large));
}

// --- format and open on a storage that fails ---

using flaky = vmem::contract::flaky<sized>;
using fragile = vmem::heap<vmem::storage_ref<flaky>, vmem::paged<128, 2, vmem::fifo>, linked_list>;

template <class Heap, class Call>
std::string with_fault(flaky& storage, std::uint64_t n, std::uint64_t count, failed_write how,
                       Call call) {
    storage.fail(n, count, how);
    std::string done;
    {
        Heap heap{storage};
        done = outcome(call(heap));
        CHECK(heap.is_open() == (done == "ok"));
        storage.heal();
    }
    return done;
}

TEST_CASE("heap: an interrupted format is reported, and leaves no image that only seems whole") {
    for (const std::uint64_t count : {std::uint64_t{1}, flaky::forever}) {
        for (const failed_write how :
             {failed_write::stores_nothing, failed_write::stores_some, failed_write::stores_all}) {
            for (std::uint64_t n = 1;; ++n) {
                CAPTURE(n);
                flaky storage{image().storage};
                const std::string formatted = with_fault<fragile>(
                    storage, n, count, how, [](fragile& heap) { return heap.format(); });
                if (storage.failed() == 0) {
                    CHECK(formatted == "ok");
                    break;
                }
                if (formatted != "ok") {
                    fragile heap{storage};
                    const std::string opened = outcome(heap.open());
                    // Nothing yet, all that was there before, or all of the new.
                    const bool none =
                        opened == message(errc::not_formatted) || opened == message(errc::corrupt);
                    const bool all = opened == "ok" && heap.invariants_hold().value_or(false) &&
                                     heap.allocation()->blocks <= 1;
                    CHECK((none || all));
                }
                fragile heap{storage};
                CHECK(outcome(heap.format()) == "ok");
                CHECK(heap.allocation()->blocks == 0);
                CHECK(outcome(heap.open()) == "ok");
            }
        }
    }
}

TEST_CASE("heap: an interrupted open is reported, and can be repeated") {
    const image made;
    for (const std::uint64_t count : {std::uint64_t{1}, flaky::forever}) {
        for (std::uint64_t n = 1;; ++n) {
            CAPTURE(n);
            flaky storage{made.storage};
            const std::string opened =
                with_fault<fragile>(storage, n, count, failed_write::stores_nothing,
                                    [](fragile& heap) { return heap.open(); });
            CHECK(opened == (storage.failed() == 0 ? "ok" : message(errc::read_failed)));
            fragile heap{storage};
            CHECK(outcome(heap.open()) == "ok");
            CHECK(*vmem::vptr<int, fragile>::from_address(made.root) == 4711);
            CHECK(heap.invariants_hold().value_or(false));
            if (storage.failed() == 0) {
                break;
            }
        }
    }
}

TEST_CASE("heap: a flush saves what was written even if the allocator's state is damaged") {
    flaky storage{sized(4096)};
    std::uint32_t root = 0;
    {
        fragile heap{storage};
        CHECK(outcome(heap.format()) == "ok");
        const auto made = heap.allocate<int>(2);
        root = made ? made->to_address() : 0;
        const std::uint32_t last = heap.allocate<int>(1)->to_address();
        // A header that is none, and an interrupted call, so that all headers are read again.
        const std::array<std::byte, 4> damage{std::byte{0xFF}, std::byte{0xFF}, std::byte{0xFF},
                                              std::byte{0xFF}};
        CHECK(outcome(heap.write(last - 8, damage)) == "ok");
        *vmem::vptr<int, fragile>::from_address(root) = 4711;
        storage.fail(1, flaky::forever);
        std::string interrupted = "ok";
        for (int i = 0; i < 100 && interrupted == "ok"; ++i) {
            interrupted = outcome(heap.allocate<int>(100));
        }
        CHECK(interrupted != "ok");
        storage.heal();
        CHECK(outcome(heap.flush()) == message(errc::corrupt));
        int found = 0;
        CHECK(outcome(storage.inner().read(root, std::as_writable_bytes(std::span(&found, 1)))) ==
              "ok");
        CHECK(found == 4711);
    }
}

TEST_CASE("heap: what a flush that failed leaves is not taken for complete") {
    using image_of = vmem::heap<reference, vmem::paged<128, 6, vmem::fifo>, linked_list>;
    using failing =
        vmem::heap<vmem::storage_ref<flaky>, vmem::paged<128, 6, vmem::fifo>, linked_list>;
    std::size_t opened_images = 0;
    for (std::uint64_t n = 1;; ++n) {
        CAPTURE(n);
        flaky storage{sized(8192)};
        failing heap{storage};
        CHECK(outcome(heap.format()) == "ok");
        std::vector<vmem::vptr<char, failing>> blocks;
        for (int i = 0; i < 30; ++i) {
            blocks.push_back(*heap.allocate<char>(100));
        }
        CHECK(outcome(heap.flush()) == "ok");
        for (std::size_t i = 0; i < blocks.size(); i += 3) {
            CHECK(outcome(heap.deallocate(blocks[i])) == "ok");
        }
        for (int i = 0; i < 4; ++i) {
            CHECK(outcome(heap.allocate<char>(40)) == "ok");
        }
        storage.fail(n, flaky::forever);
        const std::string flushed = outcome(heap.flush());
        // As if the program ended here: what the storage has is all there is.
        sized left = storage.inner();
        storage.heal();
        {
            image_of next{left};
            const std::string opened = outcome(next.open());
            CHECK((opened == "ok" || opened == message(errc::corrupt)));
            if (opened == "ok") {
                ++opened_images;
                CHECK(next.invariants_hold().value_or(false));
                while (next.allocate<char>(8)) {
                }
                CHECK(next.invariants_hold().value_or(false));
            }
        }
        CHECK(outcome(heap.flush()) == "ok");
        if (flushed == "ok") {
            break;
        }
    }
    CHECK(opened_images >= 1);
}

TEST_CASE("heap: format while something is pinned is refused, and changes nothing") {
    image made;
    memory heap{made.storage};
    CHECK(outcome(heap.open()) == "ok");
    const auto p = vmem::vptr<int, memory>::from_address(made.root);
    {
        const auto held = p.read();
        CHECK(outcome(held) == "ok");
        CHECK(outcome(heap.format()) == message(errc::no_free_frame));
        CHECK(outcome(heap.open()) == message(errc::no_free_frame));
        CHECK(heap.is_open());
        CHECK(**held == 4711);
    }
    CHECK(*p == 4711);
    CHECK(outcome(heap.format()) == "ok");
    CHECK(heap.allocation()->blocks == 0);
}

} // namespace
