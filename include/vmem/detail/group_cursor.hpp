// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_GROUP_CURSOR_HPP
#define VMEM_DETAIL_GROUP_CURSOR_HPP

#include <vmem/config.hpp>
#include <vmem/detail/block_codes.hpp>
#include <vmem/detail/free_survey.hpp>
#include <vmem/detail/group_cache.hpp>
#include <vmem/detail/group_summaries.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace vmem::detail {

/// All that a `group_allocator` knows better than its medium.
///
/// One group of level 0 is the *current* one. Its summary may differ from the one on the medium,
/// and one of its blocks, the *pending* one, may be free although the medium says that it is in
/// use: the block that was freed last. Whoever asks for such a block next can have it as it is;
/// another change of the group takes the end of the pending block along in the same write.
///
/// A write that fails leaves bytes in doubt. They are written again before anything else happens.
template <unsigned BlockShift, class Codes, std::size_t CacheBytes>
class group_cursor {
public:
    using summaries_type = group_summaries<BlockShift, Codes>;
    using layout_type = typename summaries_type::layout_type;
    static constexpr address none = (std::numeric_limits<address>::max)();

    constexpr group_cursor() noexcept = default;
    constexpr explicit group_cursor(const layout_type& layout) noexcept : summaries_(layout) {}

    [[nodiscard]] const summaries_type& summaries() const noexcept { return summaries_; }
    [[nodiscard]] const layout_type& layout() const noexcept { return summaries_.layout(); }

    /// The current group, or `none`.
    [[nodiscard]] address group() const noexcept { return group_; }
    /// Its summary, the pending block being free.
    [[nodiscard]] std::uint8_t summary() const noexcept { return actual_; }
    /// Span 0 if there is none.
    [[nodiscard]] const free_block& pending() const noexcept { return pending_; }
    [[nodiscard]] bool is_pending(address leaf) const noexcept {
        return pending_.span != 0 && leaf - pending_.leaf < block_length(pending_.span - 1);
    }

    /// Whether the current group has a place for a block of `2^order` leaves. A pending block that
    /// is larger than the group is all of it.
    [[nodiscard]] bool has_room(unsigned order) const noexcept {
        return order > layout_type::group_shift
                   ? pending_.span > order
                   : !summary_code::is_large(actual_) && actual_ > order;
    }

    /// What the medium says of a group.
    [[nodiscard]] group_image load(auto& io, address group) {
        if (const group_image* cached = cache_.find(group)) {
            return *cached;
        }
        group_image image{};
        summaries_.read_group(io, group, image);
        if (io.ok()) {
            cache_.put(group, image);
        }
        return image;
    }
    /// The current group, the pending block being free.
    [[nodiscard]] group_image load_current(auto& io) {
        group_image image = load(io, group_);
        if (pending_.span != 0) {
            Codes::clear(image, pending_.leaf, pending_.span - 1);
        }
        return image;
    }

    /// The first thing that every call does.
    void recover(auto& io) {
        if (!in_doubt_) {
            return;
        }
        if (doubt_at_ != 0) {
            io.write(doubt_at_, std::span{&doubt_, 1});
        }
        free_pending(io);
        if (io.ok()) {
            in_doubt_ = false;
            doubt_at_ = 0;
        }
    }

    /// Frees the pending block on the medium.
    void free_pending(auto& io) {
        if (pending_.span == 0) {
            return;
        }
        io.write(place_of(pending_.leaf), std::span{&pending_byte_, 1});
        if (io.ok()) {
            cache_.set(group_, Codes::byte_of(pending_.leaf), pending_byte_);
            pending_ = {};
        } else {
            in_doubt_ = true;
            cache_.forget(group_);
        }
    }

    /// Tells the medium all that it does not know.
    void complete(auto& io) {
        free_pending(io);
        if (published_ == actual_ || !io.ok()) {
            return;
        }
        const bool every = published_ == unknown;
        published_ = unknown;
        summaries_.publish(io, group_, actual_, every);
        if (io.ok()) {
            published_ = actual_;
        }
    }

