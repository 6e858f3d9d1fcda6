// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_DAMAGE_HPP
#define VMEM_TEST_SUPPORT_DAMAGE_HPP

#include <vmem/heap.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>
#include <vmem/vptr.hpp>

#include "support/random_test.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <vector>

/// \file
/// Images, bits of which are flipped, or bytes of which are overwritten: what opens is read, and
/// used. Whether any of that is undefined behaviour, the sanitizers say.
namespace vmem::test {

/// What a look at an image comes to.
enum class seen : std::uint8_t { right, refused, wrong };

/// A chain of records from the root "chain", for any heap with roots. `Medium` is a `ram_storage`
/// and holds what the heap's storage is made of.
template <class Heap, class Medium>
class damage_trial {
public:
    /// `open()` makes a storage of the medium, as `Heap` takes it; `prepare` formats that.
    template <class Open, class Prepare>
    damage_trial(Open open, Prepare prepare) : open_(open) {
        auto storage = open(medium_);
        prepare(storage);
        {
            Heap heap(open(medium_));
            heap.format().value();
            build(heap);
        }
        std::memcpy(good_.data(), medium_.data(), good_.size());
    }

    /// What a program finds. Then it goes on, whatever it has found.
    [[nodiscard]] seen look() {
        Heap heap(open_(medium_));
        if (!heap.open()) {
            return seen::refused;
        }
        const seen found = read_chain(heap);
        go_on(heap);
        return found;
    }

    void restore() { std::memcpy(medium_.data(), good_.data(), good_.size()); }
    void flip(std::size_t bit) { medium_.data()[bit / 8] ^= static_cast<std::byte>(1U << bit % 8); }
    [[nodiscard]] std::span<std::byte> bytes() { return {medium_.data(), good_.size()}; }
    /// Whether a byte of the medium belongs to a record. Precondition: the storage is the medium.
    [[nodiscard]] bool is_payload(std::size_t at) const {
        return std::any_of(payload_.begin(), payload_.end(), [at](std::size_t begin) {
            return at >= begin && at < begin + sizeof(record);
        });
    }
    static constexpr std::size_t bits = 8 * static_cast<std::size_t>(Medium::capacity);

private:
    struct record {
        std::uint32_t value = 0;
        typename Heap::address_type next = 0;
        std::array<std::uint32_t, 4> filling{};
    };
    static constexpr std::uint32_t records = 20;

    [[nodiscard]] static record made(std::uint32_t n, typename Heap::address_type next) {
        const std::uint32_t value = n * 2654435761U + 1;
        return {.value = value, .next = next, .filling = {~value, n, value ^ n, value + n}};
    }

    void build(Heap& heap) {
        typename Heap::address_type next = 0;
        for (std::uint32_t n = 0; n < records; ++n) {
            const auto room = heap.template allocate<record>(1).value();
            // So that there is something between them.
            const auto gap = heap.template allocate<char>(1 + n).value();
            write(heap, room.to_address(), made(n, next));
            next = room.to_address();
            if (n % 2 == 0) {
                heap.deallocate(gap).value();
            }
        }
        heap.set_root("chain", vptr<record, Heap>::from_address(next)).value();
        heap.flush().value();
        // A journal would repeat what it wrote last, and so repair it.
        for (int n = 0; n < 2; ++n) {
            static_cast<void>(heap.template allocate<char>(1).value());
            heap.flush().value();
        }
        find_payload();
    }
    void write(Heap& heap, typename Heap::address_type at, const record& contents) {
        heap.write(at, std::as_bytes(std::span(&contents, 1))).value();
    }
    /// Where on the medium the records are, by what is in them.
    void find_payload() {
        for (std::uint32_t n = 0; n < records; ++n) {
            const std::uint32_t value = made(n, 0).value;
            for (std::size_t at = 0; at + sizeof(record) <= good_.size(); at += 4) {
                if (std::memcmp(medium_.data() + at, &value, sizeof(value)) == 0) {
                    payload_.push_back(at);
                }
            }
        }
    }

