// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_CONTRACT_NONRESIDENT_ALLOCATOR_CONTRACT_HPP
#define VMEM_TEST_CONTRACT_NONRESIDENT_ALLOCATOR_CONTRACT_HPP

#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include "flaky.hpp"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <iterator>
#include <limits>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// The contract of non-resident allocators, as a test that any of them can be put to:
///
///     TEST_CASE("my_allocator: contract") {
///         vmem::contract::check_nonresident_allocator_contract<my_allocator>();
///     }
///
/// A medium's write of up to 8 bytes that fails is taken to store nothing, as it is in a heap.
namespace vmem::contract {

/// What the allocator promises beyond the concept, and how long it is tested.
struct nonresident_allocator_options {
    /// Another seed is another sequence of operations; a failure prints the one it used.
    std::uint64_t seed = std::mt19937_64::default_seed;
    /// Random allocations and deallocations.
    std::size_t operations = 2000;
    /// The same, for each of which every operation of the medium fails once.
    std::size_t fallible_operations = 40;
    /// Bytes of the region.
    address region = 12288;
    /// Bytes; most requests are smaller.
    address largest_request = 512;
    /// Alignments up to it are granted (bytes).
    address largest_align = 1024;
    /// Whether `block_request::within` is granted.
    bool keeps_within = true;
    /// Whether `open` finds everything although changes came after the last `settle`, as after the
    /// loss of the object in RAM.
    bool opens_unsettled = true;
};

namespace detail {

/// The bytes of a medium. It can be copied, so that one state may be continued in several ways.
class byte_medium {
public:
    explicit byte_medium(std::size_t size) : bytes_(size, std::byte{0x5A}) {}

    [[nodiscard]] address size() const noexcept { return bytes_.size(); }
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        const auto fits = vmem::detail::check_range(size(), from, out.size());
        if (fits) {
            std::ranges::copy(bytes(from, out.size()), out.begin());
        }
        return fits;
    }
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        const auto fits = vmem::detail::check_range(size(), to, in.size());
        if (fits) {
            std::ranges::copy(in, bytes(to, in.size()).begin());
        }
        return fits;
    }
    [[nodiscard]] result<void> sync() { return {}; }

    [[nodiscard]] std::span<std::byte> bytes(address at, address count) {
        return std::span(bytes_).subspan(static_cast<std::size_t>(at),
                                         static_cast<std::size_t>(count));
    }

private:
    std::vector<std::byte> bytes_;
};

struct broken_allocator {
    /// Null if none is broken.
    const char* rule = nullptr;
    /// Where and how.
    std::string detail;
};

/// Puts an allocator to one part of the contract after the other, and compares it with a list of
/// what is live. Stops at the first rule that is broken.
template <class Allocator>
class nonresident_allocator_check {
public:
    using medium_type = flaky<byte_medium>;
    static_assert((check_nonresident_allocator<Allocator, medium_type>(), true));

    explicit nonresident_allocator_check(const nonresident_allocator_options& options)
        : options_(options), random_(options.seed),
          medium_(byte_medium(static_cast<std::size_t>(margin + options.region + margin))) {}

    [[nodiscard]] broken_allocator run() {
        using check = nonresident_allocator_check;
        for (const auto part :
             {&check::check_fresh, &check::check_requests, &check::check_largest_free,
              &check::check_alignment, &check::check_density, &check::check_random,
              &check::check_alike, &check::check_refusals, &check::check_reopened}) {
            if (kept()) {
                start(options_.region);
                (this->*part)();
                settle_accounts();
            }
        }
        if (kept()) {
            check_small_regions();
        }
        if (kept()) {
            check_faults_outside();
            check_faults();
        }
        return broken_;
    }

private:
    /// Bytes on either side of the region that are somebody else's.
    static constexpr address margin = 1024;
    static constexpr std::byte foreign{0x5A};

    struct live_block {
        address size;
        std::uint32_t fill;

