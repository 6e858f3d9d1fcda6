// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_CHECKED_HPP
#define VMEM_STORAGE_CHECKED_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/persist/content_sum.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

namespace detail {

/// Bytes on the storage of a block and its checksum, in units that the storage can transfer.
template <class Storage, std::size_t Block>
inline constexpr std::size_t checked_stride =
    align_up(Block + sizeof(std::uint32_t), std::bit_floor(storage_traits<Storage>::read_size |
                                                           storage_traits<Storage>::write_size));

/// Base of `checked`: has a `capacity` only if its storage has one.
template <class Storage, std::size_t Block>
struct checked_capacity {};
template <fixed_size_storage Storage, std::size_t Block>
struct checked_capacity<Storage, Block> {
    /// Bytes.
    static constexpr address capacity =
        static_cast<address>(Storage::capacity) / checked_stride<Storage, Block> * Block;
};

} // namespace detail

/// A storage that notices when its medium returns other bytes than were written. Behind each
/// `Block` bytes lies a CRC-32C of them and of their address, so that a block that was written to a
/// wrong place shows as well. What does not agree is `errc::corrupt`, never data, and
/// `last_corrupt` names its address.
///
/// The checksum lies next to its block, so that one write carries both and one read brings both; a
/// table of checksums elsewhere would cost a second write, and every power cut between the two.
///
/// A write that power cuts in the middle leaves the blocks that were being written corrupt, rather
/// than a mixture: neither old nor new. Whoever recovers from that, as `journaled` does, writes
/// them anew. `write_size` is `Block` for their sake: whole blocks are written without being read.
/// A write of less is accepted, and reads its block first; that fails if the block is corrupt.
///
/// An access costs one operation of the storage for each block, or for a run of them: see `read`
/// and `write`. RAM: a block and its checksum. A medium that is not `format`ted is corrupt.
template <class Storage, std::size_t Block = 512>
class checked : public detail::checked_capacity<Storage, Block> {
    static_assert((check_storage<Storage>(), true));
    static_assert(std::has_single_bit(Block) && Block >= 16,
                  "checked: Block must be a power of two, at least 16 bytes");
    static_assert(storage_traits<Storage>::erase_size == 0,
                  "checked: the storage must need no erasing; put it above the layer that erases");
    static_assert(detail::is_valid(storage_traits<Storage>::geometry),
                  "storage_geometry: each size must be a power of two; only erase_size may be 0");

public:
    /// Reads may be of any size.
    static constexpr storage_geometry geometry{.write_size = Block};
    /// Bytes that share a checksum.
    static constexpr std::size_t block_size = Block;
    /// Bytes that they take on the storage with it.
    static constexpr std::size_t stride = detail::checked_stride<Storage, Block>;

    constexpr checked()
        requires std::default_initializable<Storage>
    = default;
    constexpr explicit checked(Storage storage) noexcept(
        std::is_nothrow_move_constructible_v<Storage>)
        : storage_(std::move(storage)) {}

    /// Makes it zeros, whatever the storage held; then syncs. Errors: the storage's. One write for
    /// each block.
    [[nodiscard]] result<void> format() {
        for (address at = 0; at < size(); at += Block) {
            std::memset(buffer_.data(), 0, Block);
            if (const auto written = write_buffer(at); !written) {
                return written;
            }
        }
        return storage_.sync();
    }

    /// Bytes.
    [[nodiscard]] constexpr address size() const noexcept {
        return storage_.size() / stride * Block;
    }

    /// Errors: corrupt, the storage's; then the contents of `out` are unspecified. Parts of a
    /// block, and a last one, take an operation each; a run of n whole blocks between them n /
    /// (Block + 4) + 1.
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        if (!detail::lies_within(size(), from, out.size())) {
            return failure(errc::out_of_range);
        }
        while (!out.empty()) {
            // With their checksums the blocks take more room than they have without.
            const std::size_t offset = from % Block;
            const std::size_t run = offset == 0 ? out.size() / Block * Block / stride : 0;
            const auto part =
                out.first(run != 0 ? run * Block : detail::lesser(Block - offset, out.size()));
            const auto done =
                run != 0 ? read_run(from, out.first(run * stride)) : read_part(from, part);
            if (!done) {
                return done;
            }
            out = out.subspan(part.size());
            from += part.size();
        }
        return {};
    }

    /// Errors: the storage's; corrupt for a part of a block that is. Whole blocks take an operation
    /// each, or one for every 16 of them if the storage gathers; a part of one takes two.
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        if (!detail::lies_within(size(), to, in.size())) {
            return failure(errc::out_of_range);
        }
        while (!in.empty()) {
            const std::size_t offset = to % Block;
            const bool whole = offset == 0 && in.size() >= Block;
            const auto part =
                in.first(whole ? detail::lesser(in.size() / Block, most_at_once) * Block
                               : detail::lesser(Block - offset, in.size()));
            const auto done = whole ? write_whole(to, part) : write_part(to, part);
            if (!done) {
                return done;
            }
            in = in.subspan(part.size());
            to += part.size();
        }
        return {};
    }

    [[nodiscard]] result<void> sync() { return storage_.sync(); }

    /// Makes the blocks of a range corrupt, until they are written: for data that is known to be
    /// lost. Errors: out_of_range; the storage's. One write for each block.
    [[nodiscard]] result<void> spoil(address from, address count) {
        if (!detail::lies_within(size(), from, count)) {
            return failure(errc::out_of_range);
        }
        for (address at = first_of(from, count); at < from + count; at += Block) {
            buffer_.fill(std::byte{0});
            const trailer right = seal(at, std::span(buffer_).first(Block));
            for (std::size_t n = 0; n < sizeof(std::uint32_t); ++n) {
                buffer_[Block + n] = ~right[n];
            }
            if (const auto written = storage_.write(place_of(at), buffer_); !written) {
                return written;
            }
        }
        return {};
    }

    /// Reads everything. Errors: corrupt, with the first address in `last_corrupt`; the storage's.
    [[nodiscard]] result<void> verify() { return verify(0, size()); }
    /// The same of the blocks that `count` bytes at `from` lie in.
    [[nodiscard]] result<void> verify(address from, address count) {
        if (!detail::lies_within(size(), from, count)) {
            return failure(errc::out_of_range);
        }
        for (address at = first_of(from, count); at < from + count; at += Block) {
            if (const auto found = load(at); !found) {
                return found;
            }
        }
        return {};
    }

    /// Address of the block that was found corrupt last; `size()` if none was.
    [[nodiscard]] constexpr address last_corrupt() const noexcept {
        return corruptions_ != 0 ? last_corrupt_ : size();
    }
    /// How often a block was found corrupt.
    [[nodiscard]] constexpr std::uint64_t corruptions() const noexcept { return corruptions_; }

    /// The storage adapted.
    [[nodiscard]] constexpr Storage& inner() noexcept { return storage_; }
    /// The storage adapted.
    [[nodiscard]] constexpr const Storage& inner() const noexcept { return storage_; }

