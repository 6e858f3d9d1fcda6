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
template <class Storage, class Shape, bool Steals = Shape::filter_bits != 0>
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

    /// Reads what was written last.
    [[nodiscard]] result<void> fetch(address from, std::span<std::byte> out) {
        auto table = directory(number_);
        result<void> done;
        while (done && !out.empty()) {
            std::size_t count = in_block(from, out.size());
            address at = data_at + from;
            bool is_home = true;
            if (may_be_spilled(from)) {
                done = table.find(block_of(from));
                if (!done) {
                    return done;
                }
                is_home = table.slot() == table.none;
                if (!is_home) {
                    at = slot_at(number_, table.slot()) + from % block_bytes;
                }
            }
            while (is_home && count < out.size() && !may_be_spilled(from + count)) {
                count += lesser(block_bytes, out.size() - count);
            }
            done = inner_.read(at, out.first(count));
            from += count;
            out = out.subspan(count);
        }
        return done;
    }

    /// Writes to the copies in the journal. Errors: over_journal, and from then on until a
    /// rollback; the storage's.
    [[nodiscard]] result<void> spill(address to, std::span<const std::byte> in) {
        result<void> done;
        while (done && !in.empty()) {
            const auto part = in.first(in_block(to, in.size()));
            done = spill_part(to, part);
            to += part.size();
            in = in.subspan(part.size());
        }
        return done;
    }
    void forget_spilled() noexcept {
        filter_.fill(std::byte{0});
        spilled_ = 0;
    }

    /// Of the transaction at hand; 0 if there is no image.
    std::uint64_t number_ = 0;
    /// Blocks that it has written.
    std::uint32_t spilled_ = 0;
    /// Why nothing can be written until a rollback.
    errc failed_{};

private:
    [[nodiscard]] static std::size_t in_block(address at, std::size_t count) noexcept {
        return lesser(block_bytes - static_cast<std::size_t>(at % block_bytes), count);
    }

    /// Writes a part of a block to its copy.
    [[nodiscard]] result<void> spill_part(address to, std::span<const std::byte> part) {
        auto table = directory(number_);
        auto done = table.find(block_of(to));
        if (!done) {
            return done;
        }
        const bool is_new = table.slot() == table.none;
        const auto offset = static_cast<std::size_t>(to % block_bytes);
        const address copy = slot_at(number_, is_new ? spilled_ : table.slot());
        if (!is_new) {
            return inner_.write(copy + offset, part);
        }
        if (spilled_ == base::slots) {
            failed_ = errc::over_journal;
            return failure(failed_);
        }
        std::array<std::byte, block_bytes> buffer;
        if (part.size() != block_bytes) {
            done = inner_.read(data_at + to - offset, buffer);
            if (!done) {
                return done;
            }
            std::memcpy(buffer.data() + offset, part.data(), part.size());
            part = buffer;
        }
        done = inner_.write(copy, part);
        if (!done) {
            return done;
        }
        const std::size_t bit = block_of(to) % Shape::filter_bits;
        filter_[bit / 8] |= static_cast<std::byte>(1U << bit % 8);
        // Even if that fails it may be listed, and nothing else must get its place.
        done = table.insert(spilled_++);
        if (!done) {
            failed_ = done.error();
        }
        return done;
    }

    [[nodiscard]] static std::uint32_t block_of(address at) noexcept {
        return static_cast<std::uint32_t>(at / block_bytes);
    }
    [[nodiscard]] bool may_be_spilled(address at) const noexcept {
        const std::size_t bit = block_of(at) % Shape::filter_bits;
        return (std::to_integer<unsigned>(filter_[bit / 8]) >> bit % 8 & 1) != 0;
    }

    /// A bit for each block, or for several: whether it was written.
    std::array<std::byte, Shape::filter_bits / 8> filter_{};
};

/// The same where nothing is written before its commit.
template <class Storage, class Shape>
class journal_spills<Storage, Shape, false> : public journal_halves<Storage, Shape> {
    using base = journal_halves<Storage, Shape>;

public:
    using base::base;
    /// For the residency: what has changed has to stay in RAM.
    static constexpr bool no_steal = true;

protected:
    [[nodiscard]] result<void> fetch(address from, std::span<std::byte> out) {
        return base::inner_.read(base::data_at + from, out);
    }
    /// Errors: over_journal, and from then on until a rollback.
    [[nodiscard]] result<void> spill(address, std::span<const std::byte> in) {
        if (!in.empty()) {
            failed_ = errc::over_journal;
        }
        return in.empty() ? result<void>() : failure(failed_);
    }
    static void forget_spilled() noexcept {}

    std::uint64_t number_ = 0;
    static constexpr std::uint32_t spilled_ = 0;
    errc failed_{};
};

} // namespace vmem::detail

#endif
