// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_CONTRACT_FAULTY_HPP
#define VMEM_TEST_CONTRACT_FAULTY_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

/// \file
/// A storage that fails as storages do, when and how a test tells it to. Everything that happens
/// follows from the plan, the operations and the choice of survivors, so every failure can be
/// replayed.
///
///     ram_storage<4096> medium;
///     for (std::uint64_t cut = 0; cut <= writes_in_all; ++cut) {
///         faulty disk{medium, {.cut_after_writes = cut}};
///         run(disk);                          // from here on every operation is power_lost
///         for (std::uint64_t bits = 0; bits < 1u << disk.pending().size(); ++bits) {
///             faulty copy = disk;
///             copy.cut_power(survivors_of(bits, copy.pending().size()));
///             check(copy.medium());           // what the next start finds
///         }
///     }
namespace vmem::contract {

/// Which of the operations of a kind, numbered from 1: from `first` on, `count` of them. Operations
/// that were refused as out_of_range or misaligned have no number.
struct fault_window {
    static constexpr std::uint64_t forever = (std::numeric_limits<std::uint64_t>::max)();

    /// 0: none.
    std::uint64_t first = 0;
    std::uint64_t count = 1;

    [[nodiscard]] constexpr bool contains(std::uint64_t number) const noexcept {
        return first != 0 && number >= first && number - first < count;
    }
};

/// Whether each of the aligned units of `atomic_write_size` bytes that a write touches, in order of
/// address, reaches the medium; those beyond the end of the vector do not.
using landed_units = std::vector<bool>;

/// The first `count` units.
[[nodiscard]] inline landed_units first_units(std::size_t count) {
    return landed_units(count, true);
}

/// A write of which only some units are stored.
struct torn_write {
    /// Number of the write, from 1; 0: none.
    std::uint64_t write = 0;
    landed_units units{};
    /// Whether it is torn because the power goes, so that it returns power_lost; or because the
    /// write fails, so that it returns the plan's write_error and all goes on.
    bool cuts_power = true;
};

/// What goes wrong, and when.
struct fault_plan {
    static constexpr std::uint64_t never = fault_window::forever;

    /// Reads that fail. They leave junk in the span they were given.
    fault_window fail_reads{};
    /// Writes that fail, and store nothing.
    fault_window fail_writes{};
    /// Syncs that fail; what was pending stays so.
    fault_window fail_syncs{};
    /// Writes that report success and store nothing.
    fault_window drop_writes{};
    /// Syncs that report success and make nothing durable.
    fault_window drop_syncs{};
    torn_write tear{};
    /// After this many writes the power goes.
    std::uint64_t cut_after_writes = never;
    /// After this many writes and syncs the power goes: every point at which it can make a
    /// difference, from 0 on.
    std::uint64_t cut_after_steps = never;
    /// Of writes that fail.
    errc write_error = errc::write_failed;
};

/// A write, or a part of a torn one, that is not yet durable.
struct pending_write {
    address at = 0;
    std::vector<std::byte> bytes;
};

/// A pending write that reaches the medium nevertheless when the power goes.
struct landing {
    /// Index into `pending()`.
    std::size_t write = 0;
    /// All, unless it is torn.
    std::optional<landed_units> units{};
};

/// Which pending writes reach the medium, in the order in which they do.
using survivors = std::vector<landing>;

/// Of `count` pending writes, those whose bit is set; bit 0 is the oldest. Precondition: `count` is
/// at most 64.
[[nodiscard]] inline survivors survivors_of(std::uint64_t bits, std::size_t count) {
    survivors chosen;
    for (std::size_t write = 0; write < count; ++write) {
        if ((bits >> write & 1) != 0) {
            chosen.push_back({.write = write});
        }
    }
    return chosen;
}

/// All of `count` pending writes, in order.
[[nodiscard]] inline survivors all_survive(std::size_t count) {
    survivors chosen(count);
    for (std::size_t write = 0; write < count; ++write) {
        chosen[write].write = write;
    }
    return chosen;
}

/// A storage over a healthy `Storage`, the medium, with a cache of its own: reads see every write,
/// the medium gets it at the next sync. `Geometry` may be coarser than the medium's, and may have
/// any `atomic_write_size`; accesses that do not keep to it are misaligned. Copyable if the medium
/// is, so that one state may be continued in several ways.
template <class Storage, storage_geometry Geometry = storage_traits<Storage>::geometry>
class faulty : public vmem::detail::adapted_capacity<Storage> {
    static_assert((check_storage<Storage>(), true));
    using traits = storage_traits<Storage>;
    static_assert(vmem::detail::is_valid(Geometry) && Geometry.read_size >= traits::read_size &&
                      Geometry.write_size >= traits::write_size,
                  "faulty: Geometry must consist of powers of two, none finer than the medium's");
    static_assert(Geometry.erase_size == 0,
                  "faulty: media that need erasing are not modelled; use it above the layer that "
                  "erases");

public:
    static constexpr storage_geometry geometry = Geometry;

