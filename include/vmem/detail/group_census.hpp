// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_GROUP_CENSUS_HPP
#define VMEM_DETAIL_GROUP_CENSUS_HPP

#include <vmem/config.hpp>
#include <vmem/detail/block_codes.hpp>
#include <vmem/detail/group_layout.hpp>
#include <vmem/detail/group_summaries.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace vmem::detail {

/// What is done once and takes its time: making, verifying and completing the state of a
/// `group_allocator`. Reads each byte of it once, or, to complete it, twice.
template <unsigned BlockShift, class Codes>
class group_census {
    using summaries = group_summaries<BlockShift, Codes>;
    using image = typename summaries::image;

public:
    explicit group_census(const summaries& of) noexcept : summaries_(of), layout_(of.layout()) {}

    /// Makes the medium say that nothing is there, and that no leaf is in use.
    void erase(auto& io) const {
        constexpr group_image nothing{};
        io.write(layout_.header_at(), std::span(nothing).first(sizeof(header)));
        const number_range all = layout_.numbers(0);
        for (address number = all.first; number < all.end() && io.ok(); number += group_bytes) {
            const address length = lesser(all.end() - number, group_bytes);
            io.write(layout_.place_of(0, number),
                     std::span(nothing).first(static_cast<std::size_t>(length)));
        }
    }

    /// Makes the medium say what is there.
    void sign(auto& io, std::uint32_t id) const {
        const header mine = signature(id);
        io.write(layout_.header_at(), std::as_bytes(std::span{&mine, 1}));
    }

    /// Fails with corrupt if the state of no such allocator is there, with geometry_mismatch if it
    /// is that of another range.
    void check_signature(auto& io, std::uint32_t id) const {
        header found{};
        io.read(layout_.header_at(), std::as_writable_bytes(std::span{&found, 1}));
        const header mine = signature(id);
        if (found.magic != mine.magic || found.id != mine.id) {
            io.fail(errc::corrupt);
        }
        if (found.begin != mine.begin || found.end != mine.end) {
            io.fail(errc::geometry_mismatch);
        }
    }

    /// Counts what is in use, and makes the summaries agree with it if they do not. Fails with
    /// corrupt, before a byte changes, if level 0 cannot be what an allocator wrote.
    void complete(auto& io) {
        const bool agree = look(io, (std::numeric_limits<address>::max)(), 0, false);
        if (!sound_) {
            io.fail(errc::corrupt);
        }
        if (!agree && io.ok()) {
            static_cast<void>(look(io, (std::numeric_limits<address>::max)(), 0, true));
        }
    }

    /// Counts what is in use and says whether the summaries agree with it, given that the one of
    /// the group `except` of level 0 is `value`.
    [[nodiscard]] bool agrees(auto& io, address except, std::uint8_t value) {
        return look(io, except, value, false) && sound_;
    }

    /// In use.
    [[nodiscard]] address leaves() const noexcept { return leaves_; }
    [[nodiscard]] address blocks() const noexcept { return blocks_; }

private:
    struct header {
        std::uint32_t magic = 0;
        std::uint32_t id = 0;
        std::uint64_t begin = 0;
        /// In leaves.
        std::uint64_t end = 0;
    };
    static_assert(sizeof(header) == summaries::layout_type::header_bytes);

    [[nodiscard]] header signature(std::uint32_t id) const noexcept {
        return {.magic = 0x70726776, // "vgrp"
                .id = id,
                .begin = layout_.header_at(),
                .end = layout_.last()};
    }

    /// Whether the summaries on the medium are what they should be; if `repair`, makes them so.
    [[nodiscard]] bool look(auto& io, address except, std::uint8_t value, bool repair) {
        bool agree = true;
        covered_ = layout_.first();
        leaves_ = blocks_ = 0;
        for (unsigned level = 1; level <= layout_.levels(); ++level) {
            const number_range groups = layout_.groups(level);
            for (address group = groups.first; group < groups.end() && io.ok(); ++group) {
                image fresh;
                fresh.numbers = layout_.bytes_of(level, group);
                for (address number = fresh.numbers.first; number < fresh.numbers.end(); ++number) {
                    fresh.of(number) = level == 1 ? count(io, number) : summary(io, level, number);
                }
                if (level == 1 && except - fresh.numbers.first < fresh.numbers.count) {
                    fresh.of(except) = value;
                }
                const image found = summaries_.read(io, level, group);
                agree = agree && found.values == fresh.values;
                if (repair) {
                    write_changes(io, level, found, fresh);
                }
            }
        }
        return agree;
    }

    /// Of the group of the level below that a byte stands for.
    [[nodiscard, gnu::noinline]] std::uint8_t summary(auto& io, unsigned level,
                                                      address number) const {
        return summaries_.summary(level - 1, summaries_.read(io, level - 1, number));
    }

    /// Takes in a group of level 0, one after the other; returns its summary.
    [[nodiscard]] std::uint8_t count(auto& io, address group) {
        group_image in{};
        summaries_.read_group(io, group, in);
        const number_range leaves = layout_.leaves_of(group);
        const address from = covered_ < leaves.first   ? leaves.first
                             : covered_ < leaves.end() ? covered_
                                                       : leaves.end();
        group_image again{};
        walk<Codes>(
            in, from, leaves.end(),
            [&](address leaf, unsigned order) {
                const address length = block_length(order);
                sound_ = sound_ && leaf % length == 0 && length <= layout_.last() - leaf;
                covered_ = length <= layout_.last() - leaf ? leaf + length : layout_.last();
                Codes::put(again, leaf, order);
                leaves_ += length;
                ++blocks_;
            },
            [](address, address) {});
        // Anything else than the blocks found, such as a block within another, is wrong.
        sound_ = sound_ && again == in;
        return summaries_.summary(group, in);
    }

    /// In pieces, so that one change does not wear out the others.
    void write_changes(auto& io, unsigned level, const image& found, const image& fresh) const {
        constexpr std::size_t piece = 16;
        const auto count = static_cast<std::size_t>(fresh.numbers.count);
        for (std::size_t from = 0; from < count; from += piece) {
            const std::size_t length = lesser(count - from, piece);
            const auto is = std::span(found.values).subspan(from, length);
            const auto should_be = std::span(fresh.values).subspan(from, length);
            bool same = true;
            for (std::size_t i = 0; i < length; ++i) {
                same = same && is[i] == should_be[i];
            }
            if (!same) {
                io.write(layout_.place_of(level, fresh.numbers.first + from),
                         std::as_bytes(should_be));
            }
        }
    }

    const summaries& summaries_;
    const typename summaries::layout_type& layout_;
    /// End of the last block.
    address covered_ = 0;
    address leaves_ = 0;
    address blocks_ = 0;
    bool sound_ = true;
};

} // namespace vmem::detail

#endif