private:
    /// Blocks that are gathered into one write.
    static constexpr std::size_t most_at_once = gathering_storage<Storage> ? 16 : 1;

    using trailer = std::array<std::byte, stride - Block>;

    /// Of the blocks that a range touches, if it is not empty.
    [[nodiscard]] static constexpr address first_of(address from, address count) noexcept {
        return count != 0 ? detail::align_down(from, Block) : from;
    }
    [[nodiscard]] static constexpr address place_of(address at) noexcept {
        return at / Block * stride;
    }
    /// Precondition: `at` is that of the block's first byte.
    [[nodiscard]] static trailer seal(address at, std::span<const std::byte> block) noexcept {
        const std::uint64_t seed = at;
        const std::uint32_t crc =
            content_sum(block, content_sum(std::as_bytes(std::span(&seed, 1))));
        trailer made{};
        std::memcpy(made.data(), &crc, sizeof(crc));
        return made;
    }

    /// Whether a block agrees with the trailer behind it.
    [[nodiscard]] result<void> check(address at, std::span<const std::byte> sealed) noexcept {
        const trailer expected = seal(at, sealed.first(Block));
        if (std::memcmp(expected.data(), sealed.data() + Block, sizeof(std::uint32_t)) == 0) {
            return {};
        }
        ++corruptions_;
        last_corrupt_ = at;
        return failure(errc::corrupt);
    }

    /// Brings a block into the buffer.
    [[nodiscard]] result<void> load(address at) {
        const auto done = storage_.read(place_of(at), buffer_);
        return done ? check(at, buffer_) : done;
    }
    [[nodiscard]] result<void> read_part(address from, std::span<std::byte> out) {
        const auto loaded = load(detail::align_down(from, Block));
        if (loaded) {
            std::memcpy(out.data(), buffer_.data() + from % Block, out.size());
        }
        return loaded;
    }
    /// Reads blocks to where they belong, checksums and all, and closes the gaps.
    [[nodiscard]] result<void> read_run(address from, std::span<std::byte> out) {
        if (const auto done = storage_.read(place_of(from), out); !done) {
            return done;
        }
        for (std::size_t block = 0; block < out.size() / stride; ++block) {
            const auto sealed = out.subspan(block * stride, stride);
            if (const auto fine = check(from + block * Block, sealed); !fine) {
                return fine;
            }
            std::memmove(out.data() + block * Block, sealed.data(), Block);
        }
        return {};
    }

    /// Precondition: the first `Block` bytes of the buffer are what `at` is to hold.
    [[nodiscard]] result<void> write_buffer(address at) {
        const trailer sealing = seal(at, std::span(buffer_).first(Block));
        std::memcpy(buffer_.data() + Block, sealing.data(), sealing.size());
        return storage_.write(place_of(at), buffer_);
    }
    [[nodiscard]] result<void> write_part(address to, std::span<const std::byte> in) {
        const address at = detail::align_down(to, Block);
        if (const auto loaded = load(at); !loaded) {
            return loaded;
        }
        std::memcpy(buffer_.data() + to % Block, in.data(), in.size());
        return write_buffer(at);
    }
    [[nodiscard]] result<void> write_whole(address to, std::span<const std::byte> in) {
        if constexpr (gathering_storage<Storage>) {
            std::array<trailer, most_at_once> sealings;
            const std::size_t blocks = in.size() / Block;
            for (std::size_t n = 0; n < blocks; ++n) {
                sealings[n] = seal(to + n * Block, in.subspan(n * Block, Block));
            }
            auto next = [&in, &sealings, piece = std::size_t{0}, blocks]() mutable {
                const std::size_t n = piece / 2;
                if (n == blocks) {
                    return std::span<const std::byte>();
                }
                return piece++ % 2 == 0 ? in.subspan(n * Block, Block)
                                        : std::span<const std::byte>(sealings[n]);
            };
            return storage_.write_gathered(place_of(to), blocks * stride, next);
        } else {
            std::memcpy(buffer_.data(), in.data(), Block);
            return write_buffer(to);
        }
    }

    Storage storage_;
    std::array<std::byte, stride> buffer_;
    std::uint64_t corruptions_ = 0;
    address last_corrupt_ = 0;
};
static_assert(storage<checked<storage_archetype>>);

} // namespace vmem

#endif
