// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_COUNTED_HPP
#define VMEM_STORAGE_COUNTED_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>
#include <vmem/storage/scattering.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

/// What a `counted` storage has seen. Operations count when they are tried, bytes when the
/// operation succeeds: how much of a failed one was transferred is not known.
struct storage_counts {
    std::uint64_t reads = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t writes = 0;
    std::uint64_t bytes_written = 0;
    std::uint64_t syncs = 0;
    std::uint64_t erases = 0;
    std::uint64_t bytes_erased = 0;

    [[nodiscard]] friend constexpr bool operator==(const storage_counts&,
                                                   const storage_counts&) = default;
};

/// A storage that counts what is asked of it and passes it on unchanged; a few additions per
/// operation. Accesses through `data()`, where the storage is memory-mapped, are no operations and
/// are not seen.
template <class Storage>
class counted : public detail::adapted_capacity<Storage> {
    static_assert((check_storage<Storage>(), true));

public:
    static constexpr storage_geometry geometry = storage_traits<Storage>::geometry;

    constexpr counted()
        requires std::default_initializable<Storage>
    = default;
    constexpr explicit counted(Storage storage) noexcept(
        std::is_nothrow_move_constructible_v<Storage>)
        : storage_(std::move(storage)) {}

    /// Bytes.
    [[nodiscard]] constexpr address size() const noexcept { return storage_.size(); }

    [[nodiscard]] constexpr result<void> read(address from, std::span<std::byte> out) {
        ++counts_.reads;
        const result<void> done = storage_.read(from, out);
        counts_.bytes_read += done ? out.size() : 0;
        return done;
    }
    [[nodiscard]] constexpr result<void> write(address to, std::span<const std::byte> in) {
        ++counts_.writes;
        const result<void> done = storage_.write(to, in);
        counts_.bytes_written += done ? in.size() : 0;
        return done;
    }
    [[nodiscard]] constexpr result<void> write_gathered(address to, address count, auto& next)
        requires gathering_storage<Storage>
    {
        ++counts_.writes;
        const result<void> done = storage_.write_gathered(to, count, next);
        counts_.bytes_written += done ? count : 0;
        return done;
    }
    /// As the adapted storage does.
    [[nodiscard]] constexpr result<void> read_scattered(address from, address count, auto& next)
        requires scattering_storage<Storage>
    {
        ++counts_.reads;
        const result<void> done = storage_.read_scattered(from, count, next);
        counts_.bytes_read += done ? count : 0;
        return done;
    }
    [[nodiscard]] constexpr result<void> sync() {
        ++counts_.syncs;
        return storage_.sync();
    }
    [[nodiscard]] constexpr result<void> erase(address at, address count)
        requires detail::has_storage_erase<Storage>
    {
        ++counts_.erases;
        const result<void> done = storage_.erase(at, count);
        counts_.bytes_erased += done ? count : 0;
        return done;
    }
    [[nodiscard]] constexpr std::byte* data() noexcept
        requires memory_mapped_storage<Storage>
    {
        return storage_.data();
    }

    /// Since construction, or since the last `reset_counts`.
    [[nodiscard]] constexpr const storage_counts& counts() const noexcept { return counts_; }
    /// Counts from zero again.
    constexpr void reset_counts() noexcept { counts_ = {}; }

    /// The storage itself; accesses to it are not counted.
    /// The storage adapted.
    [[nodiscard]] constexpr Storage& inner() noexcept { return storage_; }
    /// The storage adapted.
    [[nodiscard]] constexpr const Storage& inner() const noexcept { return storage_; }

private:
    Storage storage_;
    storage_counts counts_{};
};
static_assert(storage<counted<storage_archetype>>);

} // namespace vmem

#endif
