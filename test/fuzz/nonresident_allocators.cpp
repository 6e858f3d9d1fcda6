// SPDX-License-Identifier: BSL-1.0

// Any sequence of calls of the non-resident allocators, power cuts and faults of the medium among
// them, against a map of what is live. Stops with a trap at the first thing that is wrong.
//
//     clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Itest
//         test/fuzz/nonresident_allocators.cpp -o fuzz
//     ./fuzz -max_total_time=60 test/fuzz/corpus/nonresident_allocators

#include <vmem/allocator/nonresident_block_allocator.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/flaky.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <span>

namespace {

using vmem::address;
using vmem::errc;

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

template <class Allocator>
class play {
public:
    /// `most_lost`: blocks that a power cut may leave in use although nobody knows them.
    play(script& input, address most_lost) : input_(input), most_lost_(most_lost) {
        begin_ = input_.byte();
        end_ = most - input_.byte() * 16U;
        if (!allocator_.format(medium_, begin_, end_)) {
            end_ = most;
            require(allocator_.format(medium_, begin_, end_).has_value());
        }
    }

    void run() {
        while (!input_.done()) {
            const std::uint8_t what = input_.byte();
            switch (what % 16) {
            case 8:
            case 9:
            case 10:
            case 11:
            case 12:
                free_one();
                break;
            case 13:
                refuse(input_.number() % (most + 64));
                break;
            case 14:
                what < 128 ? settle() : cut_power();
                break;
            case 15:
                // A call or two later.
                medium_.fail(1 + what / 16U);
                failed_ = 0;
                break;
            default:
                allocate(what);
                break;
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
        const address size = how < 64 ? 1 + input_.byte() % 64U : input_.number() % 2048;
        const address align = how % 8 < 4 ? 1 : address{1} << input_.byte() % 12U;
        const address within = how % 8 == 7 ? address{1} << input_.byte() % 13U : 0;
        const auto made =
            allocator_.allocate(medium_, {.size = size, .align = align, .within = within});
        if (!made) {
            const errc code = made.error();
            require(met_fault() || (size == 0 ? code == errc::zero_size
                                              : code == errc::out_of_memory ||
                                                    (within != 0 && code == errc::misaligned)));
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
    void cut_power() { reopen(most_lost_); }

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
    address most_lost_;
    vmem::contract::flaky<vmem::ram_storage<most>> medium_;
    Allocator allocator_;
    address begin_ = 0;
    address end_ = 0;
    std::map<address, address> live_;
    address lost_ = 0;
    std::uint64_t failed_ = 0;
};

template <class Allocator>
void run(script& input, address most_lost) {
    play<Allocator>(input, most_lost).run();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    script input({data, size});
    switch (input.byte() % 7) {
    case 0:
        run<vmem::nonresident_linked_list_allocator>(input, 0);
        break;
    case 1:
        run<vmem::basic_nonresident_linked_list_allocator<std::uint64_t>>(input, 0);
        break;
    case 2:
        run<vmem::nonresident_buddy_allocator<16, 0>>(input, 2);
        break;
    case 3:
        run<vmem::nonresident_buddy_allocator<16, 64>>(input, 2);
        break;
    case 4:
        run<vmem::nonresident_buddy_allocator<1, 128>>(input, 2);
        break;
    case 5:
        run<vmem::nonresident_block_allocator<64, 0>>(input, 2);
        break;
    default:
        run<vmem::nonresident_block_allocator<4, 64>>(input, 2);
        break;
    }
    return 0;
}