        /// Its owner's bytes, which are words such as the header of a block might have.
        [[nodiscard]] std::byte byte(address offset) const noexcept {
            const std::uint32_t word = 16 + 8 * (fill % 61) + fill % 4;
            return static_cast<std::byte>(word >> 8 * (offset % 4));
        }
    };
    using model = std::map<address, live_block>;

    // --- the parts ---

    void check_fresh() {
        const nonresident_stats known = stats();
        expect(known.blocks == 0 && known.in_use == 0, "after format nothing must be in use");
        expect(known.capacity > 0 && known.capacity <= options_.region,
               "the capacity must be a part of the region");
        expect(largest() > 0 && largest() <= known.capacity,
               "after format there must be room, and no more than the capacity");
    }

    /// Requests that nobody can grant, each with its error.
    void check_requests() {
        const address most = (std::numeric_limits<address>::max)();
        const address high_bit = most / 2 + 1;
        keep_some();
        for (const address align : {address{1}, address{8}, address{0}, address{3}}) {
            refuse({.size = 0, .align = align}, errc::zero_size);
        }
        for (const address align : {address{0}, address{3}, address{12}, most}) {
            refuse({.size = 8, .align = align}, errc::misaligned);
        }
        refuse({.size = 8, .align = 8, .within = 24}, errc::misaligned);
        refuse({.size = 9, .align = 8, .within = 8}, errc::misaligned);
        refuse({.size = 8, .align = 64, .within = 32}, errc::misaligned);
        refuse({.size = most, .align = 8, .within = 64}, errc::misaligned);
        for (address size :
             {most, most - 1, most - 7, most - 8, most - 15, most - 16, most - 64, high_bit,
              high_bit - 1, most / 2 - 8, address{1} << 32U, (address{1} << 32U) - 8,
              (address{1} << 32U) - 16, (address{1} << 32U) + 8, options_.region, largest() + 1}) {
            for (const address align : {address{1}, address{64}}) {
                refuse({.size = size, .align = align}, errc::out_of_memory);
            }
        }
        for (const address align : {high_bit, address{1} << 32U, address{1} << 31U}) {
            refuse({.size = 8, .align = align}, errc::out_of_memory);
        }
    }

    /// Takes the largest block again and again, until nothing is left.
    void check_largest_free() {
        keep_some();
        for (int left = 1000; left != 0 && largest() != 0 && kept(); --left) {
            const address most = largest();
            refuse({.size = most + 1}, errc::out_of_memory);
            expect(grant({.size = most}), "a block of largest_free() bytes must be granted");
        }
        expect(largest() == 0, "largest_free must become 0 when all is taken");
        refuse({.size = 1}, errc::out_of_memory);
        expect(stats().in_use <= stats().capacity, "no more can be in use than there is");
    }

    void check_alignment() {
        for (address align = 1; align <= options_.largest_align && kept(); align *= 2) {
            for (const address size : {address{1}, address{7}, align - 1, align, align + 1}) {
                grant({.size = size == 0 ? 1 : size, .align = align});
            }
            free_all();
        }
        for (address within = 16; options_.keeps_within && within <= 1024 && kept(); within *= 2) {
            for (address size = within; size > within / 4 && kept(); size -= within / 8) {
                grant({.size = size, .align = 1, .within = within});
                grant({.size = size, .align = 8, .within = within});
                grant({.size = size, .align = within, .within = within});
            }
            free_all();
        }
    }

    /// What was freed must be of use again: nothing may be lost for good, and a block may be had
    /// again where one of its size was.
    void check_density() {
        const address whole = largest();
        for (const address size : {address{1}, address{16}, address{40}, address{200}}) {
            for (int round = 0; round < 3 && kept(); ++round) {
                while (kept() && !live_.empty()) {
                    release(live_.begin());
                }
                while (kept() && grant({.size = size})) {
                }
                std::vector<address> every_other;
                for (const auto& [at, block] : live_) {
                    every_other.push_back(at);
                }
                for (std::size_t i = 0; i < every_other.size() && kept(); i += 2) {
                    release(live_.find(every_other[i]));
                }
                for (std::size_t i = 0; i < every_other.size() && kept(); i += 2) {
                    expect(grant({.size = size}),
                           "room that a block of this size has left must be granted again", size);
                }
            }
        }
        free_all();
        expect(largest() == whole, "when all is freed, all must be free in one piece");
    }

