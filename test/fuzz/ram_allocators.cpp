// SPDX-License-Identifier: BSL-1.0

// Any sequence of calls of the RAM allocators, against a map of what is live. Aborts at the first
// thing that is wrong.
//
//     clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Itest
//         test/fuzz/ram_allocators.cpp -o fuzz
//     ./fuzz -max_total_time=60 test/fuzz/corpus/ram_allocators
//
// Without the fuzzer it is a program that replays the files it is given.

#include <vmem/allocator/buddy_allocator.hpp>
#include <vmem/allocator/concept.hpp>
#include <vmem/allocator/linked_list_allocator.hpp>
#include <vmem/allocator/tlsf_allocator.hpp>
#include <vmem/config.hpp>
#include <vmem/result.hpp>

#include "fuzz/replay.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <type_traits>

namespace {

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
    std::size_t number() {
        const std::size_t high = byte();
        return high << 8U | byte();
    }
    /// Small, up to 2 KiB, or near a boundary of what can be represented.
    std::size_t size() {
        const std::uint8_t kind = byte();
        if (kind < 160) {
            return 1 + kind * 2U;
        }
        if (kind < 240) {
            return number() % 2048;
        }
        constexpr std::size_t highest = (std::numeric_limits<std::size_t>::max)();
        return (highest >> (kind % 4U * 4U)) - byte();
    }
    std::size_t align() {
        const std::uint8_t kind = byte();
        return kind < 192 ? vmem::default_alignment : std::size_t{1} << (kind % 14U);
    }

private:
    std::span<const std::uint8_t> bytes_;
};

/// What an allocator can tell of a block that it is shown.
enum class knowledge : std::uint8_t { sizes, starts, nothing };

constexpr std::size_t most = 16UL * 1024;
constexpr std::size_t guards = 256;
constexpr std::byte guard{0xA5};

/// Memory for an arena that starts and ends anywhere.
struct room {
    alignas(most) std::array<std::byte, most + guards> bytes;

    room() { bytes.fill(guard); }
    /// Whether nothing around the arena has been written.
    [[nodiscard]] bool is_whole(std::size_t begin, std::size_t end) const {
        const auto is_guard = [](std::byte b) { return b == guard; };
        const auto arena = bytes.begin();
        return std::all_of(arena, arena + static_cast<std::ptrdiff_t>(begin), is_guard) &&
               std::all_of(arena + static_cast<std::ptrdiff_t>(end), bytes.end(), is_guard);
    }
};

template <class Allocator>
class play {
public:
    play(script& input, knowledge known)
        : input_(input), begin_(input_.byte() % 64U),
          end_((std::max)(most - input_.byte() * std::size_t{48}, begin_)), known_(known) {
        begin(0);
    }

    void run() {
        const std::size_t fresh = used_->largest_free();
        while (!input_.done()) {
            step(input_.byte());
            check();
        }
        while (!live_.empty()) {
            free(live_.begin());
        }
        require(used_->stats().in_use == 0 && used_->largest_free() == fresh);
        check();
        require(rooms_[0].is_whole(begin_, end_) && rooms_[1].is_whole(begin_, end_));
    }

private:
    struct block {
        std::size_t size;
        std::size_t align;
        std::byte fill;
    };
    /// By offset from the start of the room.
    using blocks = std::map<std::size_t, block>;

    void step(std::uint8_t what) {
        switch (what % 16) {
        case 6:
        case 7:
        case 8:
        case 9:
        case 10:
            if (!live_.empty()) {
                const std::size_t at = any()->first;
                const block old = live_[at];
                free(live_.find(at));
                refuse(at, old.size, old.align, errc::double_free);
            }
            break;
        case 11:
        case 12:
            reallocate();
            break;
        case 13:
            what < 128 ? show_nonsense() : show_beyond();
            break;
        case 14:
            allocate_at();
            break;
        case 15:
            what < 128 ? used_->sort_free() : build_again();
            break;
        default:
            allocate();
            break;
        }
    }

