// SPDX-License-Identifier: BSL-1.0

// Any sequence of calls of the non-resident allocators, power cuts and faults of the medium among
// them, against a map of what is live. Aborts at the first thing that is wrong.
//
//     clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Itest
//         test/fuzz/nonresident_allocators.cpp -o fuzz
//     ./fuzz -max_total_time=60 test/fuzz/corpus/nonresident_allocators
//
// Without the fuzzer it is a program that replays the files it is given.

#include <vmem/allocator/nonresident_block_allocator.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/flaky.hpp"
#include "fuzz/replay.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <span>

namespace {

using vmem::address;
using vmem::errc;
using vmem::contract::failed_write;

void require(bool met) {
    if (!met) {
        std::abort();
    }
}

/// The input, byte by byte; 0 behind its end.
class script {
public:
    explicit script(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool done() const { return bytes_.empty(); }
    std::uint8_t byte() {
        if (bytes_.empty()) {
            return 0;
        }
        const std::uint8_t value = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return value;
    }
    address number() {
        const address high = byte();
        return high << 8U | byte();
    }

private:
    std::span<const std::uint8_t> bytes_;
};

constexpr address most = 6144;

/// Blocks that may be in use although nobody knows them: after a power cut between two calls, in
/// one, and when a write was torn in two.
struct losses {
    address between;
    address within;
    address torn;
};
constexpr losses of_linked_list{.between = 0, .within = 0, .torn = 0};
constexpr losses of_buddies{.between = 1, .within = 1, .torn = 2};
constexpr losses of_blocks{.between = 1, .within = 1, .torn = 1};

template <class Allocator>
class play {
public:
    play(script& input, const losses& most_lost)
        : input_(input), most_lost_(most_lost), phases_(input.byte()), begin_(input.byte()),
          end_(most - address{16} * input.byte()) {
        if (!allocator_.format(medium_, begin_, end_)) {
            end_ = most;
            require(allocator_.format(medium_, begin_, end_).has_value());
        }
    }

    void run() {
        for (unsigned calls = 0; !input_.done(); ++calls) {
            const std::uint8_t what = input_.byte();
            const bool growing = (phases_ >> calls / 32 % 8 & 1U) != 0;
            const unsigned kind = what % 16;
            if (kind == 15) {
                what < 128 ? fail_soon(what / 16U) : cut_power(what / 16U % 8);
            } else if (kind == 14) {
                what < 128 ? settle() : reopen(most_lost_.between);
            } else if (kind == 13) {
                refuse(input_.number() % (most + 64));
            } else if (growing ? kind < 10 : kind < 4) {
                allocate(what);
            } else {
                free_one();
            }
            check();
        }
        medium_.heal();
        while (!live_.empty()) {
            require(allocator_.deallocate(medium_, live_.begin()->first).has_value());
            live_.erase(live_.begin());
        }
        require(allocator_.stats(medium_)->blocks == lost_);
        require(allocator_.invariants_hold(medium_).value_or(false));
    }

private:
    /// Whether an operation of the medium failed since the last time.
    bool met_fault() {
        const bool met = medium_.failed() != failed_;
        failed_ = medium_.failed();
        return met;
    }

    void allocate(std::uint8_t how) {
        const address size = how < 224 ? 1 + input_.byte() % 64U : input_.number() % 2048;
        const address align = how % 8 < 4 ? 1 : address{1} << input_.byte() % 12U;
        const address within = how % 8 == 7 ? address{1} << input_.byte() % 13U : 0;
        const auto made =
            allocator_.allocate(medium_, {.size = size, .align = align, .within = within});
        if (!made) {
            const errc code = made.error();
            const bool in_order = within == 0 || (within >= size && within >= align);
            require(met_fault() || code == (size == 0   ? errc::zero_size
                                            : !in_order ? errc::misaligned
                                                        : errc::out_of_memory));
            return;
        }
        require(*made % align == 0 && *made >= begin_ && size <= end_ - *made);
        require(within == 0 || *made / within == (*made + size - 1) / within);
        const auto next = live_.lower_bound(*made);
        require(next == live_.end() || next->first - *made >= size);
        require(next == live_.begin() || std::prev(next)->first + std::prev(next)->second <= *made);
        live_.emplace(*made, size);
        for (address at = *made; at < *made + size; ++at) {
            bytes()[at] = static_cast<std::byte>(*made + at);
        }
    }

