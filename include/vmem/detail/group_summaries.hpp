// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_GROUP_SUMMARIES_HPP
#define VMEM_DETAIL_GROUP_SUMMARIES_HPP

#include <vmem/config.hpp>
#include <vmem/detail/block_codes.hpp>
#include <vmem/detail/free_survey.hpp>
#include <vmem/detail/group_layout.hpp>
#include <vmem/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace vmem::detail {

/// What a group is worth to a search, in a byte: the span (order + 1) of its largest free block, 0
/// if it has none; or that it starts with a block larger than the group. The groups that such a
/// block extends over keep the summary of a free group; a search passes over them.
struct summary_code {
    static constexpr unsigned large = 0x80;

    [[nodiscard]] static constexpr std::uint8_t of_large(unsigned order) noexcept {
        return static_cast<std::uint8_t>(large | order);
    }
    [[nodiscard]] static constexpr bool is_large(std::uint8_t code) noexcept {
        return (code & large) != 0;
    }
    /// Of a large block.
    [[nodiscard]] static constexpr unsigned order_in(std::uint8_t code) noexcept {
        return code & (large - 1);
    }
};

/// The levels of summaries above the groups of level 0. All of it can be derived from level 0.
template <unsigned BlockShift, class Codes>
class group_summaries {
public:
    using layout_type = group_layout<BlockShift, Codes>;

    /// Some summaries of one level.
    struct image {
        number_range numbers{};
        std::array<std::uint8_t, layout_type::most_summaries> values{};

        [[nodiscard]] std::uint8_t& of(address number) noexcept {
            return values[static_cast<std::size_t>(number - numbers.first)];
        }
        [[nodiscard]] std::uint8_t of(address number) const noexcept {
            return values[static_cast<std::size_t>(number - numbers.first)];
        }
        [[nodiscard]] std::span<std::uint8_t> all() noexcept {
            return std::span(values).first(static_cast<std::size_t>(numbers.count));
        }
    };

    /// Where a search ended.
    struct place {
        free_block block{};
        /// Summary of the group of level 0 it is in.
        std::uint8_t summary = 0;
    };

    constexpr group_summaries() noexcept = default;
    constexpr explicit group_summaries(const layout_type& layout) noexcept : layout_(layout) {}

    [[nodiscard]] constexpr const layout_type& layout() const noexcept { return layout_; }

    /// Summary of a group of level 0.
    [[nodiscard]] std::uint8_t summary(address group, const group_image& in) const noexcept {
        const number_range leaves = layout_.leaves_of(group);
        if (leaves.first == group << layout_type::group_shift && leaves.count != 0) {
            const unsigned span = Codes::span_at(in, leaves.first);
            if (span > layout_type::group_shift + 1) {
                return summary_code::of_large(span - 1);
            }
        }
        free_survey found(0, 0, Codes::most_order);
        survey<Codes>(in, leaves.first, leaves.end(), found);
        return static_cast<std::uint8_t>(found.largest());
    }

    /// Summary of a group of summaries.
    [[nodiscard]] std::uint8_t summary(unsigned level, const image& in) const noexcept {
        const std::uint8_t first = in.values[0];
        if (level < layout_.levels() && summary_code::is_large(first) &&
            summary_code::order_in(first) > layout_type::order_of(level + 1)) {
            return first;
        }
        free_survey found(0, 0, Codes::most_order);
        survey_level(level, in, found);
        return static_cast<std::uint8_t>(found.largest());
    }

    void read_group(auto& io, address group, group_image& into) const {
        const number_range bytes = layout_.bytes_of(0, group);
        io.read(layout_.place_of(0, bytes.first),
                std::span(into).subspan(static_cast<std::size_t>(bytes.first % group_bytes),
                                        static_cast<std::size_t>(bytes.count)));
    }
    [[nodiscard]] image read(auto& io, unsigned level, address group) const {
        image in;
        in.numbers = layout_.bytes_of(level, group);
        io.read(layout_.place_of(level, in.numbers.first), std::as_writable_bytes(in.all()));
        return in;
    }

