// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_JOURNAL_HALVES_HPP
#define VMEM_DETAIL_JOURNAL_HALVES_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/detail/journal_directory.hpp>
#include <vmem/detail/journal_layout.hpp>
#include <vmem/detail/journal_record.hpp>
#include <vmem/detail/superblock_copies.hpp>
#include <vmem/detail/unit_io.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
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
        if (const auto done = wipe_copies(inner_, half); !done) {
            return done;
        }
        for (std::uint64_t number = 0; number < 2; ++number) {
            if (const auto done =
                    write_zeros(inner_, head_at(number) + layout::slots_end, directory_type::size);
                !done) {
                return done;
            }
        }
        return {};
    }
    /// Makes invalid what has the place of that number, and syncs.
    [[nodiscard]] result<void> wipe_head(std::uint64_t sequence) {
        const auto wiped = write_zeros(inner_, head_at(sequence), head_bytes);
        return wiped ? inner_.sync() : wiped;
    }
    /// Writes a superblock where its number belongs.
    [[nodiscard]] result<void> write_head(const superblock& head,
                                          std::span<const root_entry> roots) {
        const superblock sealed = head.sealed(roots);
        const commit_list no_log;
        record_pieces<unit, head_bytes> record(&sealed, roots, no_log);
        return write_pieces(inner_, head_at(head.sequence), head_bytes, record);
    }
    /// Writes the superblock `sequence`, without a log, as the one after it.
    [[nodiscard]] result<void> repeat_head(std::uint64_t sequence) {
        std::array<root_entry, Shape::roots == 0 ? 1 : Shape::roots> buffer;
        const auto roots = std::span(buffer).first(Shape::roots);
        superblock head;
        auto read =
            read_any(inner_, head_at(sequence), std::as_writable_bytes(std::span(&head, 1)));
        read = read ? head.verify() : read;
        read = read ? read_roots(inner_, head_at(sequence), head, roots) : read;
        if (!read) {
            return read;
        }
        head.sequence = sequence + 1;
        head.log_bytes = head.log_crc = head.spilled = head.spilled_crc = 0;
        return write_head(head, roots);
    }

    /// The newest commit, applied, with its roots.
    [[nodiscard]] result<superblock> take_up(const superblock& mine, std::span<root_entry> roots) {
        auto found = read_copies(inner_, half, roots);
        if (!found) {
            return failure(found.error());
        }
        for (std::size_t n = 0; n < 2; ++n) {
            if (!found->valid[n]) {
                continue;
            }
            if (const auto fits = mine.accepts(found->copies[n]); !fits) {
                found->reject(n, fits.error());
            } else if (const auto whole = verify(found->copies[n]); !whole) {
                if (!is_damage(whole.error())) {
                    return failure(whole.error());
                }
                found->reject(n, errc::corrupt);
            }
        }
        if (!found->valid[0] && !found->valid[1]) {
            return failure(found->why);
        }
        const std::size_t last = found->newest();
        const superblock& newest = found->copies[last];
        const superblock& other = found->copies[1 - last];
        result<void> done;
        if (!found->valid[1 - last]) {
            // Without it: what it lacks may come to be there when the directory is tidied up.
            done = other.magic != 0 ? wipe_head(newest.sequence + 1) : done;
        } else if (other.sequence + 1 == newest.sequence) {
            // What it wrote at home may have been lost together with the sync of the newest.
            done = apply(other);
        }
        done = done ? apply(newest) : done;
        done = done ? directory(newest.sequence + 1).forget() : done;
        done = done ? inner_.sync() : done;
        done = done ? read_roots(inner_, head_at(newest.sequence), newest, roots) : done;
        return done ? result<superblock>(newest) : failure(done.error());
    }

    /// Whether all that a commit wrote is there. Errors: corrupt, the storage's. Reads all of it.
    [[nodiscard]] result<void> verify(const superblock& head) {
        if (head.log_bytes > layout::slots_end - head_bytes || head.spilled > layout::slots ||
            head.log_bytes > layout::log_room(head.spilled) - head_bytes) {
            return failure(errc::corrupt);
        }
        const auto log = crc_of<block_bytes>(inner_, head_at(head.sequence) + head_bytes,
                                             static_cast<address>(head.log_bytes), 0);
        if (!log) {
            return failure(log.error());
        }
        if (*log != head.log_crc) {
            return failure(errc::corrupt);
        }
        if (head.spilled == 0) {
            return {};
        }
        const auto spilled = spilled_crc(head.sequence);
        if (!spilled) {
            return failure(spilled.error());
        }
        return *spilled == head.spilled_crc ? result<void>() : failure(errc::corrupt);
    }
    /// Of all blocks that a transaction wrote early, and of which they are. Errors: corrupt, the
    /// storage's.
    [[nodiscard]] result<std::uint32_t> spilled_crc(std::uint64_t sequence) {
        std::uint32_t crc = 0;
        const auto done = directory(sequence).for_each([&](const journal_spill& entry) {
            if (entry.slot >= layout::slots) {
                return result<void>(failure(errc::corrupt));
            }
            crc = crc32c(std::as_bytes(std::span(&entry, 1)), crc);
            const auto sum =
                crc_of<block_bytes>(inner_, slot_at(sequence, entry.slot), block_bytes, crc);
            crc = sum ? *sum : crc;
            return sum ? result<void>() : result<void>(failure(sum.error()));
        });
        return done ? result<std::uint32_t>(crc) : failure(done.error());
    }

    /// Copies to where it belongs what a commit wrote. Precondition: it is valid.
    [[nodiscard]] result<void> apply(const superblock& head) {
        if (head.spilled != 0) {
            if (const auto done = apply_spilled(head.sequence); !done) {
                return done;
            }
        }
        const address begin = head_at(head.sequence) + head_bytes;
        const address end = begin + static_cast<address>(head.log_bytes);
        for (address at = begin; at < end;) {
            journal_chunk chunk;
            if (const auto read =
                    read_any(inner_, at, std::as_writable_bytes(std::span(&chunk, 1)));
                !read) {
                return read;
            }
            const auto entries = static_cast<address>(chunk_head<unit>(chunk.entries));
            if (entries > end - at || chunk.bytes > end - at - entries) {
                return failure(errc::corrupt);
            }
            if (const auto done = apply_chunk(at, entries, chunk.entries); !done) {
                return done;
            }
            at += entries + static_cast<address>(chunk.bytes);
        }
        return {};
    }
    /// The same for the commit of that number.
    [[nodiscard]] result<void> apply(std::uint64_t sequence) {
        superblock head;
        auto done =
            read_any(inner_, head_at(sequence), std::as_writable_bytes(std::span(&head, 1)));
        done = done ? head.verify() : done;
        return done ? apply(head) : done;
    }
    /// The roots as of that commit.
    [[nodiscard]] result<void> roots_of(std::uint64_t sequence, std::span<root_entry> roots) {
        superblock head;
        auto done =
            read_any(inner_, head_at(sequence), std::as_writable_bytes(std::span(&head, 1)));
        done = done ? head.verify() : done;
        return done ? read_roots(inner_, head_at(sequence), head, roots) : done;
    }
    [[nodiscard]] result<void> apply_spilled(std::uint64_t sequence) {
        return directory(sequence).for_each([&](const journal_spill& entry) {
            const address to = address{entry.block} * block_bytes;
            if (const auto fits = check_range(size(), to, block_bytes); !fits) {
                return result<void>(failure(errc::corrupt));
            }
            return copy_bytes<block_bytes>(inner_, slot_at(sequence, entry.slot), data_at + to,
                                           block_bytes);
        });
    }

    Storage inner_;

private:
    [[nodiscard]] result<void> apply_chunk(address at, address data, std::uint32_t entries) {
        address from = at + data;
        for (std::uint32_t n = 0; n < entries; ++n) {
            journal_entry entry;
            if (const auto read =
                    read_any(inner_, at + sizeof(journal_chunk) + address{n} * sizeof(entry),
                             std::as_writable_bytes(std::span(&entry, 1)));
                !read) {
                return read;
            }
            const auto count = static_cast<address>(entry.size);
            const auto to = static_cast<address>(entry.at);
            if (!lies_within(size(), to, count)) {
                return failure(errc::corrupt);
            }
            if (const auto done = copy_bytes<block_bytes>(inner_, from, data_at + to, count);
                !done) {
                return done;
            }
            from += count;
        }
        return {};
    }
};

} // namespace vmem::detail

#endif