    void free_one() {
        if (live_.empty()) {
            return;
        }
        auto which = live_.begin();
        std::advance(which, static_cast<std::ptrdiff_t>(input_.byte() % live_.size()));
        const address at = which->first;
        for (address i = at; i < at + which->second; ++i) {
            require(bytes()[i] == static_cast<std::byte>(at + i));
        }
        if (allocator_.deallocate(medium_, at)) {
            live_.erase(which);
            if (!met_fault()) {
                refuse(at);
            }
        } else {
            require(met_fault());
        }
    }

    /// Lost blocks can be freed by whoever guesses their address.
    void refuse(address at) {
        if (live_.contains(at)) {
            return;
        }
        const auto done = allocator_.deallocate(medium_, at);
        if (done) {
            require(lost_ != 0);
            --lost_;
        } else {
            require(met_fault() || done.error() == errc::foreign_pointer ||
                    done.error() == errc::double_free);
        }
    }

    void settle() {
        if (!allocator_.settle(medium_)) {
            require(met_fault());
            return;
        }
        reopen(0);
    }

    void fail_soon(std::uint8_t n) {
        medium_.fail(1U + n);
        failed_ = 0;
    }
    /// In the middle of a call.
    void cut_power(std::uint8_t n) {
        // A word of the linked list's must not be torn, nor stored by a write that has failed.
        const bool as_a_whole = most_lost_.between == 0;
        const auto how = as_a_whole ? failed_write::stores_nothing
                                    : static_cast<failed_write>(input_.byte() % 3);
        medium_.fail(1U + n, medium_.forever, how);
        failed_ = 0;
        const std::uint8_t what = input_.byte();
        what % 2 == 0 ? allocate(what) : free_one();
        reopen(how == failed_write::stores_some ? most_lost_.torn : most_lost_.within);
    }

    void reopen(address may_be_lost) {
        medium_.heal();
        Allocator again;
        require(again.open(medium_, begin_, end_).has_value());
        const address blocks = again.stats(medium_)->blocks;
        require(blocks >= live_.size() + lost_ && blocks <= live_.size() + lost_ + may_be_lost);
        lost_ = blocks - live_.size();
        allocator_ = again;
    }

    void check() {
        const auto known = allocator_.stats(medium_);
        if (known) {
            require(known->blocks == live_.size() + lost_);
            require(known->in_use <= known->capacity);
        } else {
            require(met_fault());
        }
        const auto holds = allocator_.invariants_hold(medium_);
        require(holds ? *holds : met_fault());
    }

    [[nodiscard]] std::byte* bytes() { return medium_.inner().data(); }

    script& input_;
    losses most_lost_;
    /// Of 32 calls each: in which of them it grows.
    unsigned phases_;
    address begin_;
    address end_;
    vmem::contract::flaky<vmem::ram_storage<most>> medium_;
    Allocator allocator_;
    std::map<address, address> live_;
    address lost_ = 0;
    std::uint64_t failed_ = 0;
};

template <class Allocator>
void run(script& input, const losses& most_lost) {
    play<Allocator>(input, most_lost).run();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    script input({data, size});
    switch (input.byte() % 7) {
    case 0:
        run<vmem::nonresident_linked_list_allocator>(input, of_linked_list);
        break;
    case 1:
        run<vmem::basic_nonresident_linked_list_allocator<std::uint64_t>>(input, of_linked_list);
        break;
    case 2:
        run<vmem::nonresident_buddy_allocator<16, 0>>(input, of_buddies);
        break;
    case 3:
        run<vmem::nonresident_buddy_allocator<16, 64>>(input, of_buddies);
        break;
    case 4:
        run<vmem::nonresident_buddy_allocator<1, 128>>(input, of_buddies);
        break;
    case 5:
        run<vmem::nonresident_block_allocator<64, 0>>(input, of_blocks);
        break;
    default:
        run<vmem::nonresident_block_allocator<4, 64>>(input, of_blocks);
        break;
    }
    return 0;
}