    /// Makes a group current. Precondition: the medium knows everything, `summary` included.
    void move_to(address group, std::uint8_t summary) noexcept {
        group_ = group;
        published_ = actual_ = summary;
    }

    /// Writes a block of the current group down, and the end of the pending one. `image` is what
    /// `load_current` gave.
    void take(auto& io, group_image& image, address leaf, unsigned order) {
        const unsigned byte = Codes::byte_of(leaf);
        const std::byte before = image[byte];
        Codes::put(image, leaf, order);
        if (pending_.span != 0 && byte != Codes::byte_of(pending_.leaf) &&
            pending_.leaf - leaf < block_length(order)) {
            // A write that is torn must not leave a block within another.
            free_pending(io);
        }
        unsigned from = byte;
        unsigned to = byte;
        if (pending_.span != 0) {
            const unsigned other = Codes::byte_of(pending_.leaf);
            from = lesser(from, other);
            to = other > to ? other : to;
        }
        io.write(place_of(leaf) - (byte - from), std::span(image).subspan(from, to - from + 1));
        if (io.ok()) {
            cache_.put(group_, image);
            pending_ = {};
            actual_ = summaries_.summary(group_, image);
        } else {
            in_doubt_ = true;
            doubt_at_ = place_of(leaf);
            doubt_ = before;
            cache_.forget(group_);
        }
    }

    /// The medium says already that the pending block is in use.
    void take_pending() noexcept {
        actual_ = kept_;
        pending_ = {};
    }

    /// Makes a block pending instead of the one that is, and its group current. `image` is what
    /// `load` gave for the group.
    void put_off(auto& io, group_image image, const free_block& block) {
        const address group = block.leaf >> layout_type::group_shift;
        const free_block before = pending_;
        if (group != group_) {
            complete(io);
        } else {
            free_pending(io);
        }
        if (!io.ok()) {
            return;
        }
        if (group != group_) {
            move_to(group, summaries_.summary(group, image));
        } else if (before.span != 0) {
            Codes::clear(image, before.leaf, before.span - 1);
        }
        pending_ = block;
        kept_ = actual_;
        Codes::clear(image, block.leaf, block.span - 1);
        pending_byte_ = image[Codes::byte_of(block.leaf)];
        actual_ = summaries_.summary(group_, image);
    }

    /// The summary of the current group on the medium, made known if a failed write left it in
    /// doubt.
    [[nodiscard]] std::uint8_t published(auto& io) {
        if (published_ == unknown) {
            complete(io);
        }
        return published_;
    }
    /// Whether all this is as it should be. Precondition: the medium has no bytes in doubt.
    [[nodiscard]] bool agrees(auto& io) {
        if (group_ == none) {
            return pending_.span == 0;
        }
        group_image image = load(io, group_);
        if (pending_.span != 0) {
            const unsigned order = pending_.span - 1;
            if (summaries_.summary(group_, image) != kept_ ||
                Codes::span_at(image, pending_.leaf) != pending_.span) {
                return false;
            }
            Codes::clear(image, pending_.leaf, order);
            if (image[Codes::byte_of(pending_.leaf)] != pending_byte_) {
                return false;
            }
        }
        return summaries_.summary(group_, image) == actual_;
    }

private:
    /// Is no summary.
    static constexpr std::uint8_t unknown = 0xFF;

    [[nodiscard]] address place_of(address leaf) const noexcept {
        return layout().place_of(0, leaf >> Codes::leaves_per_byte_shift);
    }

    summaries_type summaries_{};
    address group_ = none;
    free_block pending_{};
    /// Where a byte is in doubt besides that of the pending block; 0: nowhere.
    address doubt_at_ = 0;
    std::byte doubt_{};
    bool in_doubt_ = false;
    /// The byte of the pending block without it.
    std::byte pending_byte_{};
    /// Summary of the current group: with the pending block in use, with it free, on the medium.
    std::uint8_t kept_ = 0;
    std::uint8_t actual_ = 0;
    std::uint8_t published_ = 0;
    [[no_unique_address]] group_cache<CacheBytes / group_bytes> cache_{};
};

} // namespace vmem::detail

#endif