    explicit faulty(Storage medium, fault_plan plan = {})
        : medium_(std::move(medium)), plan_(std::move(plan)) {
        watch_power();
    }

    /// Bytes.
    [[nodiscard]] address size() const noexcept { return medium_.size(); }

    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        if (const auto valid = check(from, out.size(), geometry.read_size); !valid) {
            return valid;
        }
        if (plan_.fail_reads.contains(++reads_)) {
            std::ranges::fill(out, junk);
            return failure(errc::read_failed);
        }
        const result<void> done = medium_.read(from, out);
        for (const pending_write& write : pending_) {
            overlay(out, from, write);
        }
        return done;
    }

    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        if (const auto valid = check(to, in.size(), geometry.write_size); !valid) {
            return valid;
        }
        ++writes_;
        const result<void> done = store(to, in);
        watch_power();
        return done;
    }

    [[nodiscard]] result<void> sync() {
        if (!powered_) {
            return failure(errc::power_lost);
        }
        ++syncs_;
        const result<void> done = settle();
        watch_power();
        return done;
    }

    /// Replaces the plan; operations are numbered anew from here on. What is pending stays so.
    void set_plan(fault_plan plan) {
        plan_ = std::move(plan);
        reads_ = writes_ = syncs_ = 0;
        watch_power();
    }

    /// Starts again after a power cut, with what is on the medium; whatever is pending is lost.
    void power_on(fault_plan plan = {}) {
        pending_.clear();
        powered_ = true;
        set_plan(std::move(plan));
    }

    /// Operations since the plan was set, those that failed included.
    [[nodiscard]] std::uint64_t reads() const noexcept { return reads_; }
    [[nodiscard]] std::uint64_t writes() const noexcept { return writes_; }
    [[nodiscard]] std::uint64_t syncs() const noexcept { return syncs_; }

    /// False from the moment the power goes.
    [[nodiscard]] bool powered() const noexcept { return powered_; }

    /// What is not durable, oldest first. After the power has gone as planned, these are the writes
    /// whose fate is still open.
    [[nodiscard]] const std::vector<pending_write>& pending() const noexcept { return pending_; }

    /// The power goes, if it has not yet; of the pending writes, those that are `chosen` reach the
    /// medium, in that order, and the others are lost. Errors: those of the medium.
    result<void> cut_power(const survivors& chosen = {}) {
        powered_ = false;
        result<void> outcome;
        for (const landing& one : chosen) {
            if (const auto done = land(pending_.at(one.write), one.units); !done && outcome) {
                outcome = done;
            }
        }
        pending_.clear();
        return outcome;
    }

    /// What is durable. Once the power has gone: what the next start finds.
    [[nodiscard]] Storage& medium() noexcept { return medium_; }
    [[nodiscard]] const Storage& medium() const noexcept { return medium_; }

