// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_JOURNAL_HALVES_HPP
#define VMEM_DETAIL_JOURNAL_HALVES_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/detail/journal_directory.hpp>
#include <vmem/detail/journal_layout.hpp>
#include <vmem/detail/journal_record.hpp>
#include <vmem/detail/raw_object.hpp>
#include <vmem/detail/superblock_copies.hpp>
#include <vmem/detail/unit_io.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem::detail {

/// A storage with a journal before it: what a commit is on the storage, how it is found valid, and
/// how it is applied. Nothing here depends on what is in RAM.
template <class Storage, class Shape>
class journal_halves : public journal_layout<Storage, Shape>,
                       public journal_capacity<Storage, journal_layout<Storage, Shape>::data_at,
                                               Shape::block_bytes> {
    static_assert((check_storage<Storage>(), true));

protected:
    using layout = journal_layout<Storage, Shape>;
    using typename layout::directory_type;

public:
    static constexpr storage_geometry geometry = storage_traits<Storage>::geometry;
    using layout::block_bytes;
    using layout::data_at;
    using layout::half;
    using layout::head_at;
    using layout::head_bytes;
    using layout::slot_at;
    using layout::unit;

    constexpr journal_halves()
        requires std::default_initializable<Storage>
    = default;
    // NOLINTNEXTLINE(google-explicit-constructor): it is the storage, to its user
    constexpr journal_halves(Storage storage) noexcept(
        std::is_nothrow_move_constructible_v<Storage>)
        : inner_(std::move(storage)) {}

    /// Bytes after the journal, in whole blocks.
    [[nodiscard]] constexpr address size() const noexcept {
        const address all = inner_.size();
        return all <= data_at ? 0 : align_down(all - data_at, block_bytes);
    }
    /// The storage adapted.
    [[nodiscard]] constexpr Storage& inner() noexcept { return inner_; }
    [[nodiscard]] constexpr const Storage& inner() const noexcept { return inner_; }

protected:
    [[nodiscard]] directory_type directory(std::uint64_t sequence) noexcept {
        return directory_type(inner_, head_at(sequence) + layout::slots_end, sequence);
    }

    /// Makes both halves invalid and empty, and syncs.
    [[nodiscard]] result<void> wipe() {
        if (size() == 0) {
            return failure(errc::wrong_size);
        }
        auto wiped = wipe_copies(inner_, half);
        if constexpr (layout::steals) {
            for (unsigned n = 0; wiped && n != 2; ++n) {
                wiped = write_zeros(inner_, head_at(n) + layout::slots_end, directory_type::size);
            }
        }
        return wiped;
    }
    /// Makes invalid the superblock at `at`, and syncs.
    [[nodiscard]] result<void> wipe_head(address at) {
        const auto wiped = wipe_copy(inner_, at);
        return wiped ? inner_.sync() : wiped;
    }
    /// Errors: those of `superblock::verify`, the storage's.
    [[nodiscard]] result<void> read_head(address at, raw_object<superblock>& head) {
        const auto read = read_any(inner_, at, head.bytes());
        return read ? head.get().verify() : read;
    }

    /// The valid superblock with the highest number, and the other one if it is valid, in `heads`.
    /// `roots` is for their roots, and holds none afterwards. Errors: those of
    /// `superblock::accepts` for `mine` if neither is valid; the storage's.
    [[nodiscard]] result<void> choose(const superblock& mine, std::span<root_entry> roots,
                                      std::span<raw_object<superblock>, 2> heads,
                                      const superblock*& newest, const superblock*& other) {
        // What says more of what is there is the larger one; other errors are the storage's.
        static_assert(errc::power_lost < errc::not_formatted &&
                      errc::not_formatted < errc::geometry_mismatch &&
                      errc::truncated < errc::corrupt);
        errc why = errc::not_formatted;
        for (raw_object<superblock>& head : heads) {
            const auto whole = verify(&head == &heads[0] ? 0 : half, mine, head, roots);
            if (whole) {
                other = std::exchange(newest, &head.get());
            } else if (whole.error() >= errc::not_formatted) {
                why = whole.error() > why ? whole.error() : why;
            } else if (whole.error() != errc::out_of_range) {
                return whole;
            }
        }
        if (newest == nullptr) {
            return failure(why);
        }
        if (other != nullptr && other->sequence > newest->sequence) {
            std::swap(other, newest);
        }
        return {};
    }

    /// Goes through all blocks that a transaction wrote early: adds up in `crc` which they are and
    /// what is in them, or copies them to where they belong if it is null. Errors: corrupt, the
    /// storage's.
    [[nodiscard]] result<void> sum_or_apply_spilled(std::uint64_t sequence, std::uint32_t* crc) {
        return directory(sequence).for_each([&](const journal_spill& entry) {
            if (entry.slot >= layout::slots || entry.block >= size() / block_bytes) {
                return result<void>(failure(errc::corrupt));
            }
            if (crc != nullptr) {
                *crc = content_sum(std::as_bytes(std::span(&entry, 1)), *crc);
            }
            return sum_or_copy<block_bytes>(inner_, slot_at(sequence, entry.slot), block_bytes,
                                            data_at + address{entry.block} * block_bytes, crc);
        });
    }

    /// Copies to where it belongs what a commit wrote. Precondition: it is valid.
    [[nodiscard]] result<void> apply(const superblock& head) {
        result<void> done;
        if (layout::steals && head.spilled != 0) {
            done = sum_or_apply_spilled(head.sequence, nullptr);
        }
        const address begin = head_at(head.sequence) + head_bytes;
        return done ? apply_log(begin, begin + static_cast<address>(head.log_bytes)) : done;
    }
    /// The same for the commit whose superblock is at `at`.
    [[nodiscard]] result<void> apply(address at) {
        raw_object<superblock> head;
        const auto read = read_head(at, head);
        return read ? apply(head.get()) : read;
    }

    Storage inner_;

private:
    /// Whether all is there that the superblock at `at` and its roots and its commit are made of.
    /// Errors: those of `superblock::accepts` for `mine`, corrupt, the storage's.
    [[nodiscard]] result<void> verify(address at, const superblock& mine,
                                      raw_object<superblock>& room, std::span<root_entry> roots) {
        auto done = read_any(inner_, at, room.bytes());
        const superblock& head = room.get();
        done = done ? mine.accepts(head) : done;
        done = done ? read_roots(inner_, at, head, roots) : done;
        if (!done) {
            return done;
        }
        if (head_at(head.sequence) != at || head.spilled > layout::slots ||
            head.log_bytes > layout::log_room(head.spilled) - head_bytes) {
            return failure(errc::corrupt);
        }
        std::uint32_t crc = 0;
        done = sum_or_copy<block_bytes>(inner_, at + head_bytes,
                                        static_cast<address>(head.log_bytes), 0, &crc);
        if (done && crc != head.log_crc) {
            return failure(errc::corrupt);
        }
        if (layout::steals && done && head.spilled != 0) {
            crc = 0;
            done = sum_or_apply_spilled(head.sequence, &crc);
            if (done && crc != head.spilled_crc) {
                return failure(errc::corrupt);
            }
        }
        return done;
    }

    /// Copies home what a log says: the entries of a chunk, each with data from `from` on, and
    /// behind the last of them the next chunk.
    [[nodiscard]] result<void> apply_log(address at, address end) {
        address from = at;
        std::uint32_t entries = 0;
        while (at < end) {
            journal_entry entry;
            auto done = read_any(inner_, at, std::as_writable_bytes(std::span(&entry, 1)));
            if (entries == 0) {
                entries = std::bit_cast<journal_chunk>(entry).entries;
                if (done && entries >= (end - at) / sizeof(entry)) {
                    done = failure(errc::corrupt);
                }
                from = at + chunk_head<unit>(entries);
            } else if (done) {
                done = apply_entry(entry, from, end);
                from += static_cast<address>(entry.size);
                --entries;
            }
            if (!done) {
                return done;
            }
            at = entries == 0 ? from : at + sizeof(entry);
        }
        return {};
    }
    [[nodiscard]] result<void> apply_entry(const journal_entry& entry, address from, address end) {
        const auto to = static_cast<address>(entry.at);
        const auto count = static_cast<address>(entry.size);
        if (!lies_within(end, from, count) || !lies_within(size(), to, count)) {
            return failure(errc::corrupt);
        }
        return sum_or_copy<block_bytes>(inner_, from, count, data_at + to, nullptr);
    }
};

} // namespace vmem::detail

#endif
