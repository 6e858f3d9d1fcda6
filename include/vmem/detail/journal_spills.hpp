// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_JOURNAL_SPILLS_HPP
#define VMEM_DETAIL_JOURNAL_SPILLS_HPP

#include <vmem/config.hpp>
#include <vmem/detail/journal_halves.hpp>
#include <vmem/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace vmem::detail {

/// The blocks that a transaction writes before its commit: where they are, and how they get there.
template <class Storage, class Shape>
class journal_spills : public journal_halves<Storage, Shape> {
    using base = journal_halves<Storage, Shape>;

public:
    using base::base;
    using base::block_bytes;
    using base::data_at;

protected:
    using base::directory;
    using base::inner_;
    using base::slot_at;
    using typename base::directory_type;

    struct run {
        address at;
        std::size_t size;
    };

    [[nodiscard]] static std::size_t in_block(address at, std::size_t count) noexcept {
        return lesser(block_bytes - static_cast<std::size_t>(at % block_bytes), count);
    }

    /// Bytes from `at` on that lie together on the storage, and where.
    [[nodiscard]] result<run> next_run(address at, std::size_t count) {
        if (spilled_ == 0) {
            return run{.at = data_at + at, .size = count};
        }
        std::size_t length = in_block(at, count);
        const auto block = static_cast<std::uint32_t>(at / block_bytes);
        const auto slot = find(block);
        if (!slot) {
            return failure(slot.error());
        }
        if (*slot != directory_type::none) {
            return run{.at = slot_at(sequence_ + 1, *slot) + at % block_bytes, .size = length};
        }
        while (length < count &&
               !may_be_spilled(static_cast<std::uint32_t>((at + length) / block_bytes))) {
            length += in_block(at + length, count - length);
        }
        return run{.at = data_at + at, .size = length};
    }

    /// Writes a part of a block to its copy in the journal.
    [[nodiscard]] result<void> spill(address to, std::span<const std::byte> part) {
        const auto block = static_cast<std::uint32_t>(to / block_bytes);
        const auto slot = find(block);
        if (!slot) {
            return failure(slot.error());
        }
        if (*slot != directory_type::none) {
            return inner_.write(slot_at(sequence_ + 1, *slot) + to % block_bytes, part);
        }
        if (spilled_ == base::slots) {
            failed_ = errc::over_journal;
            return failure(failed_);
        }
        if (const auto copied = copy_block(to, part); !copied) {
            return copied;
        }
        if (const auto listed = directory(sequence_ + 1).insert(block, spilled_); !listed) {
            // It may be listed, and something else must not get its place.
            failed_ = listed.error();
            return listed;
        }
        const std::size_t bit = block % Shape::filter_bits;
        filter_[bit / 8] |= static_cast<std::byte>(1U << bit % 8);
        ++spilled_;
        return {};
    }
    void forget_spilled() noexcept {
        filter_.fill(std::byte{0});
        spilled_ = 0;
    }

    /// Of the last commit; 0 if there is no image.
    std::uint64_t sequence_ = 0;
    /// Blocks written since.
    std::uint32_t spilled_ = 0;
    /// Why nothing can be written until a rollback.
    errc failed_{};

private:
    [[nodiscard]] bool may_be_spilled(std::uint32_t block) const noexcept {
        const std::size_t bit = block % Shape::filter_bits;
        return (std::to_integer<unsigned>(filter_[bit / 8]) >> bit % 8 & 1) != 0;
    }
    [[nodiscard]] result<std::uint32_t> find(std::uint32_t block) {
        return spilled_ != 0 && may_be_spilled(block) ? directory(sequence_ + 1).find(block)
                                                      : directory_type::none;
    }

    /// Makes a copy of the block of `to`, with `part` changed.
    [[nodiscard]] result<void> copy_block(address to, std::span<const std::byte> part) {
        const address copy = slot_at(sequence_ + 1, spilled_);
        if (part.size() == block_bytes) {
            return inner_.write(copy, part);
        }
        std::array<std::byte, block_bytes> buffer;
        const auto offset = static_cast<std::size_t>(to % block_bytes);
        if (const auto read = inner_.read(data_at + to - offset, buffer); !read) {
            return read;
        }
        std::memcpy(buffer.data() + offset, part.data(), part.size());
        return inner_.write(copy, buffer);
    }

    /// A bit for each block, or for several: whether it was written.
    std::array<std::byte, Shape::filter_bits / 8> filter_{};
};

} // namespace vmem::detail

#endif