    void allocate() {
        const std::size_t size = input_.size();
        const std::size_t align = input_.align();
        const std::size_t in_use = used_->stats().in_use;
        const auto made = used_->allocate(size, align);
        if (made) {
            require(used_->stats().in_use >= in_use + size);
            keep(offset_of(*made), size, align);
        } else {
            expect_full(made.error(), size, align);
        }
    }
    void reallocate() {
        if (live_.empty()) {
            return;
        }
        const auto which = any();
        const auto [at, old] = *which;
        const std::size_t size = input_.size();
        const auto moved = used_->reallocate(base() + at, old.size, size, old.align);
        if (!moved) {
            expect_full(moved.error(), size, old.align);
            require(is_whole(at, old));
            return;
        }
        const std::size_t to = offset_of(*moved);
        require(to == at || size > old.size);
        require(is_whole(to, {(std::min)(size, old.size), old.align, old.fill}));
        live_.erase(which);
        keep(to, size, old.align);
    }
    void allocate_at() {
        const std::size_t at = input_.number() % (most + guards);
        const std::size_t size = input_.size();
        const std::size_t align = input_.align();
        const auto made = used_->allocate_at(base() + at, size, align);
        if (made) {
            keep(at, size, align);
            return;
        }
        const errc code = made.error();
        require(size != 0 || code == errc::zero_size);
        require(code != errc::out_of_memory || overlaps(at, {size, align, {}}));
        require(code != errc::foreign_pointer || at < begin_ + capacity_lost() || at > end_ ||
                rounded({size, align, {}}) > end_ - at || align > most / 2);
        require(code != errc::double_free);
    }
    /// A place and a size that are not those of a live block.
    void show_nonsense() {
        const std::size_t at = input_.number() % (most + guards);
        const std::size_t size = 1 + input_.number() % 600;
        if (known_ == knowledge::nothing || (live_.contains(at) && may_be(at, size))) {
            return;
        }
        require(!used_->deallocate(base() + at, size, 1));
        require(!used_->reallocate(base() + at, size, size + 1, 1));
    }
    void show_beyond() {
        const std::size_t size = input_.size();
        std::byte* const beyond = base() + most + input_.byte();
        refuse(offset_of(beyond), size == 0 ? 1 : size, 1, errc::foreign_pointer);
        if (!live_.empty()) {
            const std::size_t at = any()->first;
            refuse(at, 0, 1, errc::zero_size);
            refuse(at + 1, 1, 1, errc::misaligned);
            refuse(at, 1, 3, errc::misaligned);
        }
    }
    /// With the same layout, sorted, in another arena. It goes on there.
    void build_again() {
        Allocator& before = *used_;
        const std::byte* const old_base = base();
        begin(1 - index_);
        for (const auto& [at, known] : live_) {
            std::byte* const there = base() + at;
            require(used_->allocate_at(there, known.size, known.align).has_value());
            std::memset(there, std::to_integer<int>(known.fill), known.size);
        }
        before.sort_free();
        used_->sort_free();
        const std::size_t size = input_.size();
        const std::size_t align = input_.align();
        const auto here = before.allocate(size, align);
        const auto there = used_->allocate(size, align);
        require(here.has_value() == there.has_value());
        require(used_->stats().in_use == before.stats().in_use);
        require(used_->largest_free() == before.largest_free());
        if (there) {
            require(static_cast<std::byte*>(*here) - old_base ==
                    static_cast<std::byte*>(*there) - base());
            keep(offset_of(*there), size, align);
        }
    }

    void refuse(std::size_t at, std::size_t size, std::size_t align, errc why) {
        const auto freed = used_->deallocate(base() + at, size, align);
        require(!freed && (freed.error() == why || freed.error() == errc::misaligned));
        const auto moved = used_->reallocate(base() + at, size, 100, align);
        require(!moved && moved.error() == freed.error());
    }
    void expect_full(errc code, std::size_t size, std::size_t align) {
        require(size == 0 ? code == errc::zero_size : code == errc::out_of_memory);
        require(size == 0 || size > used_->largest_free() || align > vmem::default_alignment);
    }
    void keep(std::size_t at, std::size_t size, std::size_t align) {
        require(at >= begin_ && at <= end_ && size <= end_ - at);
        require(std::bit_cast<std::uintptr_t>(base() + at) % align == 0);
        require(!overlaps(at, {size, align, {}}));
        const auto fill = static_cast<std::byte>(++fills_ % 251 + 1);
        std::memset(base() + at, std::to_integer<int>(fill), size);
        live_.emplace(at, block{size, align, fill});
    }
    void free(typename blocks::iterator which) {
        const auto [at, old] = *which;
        require(is_whole(at, old));
        require(used_->deallocate(base() + at, old.size, old.align).has_value());
        live_.erase(which);
    }
    void check() {
        const vmem::allocator_stats known = used_->stats();
        require(used_->invariants_hold());
        require(known.in_use <= known.peak && known.peak <= known.capacity);
        require(known.largest_free == used_->largest_free() &&
                known.largest_free <= known.capacity - known.in_use);
        require(known.capacity <= end_ - begin_);
    }