    [[nodiscard]] seen read_chain(Heap& heap) {
        const auto root = heap.template root<record>("chain");
        if (!root) {
            return seen::refused;
        }
        auto at = root->to_address();
        for (std::uint32_t n = records; n-- > 0;) {
            record found;
            if (!heap.read(at, std::as_writable_bytes(std::span(&found, 1)))) {
                return seen::refused;
            }
            const record expected = made(n, found.next);
            if (std::memcmp(&found, &expected, sizeof(found)) != 0) {
                return seen::wrong;
            }
            at = found.next;
        }
        return at == 0 ? seen::right : seen::wrong;
    }

    /// Calls whatever a program might, and takes any answer.
    static void go_on(Heap& heap) {
        static_cast<void>(heap.invariants_hold());
        static_cast<void>(heap.allocation());
        static_cast<void>(heap.largest_free());
        std::array<vptr<char, Heap>, 3> blocks{};
        for (std::size_t n = 0; n < blocks.size(); ++n) {
            if (const auto block = heap.template allocate<char>(10 + 40 * n)) {
                blocks[n] = *block;
                const std::array<std::byte, 10> bytes{};
                static_cast<void>(heap.write(block->to_address(), bytes));
            }
        }
        if (const auto root = heap.template root<record>("chain")) {
            static_cast<void>(heap.deallocate(*root));
        }
        static_cast<void>(heap.deallocate(blocks[1]));
        static_cast<void>(heap.flush());
    }

    typename Heap::storage_type (*open_)(Medium&);
    Medium medium_;
    std::vector<std::byte> good_ =
        std::vector<std::byte>(static_cast<std::size_t>(Medium::capacity));
    std::vector<std::size_t> payload_;
};

/// Flips every single bit. `checks`: whether the storage notices damage by itself; without, a
/// record may be wrong whose own bits were flipped, and nothing else.
template <class Trial>
void flip_every_bit(Trial& trial, bool checks) {
    std::size_t right = 0;
    std::size_t refused = 0;
    std::size_t wrong = 0;
    // Under a sanitizer a part of them; another seed is another part.
    const std::size_t step = detail::sanitized ? 11 : 1;
    for (std::size_t bit = detail::sanitized ? random_seed() % step : 0; bit < Trial::bits;
         bit += step) {
        trial.restore();
        trial.flip(bit);
        const seen found = trial.look();
        right += found == seen::right ? 1 : 0;
        refused += found == seen::refused ? 1 : 0;
        wrong += found == seen::wrong ? 1 : 0;
        if (found == seen::wrong && (checks || !trial.is_payload(bit / 8))) {
            CAPTURE(bit);
            FAIL_CHECK("wrong data, and nobody said so");
            return;
        }
    }
    MESSAGE("flipped bits: ", right, " of no consequence, ", refused, " refused, ", wrong,
            " in the data itself");
    CHECK(right > 0);
    CHECK(refused > 0);
}

/// Overwrites a few bytes, or many, here and there; `trials` times.
template <class Trial>
void damage_at_random(Trial& trial, bool checks, std::uint64_t trials) {
    const std::uint64_t seed = random_seed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto bytes = trial.bytes();
    std::size_t refused = 0;
    for (std::uint64_t n = random_operations(trials); n != 0; --n) {
        trial.restore();
        bool in_payload = false;
        for (std::size_t places = 1 + random() % 4; places != 0; --places) {
            // Often where the superblock is, or another part of the beginning.
            const std::size_t within = random() % 2 == 0 ? bytes.size() : bytes.size() / 16;
            const std::size_t at = random() % within;
            const std::size_t count = (std::min)(1 + random() % 16, bytes.size() - at);
            for (std::size_t i = at; i < at + count; ++i) {
                bytes[i] = static_cast<std::byte>(random() >> 56);
                in_payload = in_payload || trial.is_payload(i);
            }
        }
        const seen found = trial.look();
        refused += found == seen::refused ? 1 : 0;
        if (found == seen::wrong && (checks || !in_payload)) {
            CAPTURE(n);
            FAIL_CHECK("wrong data, and nobody said so");
            return;
        }
    }
    CHECK(refused > 0);
}

} // namespace vmem::test

#endif