private:
    static constexpr std::byte junk{0xEE};

    [[nodiscard]] result<void> check(address at, std::size_t count, std::size_t alignment) const {
        if (!powered_) {
            return failure(errc::power_lost);
        }
        if (const auto fits = vmem::detail::check_range(size(), at, count); !fits) {
            return fits;
        }
        if (at % alignment != 0 || count % alignment != 0) {
            return failure(errc::misaligned);
        }
        return {};
    }

    void watch_power() noexcept {
        powered_ = powered_ && writes_ < plan_.cut_after_writes &&
                   writes_ + syncs_ < plan_.cut_after_steps;
    }

    /// Accepts a write, or does what the plan has for it.
    [[nodiscard]] result<void> store(address to, std::span<const std::byte> in) {
        if (plan_.tear.write == writes_) {
            tear(to, in);
            powered_ = !plan_.tear.cuts_power;
            return failure(plan_.tear.cuts_power ? errc::power_lost : plan_.write_error);
        }
        if (plan_.fail_writes.contains(writes_)) {
            return failure(plan_.write_error);
        }
        if (!plan_.drop_writes.contains(writes_) && !in.empty()) {
            pending_.push_back({.at = to, .bytes = {in.begin(), in.end()}});
        }
        return {};
    }

    void tear(address to, std::span<const std::byte> in) {
        for_units(to, in.size(), plan_.tear.units, [&](std::size_t begin, std::size_t count) {
            const auto part = in.subspan(begin, count);
            pending_.push_back({.at = to + begin, .bytes = {part.begin(), part.end()}});
        });
    }

    [[nodiscard]] result<void> settle() {
        if (plan_.fail_syncs.contains(syncs_)) {
            return failure(errc::sync_failed);
        }
        if (plan_.drop_syncs.contains(syncs_)) {
            return {};
        }
        for (const pending_write& write : pending_) {
            if (const auto done = land(write, std::nullopt); !done) {
                return done;
            }
        }
        pending_.clear();
        return medium_.sync();
    }

    /// Puts a write, or some units of it, on the medium.
    [[nodiscard]] result<void> land(const pending_write& write,
                                    const std::optional<landed_units>& units) {
        // The medium may not be able to write, or even to read, as little as one unit.
        constexpr std::size_t step = (std::max)(traits::read_size, traits::write_size);
        const address begin = write.at - write.at % step;
        const address behind = write.at + write.bytes.size() + step - 1;
        std::vector<std::byte> bytes(static_cast<std::size_t>(behind - behind % step - begin));
        if (const auto done = medium_.read(begin, bytes); !done) {
            return done;
        }
        if (!units) {
            overlay(bytes, begin, write);
        } else {
            for_units(write.at, write.bytes.size(), *units,
                      [&](std::size_t offset, std::size_t count) {
                          std::copy_n(&write.bytes[offset], count,
                                      &bytes[static_cast<std::size_t>(write.at - begin) + offset]);
                      });
        }
        return medium_.write(begin, bytes);
    }

    /// Calls `use(offset, count)` for each unit of `[at, at + count)` that lands.
    template <class Use>
    static void for_units(address at, std::size_t count, const landed_units& units, Use use) {
        std::size_t offset = 0;
        for (std::size_t unit = 0; unit < units.size() && offset < count; ++unit) {
            const auto rest = static_cast<std::size_t>(geometry.atomic_write_size -
                                                       (at + offset) % geometry.atomic_write_size);
            const std::size_t length = (std::min)(rest, count - offset);
            if (units[unit]) {
                use(offset, length);
            }
            offset += length;
        }
    }

    /// Copies what `write` has of `[from, from + out.size())`.
    static void overlay(std::span<std::byte> out, address from, const pending_write& write) {
        const address begin = (std::max)(from, write.at);
        const address end = (std::min)(from + out.size(), write.at + write.bytes.size());
        if (begin < end) {
            std::copy_n(&write.bytes[static_cast<std::size_t>(begin - write.at)],
                        static_cast<std::size_t>(end - begin),
                        &out[static_cast<std::size_t>(begin - from)]);
        }
    }

    Storage medium_;
    fault_plan plan_;
    std::vector<pending_write> pending_;
    std::uint64_t reads_ = 0;
    std::uint64_t writes_ = 0;
    std::uint64_t syncs_ = 0;
    bool powered_ = true;
};

} // namespace vmem::contract

#endif