    /// Whether a live block, with what it was rounded up by, has one of these bytes.
    [[nodiscard]] bool overlaps(std::size_t at, const block& b) const {
        const std::size_t end = at + (std::min)(rounded(b), 2 * most);
        const auto next = live_.lower_bound(at);
        if (next != live_.end() && next->first < end) {
            return true;
        }
        if (next == live_.begin()) {
            return false;
        }
        const auto& [before, known] = *std::prev(next);
        return before + rounded(known) > at;
    }
    /// Whether `size` is taken for that of the live block at `at`. Where only starts are known, it
    /// is if it ends where another live block does.
    [[nodiscard]] bool may_be(std::size_t at, std::size_t size) const {
        const std::size_t end = at + rounded({size, 1, {}});
        const auto from = known_ == knowledge::starts ? live_.begin() : live_.find(at);
        const auto to = known_ == knowledge::starts ? live_.end() : std::next(from);
        return std::any_of(
            from, to, [end](const auto& each) { return each.first + rounded(each.second) == end; });
    }
    [[nodiscard]] static std::size_t rounded(const block& b) {
        if constexpr (requires { Allocator::granule; }) {
            return b.size > most ? b.size
                                 : (b.size + Allocator::granule - 1) / Allocator::granule *
                                       Allocator::granule;
        } else {
            return b.size > most ? b.size : std::bit_ceil((std::max)({b.size, b.align, min_block}));
        }
    }
    static constexpr std::size_t min_block =
        std::is_same_v<Allocator, vmem::buddy_allocator<8>> ? 8 : 16;

    /// What the allocator keeps for itself, or cannot use.
    [[nodiscard]] std::size_t capacity_lost() { return end_ - begin_ - used_->stats().capacity; }
    [[nodiscard]] bool is_whole(std::size_t at, const block& b) {
        const auto bytes = std::span(base() + at, b.size);
        return std::ranges::all_of(bytes, [&](std::byte each) { return each == b.fill; });
    }
    [[nodiscard]] typename blocks::iterator any() {
        return std::next(live_.begin(), static_cast<std::ptrdiff_t>(input_.byte() % live_.size()));
    }
    [[nodiscard]] std::byte* base() { return rooms_[index_].bytes.data(); }
    [[nodiscard]] std::size_t offset_of(void* p) {
        return static_cast<std::size_t>(static_cast<std::byte*>(p) - base());
    }
    /// With an allocator of which all is free, in that room.
    void begin(std::size_t index) {
        index_ = index;
        const auto arena = std::span(rooms_[index].bytes).subspan(begin_, end_ - begin_);
        used_ = &allocators_[index].emplace(arena);
    }

    std::array<room, 2> rooms_;
    script& input_;
    std::size_t begin_;
    std::size_t end_;
    std::size_t index_ = 0;
    Allocator* used_ = nullptr;
    std::size_t fills_ = 0;
    blocks live_;
    std::array<std::optional<Allocator>, 2> allocators_;
    knowledge known_;
};

template <class Allocator>
void run(script& input, knowledge known) {
    play<Allocator>(input, known).run();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    script input({data, size});
    switch (input.byte() % 7) {
    case 0:
        run<vmem::tlsf_allocator<>>(input, knowledge::starts);
        break;
    case 1:
        run<vmem::tlsf_allocator<64UL * 1024>>(input, knowledge::starts);
        break;
    case 2:
        run<vmem::tlsf_allocator<64UL * 1024, 1>>(input, knowledge::starts);
        break;
    case 3:
        run<vmem::buddy_allocator<>>(input, knowledge::sizes);
        break;
    case 4:
        run<vmem::buddy_allocator<8>>(input, knowledge::sizes);
        break;
    case 5:
        run<vmem::linked_list_allocator<vmem::first_fit>>(input, knowledge::nothing);
        break;
    default:
        run<vmem::linked_list_allocator<vmem::best_fit>>(input, knowledge::nothing);
        break;
    }
    return 0;
}
