// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_JOURNAL_DIRECTORY_HPP
#define VMEM_DETAIL_JOURNAL_DIRECTORY_HPP

#include <vmem/config.hpp>
#include <vmem/detail/unit_io.hpp>
#include <vmem/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace vmem::detail {

/// Where a block went that was written before its transaction was complete.
struct journal_spill {
    /// Of the transaction; of all others there is nothing here.
    std::uint64_t sequence;
    /// Number of the block in virtual memory.
    std::uint32_t block;
    /// Number of its copy in the journal.
    std::uint32_t slot;
};
static_assert(sizeof(journal_spill) == 16 &&
              std::has_unique_object_representations_v<journal_spill>);

/// A hash table on a storage, in which a transaction finds the blocks that it wrote early. It is
/// never cleared between transactions: entries of another number count as empty. An access reads
/// one group of entries, rarely two; they are in this object.
template <class Storage, std::size_t Slots>
class journal_directory {
    static constexpr std::size_t unit = access_unit<Storage>;

public:
    /// Bytes that are read at a time.
    static constexpr std::size_t group_bytes = unit < 256 ? 256 : unit;
    static constexpr std::size_t per_group = group_bytes / sizeof(journal_spill);
    /// A quarter more entries than slots, so that there is always an empty one nearby.
    static constexpr std::size_t groups = (Slots + Slots / 4) / per_group + 1;
    /// Bytes of it all.
    static constexpr address size = address{groups} * group_bytes;
    /// The slot of a block that is not here.
    static constexpr std::uint32_t none = 0xFFFFFFFF;

    /// `at`: where the table lies, a multiple of the storage's units.
    journal_directory(Storage& storage, address at, std::uint64_t sequence) noexcept
        : storage_(storage), at_(at), sequence_(sequence) {}

    /// Looks for the entry of a block, or else for an empty one to take. Errors: the storage's;
    /// corrupt if there is neither.
    [[nodiscard]] result<void> find(std::uint32_t block) {
        // Neighbours come one after the other, and spread out over all groups.
        const std::uint32_t hash = block * 0x9E3779B1U;
        number_ = static_cast<std::size_t>((std::uint64_t{hash} * groups) >> 32);
        for (std::size_t left = groups; left != 0; --left) {
            if (const auto done = read(); !done) {
                return done;
            }
            for (index_ = 0; index_ < per_group; ++index_) {
                journal_spill& entry = entries_[index_];
                if (entry.sequence != sequence_) {
                    entry = {.sequence = sequence_, .block = block, .slot = none};
                }
                if (entry.block == block) {
                    return {};
                }
            }
            number_ = number_ + 1 == groups ? 0 : number_ + 1;
        }
        return failure(errc::corrupt);
    }
    /// The slot of the block that was looked for last and successfully, or `none`.
    [[nodiscard]] std::uint32_t slot() const noexcept { return entries_[index_].slot; }
    /// Enters it. Precondition: it is not here, and fewer than `Slots` are. Errors: the storage's.
    [[nodiscard]] result<void> insert(std::uint32_t slot) {
        entries_[index_].slot = slot;
        constexpr std::size_t least = sizeof(journal_spill) < unit ? unit : sizeof(journal_spill);
        return write(align_down(index_ * sizeof(journal_spill), least), least);
    }

    /// Calls `use(entry)`, which returns a result<void>, for all entries of the transaction, in the
    /// order in which they lie. Errors: the storage's, and those of `use`.
    template <class Use>
    [[nodiscard]] result<void> for_each(Use use) {
        for (number_ = 0; number_ < groups; ++number_) {
            auto done = read();
            for (std::size_t n = 0; done && n < per_group; ++n) {
                if (entries_[n].sequence == sequence_) {
                    done = use(entries_[n]);
                }
            }
            if (!done) {
                return done;
            }
        }
        return {};
    }

    /// Makes sure that there is nothing of this transaction, or of later ones, and no group that a
    /// power cut has left unreadable. Errors: the storage's.
    [[nodiscard]] result<void> forget() {
        for (number_ = 0; number_ < groups; ++number_) {
            auto done = read();
            if (!done && done.error() != errc::corrupt) {
                return done;
            }
            bool found = false;
            for (journal_spill& entry : entries_) {
                if (!done || entry.sequence >= sequence_) {
                    entry = {};
                    found = true;
                }
            }
            if (found) {
                done = write(0, group_bytes);
                if (!done) {
                    return done;
                }
            }
        }
        return {};
    }

private:
    [[nodiscard]] address group_at() const noexcept { return at_ + address{number_} * group_bytes; }
    [[nodiscard]] result<void> read() {
        return storage_.read(group_at(), std::as_writable_bytes(std::span(entries_)));
    }
    [[nodiscard]] result<void> write(std::size_t offset, std::size_t count) {
        return storage_.write(group_at() + offset,
                              std::as_bytes(std::span(entries_)).subspan(offset, count));
    }

    Storage& storage_;
    address at_;
    std::uint64_t sequence_;
    /// Of the group in RAM, and of the entry found in it.
    std::size_t number_;
    std::size_t index_;
    std::array<journal_spill, per_group> entries_;
};

} // namespace vmem::detail

#endif
