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
    std::uint64_t sequence = 0;
    /// Number of the block in virtual memory.
    std::uint32_t block = 0;
    /// Number of its copy in the journal.
    std::uint32_t slot = 0;
};
static_assert(sizeof(journal_spill) == 16 &&
              std::has_unique_object_representations_v<journal_spill>);

/// A hash table on a storage, in which a transaction finds the blocks that it wrote early. It is
/// never cleared between transactions: entries of another number count as empty. An access reads
/// one group of entries, rarely two.
template <class Storage, std::size_t Slots>
class journal_directory {
public:
    /// Bytes that are read at a time.
    static constexpr std::size_t group_bytes =
        access_unit<Storage> < 256 ? 256 : access_unit<Storage>;
    static constexpr std::size_t per_group = group_bytes / sizeof(journal_spill);
    /// A quarter more entries than slots, so that there is always an empty one nearby.
    static constexpr std::size_t groups = (Slots + Slots / 4) / per_group + 1;
    /// Bytes of it all.
    static constexpr address size = address{groups} * group_bytes;
    /// What `find` returns for a block that is not here.
    static constexpr std::uint32_t none = 0xFFFFFFFF;

    /// `at`: where the table lies, a multiple of the storage's units.
    constexpr journal_directory(Storage& storage, address at, std::uint64_t sequence) noexcept
        : storage_(storage), at_(at), sequence_(sequence) {}

    /// The slot of a block, or `none`. Errors: the storage's.
    [[nodiscard]] result<std::uint32_t> find(std::uint32_t block) {
        std::uint32_t slot = none;
        const auto done = probe(block, [&](const journal_spill& entry, std::size_t, std::size_t) {
            slot = entry.sequence == sequence_ ? entry.slot : none;
            return result<void>();
        });
        return done ? result<std::uint32_t>(slot) : failure(done.error());
    }

    /// Precondition: the block is not here, and fewer than `Slots` are. Errors: the storage's.
    [[nodiscard]] result<void> insert(std::uint32_t block, std::uint32_t slot) {
        return probe(block, [&](const journal_spill&, std::size_t number, std::size_t index) {
            const journal_spill made{.sequence = sequence_, .block = block, .slot = slot};
            return write_any(storage_, group_at(number) + index * sizeof(made),
                             std::as_bytes(std::span(&made, 1)));
        });
    }

    /// Calls `use(entry)`, which returns a result<void>, for all entries of the transaction, in the
    /// order in which they lie. Errors: the storage's, and those of `use`.
    template <class Use>
    [[nodiscard]] result<void> for_each(Use use) {
        group entries;
        for (std::size_t number = 0; number < groups; ++number) {
            if (const auto done = read(number, entries); !done) {
                return done;
            }
            for (const journal_spill& entry : entries) {
                if (entry.sequence != sequence_) {
                    continue;
                }
                if (const auto done = use(entry); !done) {
                    return done;
                }
            }
        }
        return {};
    }

    /// Makes sure that there is nothing of this transaction, or of later ones, and no group that a
    /// power cut has left unreadable. Errors: the storage's.
    [[nodiscard]] result<void> forget() {
        group entries;
        for (std::size_t number = 0; number < groups; ++number) {
            const auto done = read(number, entries);
            if (!done && done.error() != errc::corrupt) {
                return done;
            }
            bool found = !done;
            for (journal_spill& entry : entries) {
                if (!done || entry.sequence >= sequence_) {
                    entry = {};
                    found = true;
                }
            }
            if (!found) {
                continue;
            }
            const auto bytes = std::as_bytes(std::span(entries));
            if (const auto written = storage_.write(group_at(number), bytes); !written) {
                return written;
            }
        }
        return {};
    }

private:
    using group = std::array<journal_spill, per_group>;

    [[nodiscard]] address group_at(std::size_t number) const noexcept {
        return at_ + address{number} * group_bytes;
    }
    [[nodiscard]] result<void> read(std::size_t number, group& out) {
        return storage_.read(group_at(number), std::as_writable_bytes(std::span(out)));
    }

    /// Calls `use(entry, group, index)` once, for the entry of `block` or else the first empty one
    /// where it would be.
    template <class Use>
    [[nodiscard]] result<void> probe(std::uint32_t block, Use use) {
        // Neighbours come one after the other, and spread out over all groups.
        const std::uint32_t hash = block * 0x9E3779B1U;
        auto number = static_cast<std::size_t>((std::uint64_t{hash} * groups) >> 32);
        group entries;
        for (std::size_t tries = 0; tries < groups; ++tries) {
            if (const auto done = read(number, entries); !done) {
                return done;
            }
            for (std::size_t index = 0; index < per_group; ++index) {
                const journal_spill& entry = entries[index];
                if (entry.sequence != sequence_ || entry.block == block) {
                    return use(entry, number, index);
                }
            }
            number = number + 1 == groups ? 0 : number + 1;
        }
        return failure(errc::corrupt);
    }

    Storage& storage_;
    address at_;
    std::uint64_t sequence_;
};

} // namespace vmem::detail

#endif