    void check_random() {
        const address whole = largest();
        for (std::size_t i = 0; i < options_.operations && kept(); ++i) {
            random_operation();
            expect(i % 8 != 0 || holds(), "the invariants must hold at any time");
            check_contents();
        }
        check_accounts();
        free_all();
        expect(largest() == whole, "when all is freed, all must be free in one piece");
    }

    /// Nothing but what it was asked decides what it does.
    void check_alike() {
        medium_type other_medium = medium_;
        Allocator other = allocator_;
        std::vector<address> blocks;
        for (std::size_t i = 0; i < options_.operations / 4 && kept(); ++i) {
            if (random_() % 2 == 0 || blocks.empty()) {
                const block_request request = some_request();
                const auto made = allocator_.allocate(medium_, request);
                const auto same = other.allocate(other_medium, request);
                expect(made.has_value() == same.has_value() && (!made || *made == *same),
                       "what was asked the same must answer the same");
                if (made) {
                    blocks.push_back(*made);
                }
            } else {
                const std::size_t which = random_() % blocks.size();
                expect(allocator_.deallocate(medium_, blocks[which]) &&
                           other.deallocate(other_medium, blocks[which]),
                       "what was asked the same must answer the same");
                blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(which));
            }
        }
        for (const address block : blocks) {
            expect(allocator_.deallocate(medium_, block), "a live block must be freed");
        }
    }

    /// Every address that is no live block.
    void check_refusals() {
        for (std::size_t i = 0; i < 200 && kept(); ++i) {
            const model before = live_;
            random_operation();
            for (const auto& [at, block] : before) {
                if (!live_.contains(at)) {
                    expect_not_freed(at);
                }
            }
        }
        keep_some();
        for (address at = 0; at < medium_.size() && kept(); ++at) {
            if (!live_.contains(at)) {
                expect_not_freed(at);
            }
        }
        const address most = (std::numeric_limits<address>::max)();
        for (const address at : {most, most - 7, most - 8, most / 2 + 1, address{1} << 32U,
                                 (address{1} << 32U) + begin_, medium_.size(), end_}) {
            expect_not_freed(at);
        }
        for (const auto& [at, block] : live_) {
            // Modulo 32 bits this is a block.
            expect_not_freed(at + (address{1} << 32U));
        }
        check_contents();
        check_accounts();
    }

    void expect_not_freed(address at) {
        const auto done = allocator_.deallocate(medium_, at);
        note(done);
        expect(!done &&
                   (done.error() == errc::foreign_pointer || done.error() == errc::double_free),
               "what is no live block must be a double_free or a foreign_pointer", at);
    }

    void check_reopened() {
        for (std::size_t i = 0; i < options_.operations / 4 && kept(); ++i) {
            random_operation();
            if (i % 16 != 0) {
                continue;
            }
            if (!options_.opens_unsettled || i % 32 == 0) {
                expect(allocator_.settle(medium_), "settle must succeed");
                expect(random_() % 2 == 0 || allocator_.settle(medium_),
                       "settle must succeed again");
            }
            reopen();
            check_contents();
            check_accounts();
        }
    }

    /// From none on, byte by byte: too small is wrong_size, and nothing is ever touched outside.
    void check_small_regions() {
        std::size_t usable = 0;
        for (address size = 0; size < 2048 && usable < 40 && kept(); ++size) {
            place(size);
            const auto made = allocator_.format(medium_, begin_, end_);
            note(made);
            expect(made || made.error() == errc::wrong_size,
                   "a region that is too small must be wrong_size", size);
            if (!made) {
                expect(usable == 0, "a region must not be too small that is larger than another");
                continue;
            }
            ++usable;
            grant({.size = 1});
            while (kept() && grant({.size = 1})) {
            }
            check_accounts();
            check_margins();
            free_all();
        }
        expect(usable != 0, "a region of 2 KiB must be large enough");
    }

    // --- faults ---

    /// Each operation of the medium fails in turn while a sequence of calls runs.
    void check_faults() {
        for (const std::uint64_t count : {std::uint64_t{1}, medium_type::forever}) {
            for (const bool reopens : {false, true}) {
                for (std::uint64_t n = 1; kept(); ++n) {
                    if (!run_with_fault(n, count, reopens && options_.opens_unsettled)) {
                        break;
                    }
                }
            }
        }
    }

    /// False if the sequence is shorter than `n` operations.
    bool run_with_fault(std::uint64_t n, std::uint64_t count, bool reopens) {
        random_.seed(options_.seed);
        start(options_.region);
        const address whole = largest();
        keep_some();
        medium_.fail(n, count);
        bool met = false;
        std::size_t until_healed = count == 1 ? 1 : 3;
        for (std::size_t i = 0; i < options_.fallible_operations && kept(); ++i) {
            random_operation();
            if (medium_.failed() != 0 && until_healed != 0 && --until_healed == 0) {
                met = true;
                medium_.heal();
                if (reopens) {
                    reopen();
                }
                check_contents();
                check_accounts();
            }
        }
        met = met || medium_.failed() != 0;
        medium_.heal();
        if (!met && reopens) {
            reopen();
        }
        check_contents();
        check_accounts();
        free_all();
        expect(largest() == whole, "after a fault, what is freed must be free in one piece again");
        settle_accounts();
        if (!kept() && met) {
            broken_.detail += "; operation " + std::to_string(n) + " of the medium failed" +
                              (count == 1 ? "" : ", and two more calls' operations") +
                              (reopens ? "; then it was opened again" : "");
        }
        return met;
    }

    /// Calls that change no block: they fail, and can be repeated.
    void check_faults_outside() {
        for (const std::uint64_t count : {std::uint64_t{1}, medium_type::forever}) {
            fail_each(count, [this] { return allocator_.format(medium_, begin_, end_); });
            start(options_.region);
            keep_some();
            fail_each(count, [this] { return allocator_.settle(medium_); });
            fail_each(count, [this] {
                Allocator again;
                auto opened = again.open(medium_, begin_, end_);
                allocator_ = opened ? again : allocator_;
                return opened;
            });
            check_accounts();
            fail_each(count, [this] { return allocator_.largest_free(medium_); });
            fail_each(count, [this] { return allocator_.stats(medium_); });
            fail_each(count, [this] { return allocator_.invariants_hold(medium_); });
            check_contents();
            check_accounts();
            settle_accounts();
        }
    }

    template <class Call>
    void fail_each(std::uint64_t count, Call call) {
        for (std::uint64_t n = 1; kept(); ++n) {
            medium_.fail(n, count);
            const auto done = call();
            note(done);
            const bool met = medium_.failed() != 0;
            medium_.heal();
            expect(done.has_value() == !met || done.error() == errc::read_failed ||
                       done.error() == errc::write_failed,
                   "what could not be read or written must be reported", n);
            expect(call(), "a call that failed because the medium did must succeed later", n);
            if (!met) {
                break;
            }
        }
    }

    // --- what all parts are made of ---

    void place(address size) {
        medium_ = medium_type(byte_medium(static_cast<std::size_t>(margin + size + margin)));
        allocator_ = Allocator();
        live_.clear();
        phase_ = true;
        // Any byte may be the first.
        begin_ = margin - size % 16;
        end_ = begin_ + size;
    }
    void start(address size) {
        place(size);
        const auto made = allocator_.format(medium_, begin_, end_);
        note(made);
        expect(made, "format must succeed");
    }
    void reopen() {
        Allocator again;
        const auto opened = again.open(medium_, begin_, end_);
        note(opened);
        expect(opened, "open must take up what was there");
        allocator_ = again;
    }

    void keep_some() {
        for (const address size : {address{24}, address{100}, address{1}, address{300}}) {
            grant({.size = size});
        }
        if (live_.size() > 2) {
            release(std::next(live_.begin()));
        }
    }

    [[nodiscard]] block_request some_request() {
        block_request request;
        const address limit = random_() % 8 == 0 ? options_.largest_request : 64;
        request.size = 1 + random_() % limit;
        if (random_() % 4 == 0) {
            request.align = address{1} << random_() % std::bit_width(options_.largest_align);
        }
        if (options_.keeps_within && random_() % 4 == 0) {
            request.within = std::bit_ceil((std::max)(request.size, request.align))
                             << random_() % 3;
        }
        return request;
    }

    void random_operation() {
        // Growing and shrinking by turns, so that it is full at times and empty at others.
        const bool growing = random_() % 3 != 0;
        phase_ = random_() % 128 == 0 ? !phase_ : phase_;
        if (growing == phase_ || live_.empty()) {
            grant(some_request());
        } else {
            auto which = live_.begin();
            std::advance(which, static_cast<std::ptrdiff_t>(random_() % live_.size()));
            release(which);
        }
    }

    /// Whether the block was granted.
    bool grant(block_request request) {
        const std::uint64_t failed = medium_.failed();
        const auto made = allocator_.allocate(medium_, request);
        note(made);
        if (!made) {
            expect(made.error() == errc::out_of_memory ||
                       (medium_.failed() != failed && is_fault(made.error())),
                   "a request that is in order must be granted, or out_of_memory", request.size);
            return false;
        }
        const address at = *made;
        expect(at >= begin_ && at < end_ && request.size <= end_ - at,
               "a block must lie within the region", at, request.size);
        expect(at % request.align == 0, "a block must be aligned as requested", at, request.align);
        expect(request.within == 0 ||
                   at / request.within == (at + request.size - 1) / request.within,
               "a block must not cross a multiple of within", at, request.within);
        const auto next = live_.lower_bound(at);
        expect(next == live_.end() || request.size <= next->first - at, "blocks must not overlap",
               at, request.size);
        expect(next == live_.begin() || std::prev(next)->first + std::prev(next)->second.size <= at,
               "blocks must not overlap", at, request.size);
        if (kept()) {
            const live_block block{.size = request.size, .fill = ++fill_};
            live_.emplace(at, block);
            for (address offset = 0; offset < block.size; ++offset) {
                medium_.inner().bytes(at + offset, 1).front() = block.byte(offset);
            }
        }
        return kept();
    }

    void release(model::iterator which) {
        const std::uint64_t failed = medium_.failed();
        const address at = which->first;
        const auto done = allocator_.deallocate(medium_, at);
        note(done);
        expect(done || (medium_.failed() != failed && is_fault(done.error())),
               "a live block must be freed", at, which->second.size);
        if (done) {
            live_.erase(which);
        }
    }
    void free_all() {
        while (kept() && !live_.empty()) {
            auto which = live_.begin();
            std::advance(which, static_cast<std::ptrdiff_t>(random_() % live_.size()));
            release(which);
        }
        check_accounts();
    }

    /// The request must fail, and change nothing.
    void refuse(block_request request, errc code) {
        const nonresident_stats before = stats();
        const auto made = allocator_.allocate(medium_, request);
        note(made);
        expect(!made && made.error() == code,
               "a request that cannot be granted must fail with the errc that says why",
               request.size, request.align);
        const nonresident_stats after = stats();
        expect(before.blocks == after.blocks && before.in_use == after.in_use,
               "a request that is refused must change nothing", request.size, request.align);
    }

    void check_contents() {
        for (const auto& [at, block] : live_) {
            const std::span<std::byte> bytes = medium_.inner().bytes(at, block.size);
            bool same = true;
            for (std::size_t offset = 0; offset < bytes.size(); ++offset) {
                same = same && bytes[offset] == block.byte(offset);
            }
            expect(same, "the bytes of a live block must not be touched", at, block.size);
        }
    }
    void check_margins() {
        for (const auto& [at, count] :
             {std::pair{address{0}, begin_}, std::pair{end_, medium_.size() - end_}}) {
            const auto bytes = medium_.inner().bytes(at, count);
            expect(std::ranges::count(bytes, foreign) == std::ssize(bytes),
                   "nothing outside the region may be touched", at, count);
        }
    }
    void check_accounts() {
        const nonresident_stats known = stats();
        address requested = 0;
        for (const auto& [at, block] : live_) {
            requested += block.size;
        }
        expect(known.blocks == live_.size(), "stats must count the live blocks", known.blocks,
               live_.size());
        expect(known.in_use >= requested && known.in_use <= known.capacity,
               "what is in use must be at least what was requested", known.in_use, requested);
        expect((known.in_use == 0) == (known.blocks == 0),
               "with no live block nothing may be in use", known.in_use);
        expect(holds(), "the invariants must hold");
    }
    void settle_accounts() {
        if (kept()) {
            check_contents();
            check_accounts();
            check_margins();
        }
    }

    [[nodiscard]] nonresident_stats stats() {
        const auto known = allocator_.stats(medium_);
        note(known);
        expect(known, "stats must succeed");
        return known ? *known : nonresident_stats{};
    }
    [[nodiscard]] address largest() {
        const auto known = allocator_.largest_free(medium_);
        note(known);
        expect(known, "largest_free must succeed");
        return known ? *known : 0;
    }
    [[nodiscard]] bool holds() {
        const auto known = allocator_.invariants_hold(medium_);
        note(known);
        return known && *known;
    }

    [[nodiscard]] static bool is_fault(errc code) {
        return code == errc::read_failed || code == errc::write_failed;
    }
    [[nodiscard]] bool kept() const { return broken_.rule == nullptr; }
    template <class Result>
    void note(const Result& done) {
        last_ = done ? "ok" : message(done.error());
    }
    template <class Condition>
    void expect(const Condition& met, const char* rule, address a = 0, address b = 0) {
        if (!static_cast<bool>(met) && kept()) {
            broken_ = {.rule = rule,
                       .detail = std::to_string(a) + ", " + std::to_string(b) + " in [" +
                                 std::to_string(begin_) + ", " + std::to_string(end_) +
                                 "); last result: " + last_};
        }
    }

    nonresident_allocator_options options_;
    std::mt19937_64 random_;
    medium_type medium_;
    Allocator allocator_;
    address begin_ = 0;
    address end_ = 0;
    model live_;
    std::uint32_t fill_ = 0;
    /// Whether it grows rather than shrinks.
    bool phase_ = true;
    const char* last_ = "ok";
    /// What comes after the first broken rule proves nothing.
    broken_allocator broken_;
};

} // namespace detail

/// Puts `Allocator` to the contract in <vmem/allocator/nonresident_concept.hpp>: requests in order
/// and not, alignment, density, random use against a list of what is live, addresses that it never
/// gave, opening again, and every single operation of the medium failing in turn.
template <class Allocator>
void check_nonresident_allocator_contract(const nonresident_allocator_options& options = {}) {
    const auto broken = detail::nonresident_allocator_check<Allocator>(options).run();
    const bool kept = broken.rule == nullptr;
    CAPTURE(options.seed);
    CHECK_MESSAGE(kept, std::string(kept ? "" : broken.rule), " (", broken.detail, ")");
}

/// For those who test the contract itself: the rule that `Allocator` breaks first, or null.
template <class Allocator>
[[nodiscard]] const char*
broken_nonresident_allocator_rule(const nonresident_allocator_options& options = {}) {
    return detail::nonresident_allocator_check<Allocator>(options).run().rule;
}

} // namespace vmem::contract

#endif