    /// Sets the summary of a group of level 0, and those above it as far as they change, or, if
    /// `every`, all of them.
    void publish(auto& io, address group, std::uint8_t value, bool every) const {
        address number = group;
        for (unsigned level = 1;; ++level) {
            const auto at = layout_.place_of(level, number);
            if (level == layout_.levels()) {
                io.write(at, std::as_bytes(std::span{&value, 1}));
                return;
            }
            image in = read(io, level, layout_.group_of(level, number));
            const std::uint8_t before = summary(level, in);
            io.write(at, std::as_bytes(std::span{&value, 1}));
            in.of(number) = value;
            value = summary(level, in);
            if (value == before && !every) {
                return;
            }
            number = layout_.group_of(level, number);
        }
    }

    /// A free block of at least `2^need` leaves, preferably of at least `2^wanted`, or the group of
    /// level 0 it is in (its span then is at most group_shift, its leaf the group's first). Span 0:
    /// there is none. Reads one group per level. Fails with corrupt if the levels disagree.
    [[nodiscard]] place search(auto& io, unsigned need, unsigned wanted) const {
        address group = 0;
        for (unsigned level = layout_.levels();; --level) {
            const image in = read(io, level, group);
            free_survey found(need, wanted, Codes::most_order);
            survey_level(level, in, found);
            const free_block block = found.pick();
            if (block.span == 0 && level != layout_.levels()) {
                io.fail(errc::corrupt);
            }
            if (block.span == 0 || !io.ok()) {
                return {};
            }
            if (block.span > layout_type::order_of(level)) {
                return {.block = block, .summary = layout_type::group_shift + 1};
            }
            group = block.leaf >> layout_type::order_of(level);
            if (level == 1) {
                return {.block = block, .summary = in.of(group)};
            }
        }
    }

    /// Largest free span of all, given that the summary of the group of level 0 `group` is `value`,
    /// whatever the medium says. Reads one group per level.
    [[nodiscard]] unsigned largest(auto& io, address group, std::uint8_t value) const {
        address number = group;
        for (unsigned level = 1;; ++level) {
            image in = read(io, level, layout_.group_of(level, number));
            in.of(number) = value;
            value = summary(level, in);
            if (level == layout_.levels()) {
                return value;
            }
            number = layout_.group_of(level, number);
        }
    }

    /// Whether a block larger than a group extends over `leaf`; one that starts with the group
    /// `except` of level 0 does not count. Reads one group per level.
    [[nodiscard]] bool is_within_large(auto& io, address leaf, address except) const {
        for (unsigned level = 1; level <= layout_.levels(); ++level) {
            const unsigned order = layout_type::order_of(level);
            const address number = leaf >> order;
            const image in = read(io, level, layout_.group_of(level, number));
            for (address start = in.numbers.first; start <= number; ++start) {
                const std::uint8_t code = in.of(start);
                if (start << (order - layout_type::group_shift) != except &&
                    number - start < length_in(code, order)) {
                    return true;
                }
            }
        }
        return false;
    }

private:
    /// Entries that a large block takes; 0 if `code` stands for none.
    [[nodiscard]] static address length_in(std::uint8_t code, unsigned order) noexcept {
        if (!summary_code::is_large(code)) {
            return 0;
        }
        const unsigned own = summary_code::order_in(code);
        constexpr unsigned most = std::numeric_limits<address>::digits - 1;
        return own > order ? address{1} << lesser(own - order, most) : 1;
    }

    /// The free blocks of a group of summaries, those within one entry at its first leaf.
    void survey_level(unsigned level, const image& in, free_survey& into) const noexcept {
        const unsigned order = layout_type::order_of(level);
        address run = in.numbers.first;
        for (address number = run; number < in.numbers.end();) {
            const std::uint8_t code = in.of(number);
            if (code == order + 1) {
                ++number;
                continue;
            }
            into.add_run(run << order, number << order);
            if (const address taken = length_in(code, order); taken != 0) {
                number += taken;
            } else {
                if (code != 0 && code <= order) {
                    into.add(number << order, code - 1U);
                }
                ++number;
            }
            run = number;
        }
        if (run < in.numbers.end()) {
            into.add_run(run << order, in.numbers.end() << order);
        }
    }

    layout_type layout_{};
};

} // namespace vmem::detail

#endif
