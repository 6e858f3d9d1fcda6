// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_PARTITION_HPP
#define VMEM_STORAGE_PARTITION_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>
#include <vmem/storage/scattering.hpp>

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

/// Which bytes of a storage a `partition` is: `[offset, offset + size)`.
struct partition_window {
    address offset = 0;
    address size = 0;
};

/// A window of another storage, with addresses of its own from 0. It holds the storage by value;
/// several partitions of one device each take a `storage_ref` to it. Each access costs a range
/// check and one access to the storage. `sync` syncs the whole storage.
///
/// Partitions that overlap overwrite each other; nothing checks for that.
template <class Storage>
class partition {
    static_assert((check_storage<Storage>(), true));
    static_assert(detail::is_valid(storage_traits<Storage>::geometry),
                  "storage_geometry: each size must be a power of two; only erase_size may be 0");

public:
    static constexpr storage_geometry geometry = storage_traits<Storage>::geometry;

    /// Errors: zero_size; out_of_range if the window is not within the storage; misaligned if
    /// its offset or size is not a multiple of each size in `geometry`.
    [[nodiscard]] static constexpr result<partition>
    make(Storage storage,
         partition_window window) noexcept(std::is_nothrow_move_constructible_v<Storage>) {
        if (window.size == 0) {
            return failure(errc::zero_size);
        }
        if (!detail::lies_within(storage.size(), window.offset, window.size)) {
            return failure(errc::out_of_range);
        }
        if ((window.offset | window.size) % detail::border_alignment(geometry) != 0) {
            return failure(errc::misaligned);
        }
        return partition(std::move(storage), window);
    }

    /// Bytes.
    [[nodiscard]] constexpr address size() const noexcept { return window_.size; }

    [[nodiscard]] constexpr result<void> read(address from, std::span<std::byte> out) {
        if (!detail::lies_within(window_.size, from, out.size())) {
            return failure(errc::out_of_range);
        }
        return storage_.read(window_.offset + from, out);
    }
    [[nodiscard]] constexpr result<void> write(address to, std::span<const std::byte> in) {
        if (!detail::lies_within(window_.size, to, in.size())) {
            return failure(errc::out_of_range);
        }
        return storage_.write(window_.offset + to, in);
    }
    [[nodiscard]] constexpr result<void> write_gathered(address to, address count, auto& next)
        requires gathering_storage<Storage>
    {
        if (!detail::lies_within(window_.size, to, count)) {
            return failure(errc::out_of_range);
        }
        return storage_.write_gathered(window_.offset + to, count, next);
    }
    /// As the adapted storage does.
    [[nodiscard]] constexpr result<void> read_scattered(address from, address count, auto& next)
        requires scattering_storage<Storage>
    {
        if (!detail::lies_within(window_.size, from, count)) {
            return failure(errc::out_of_range);
        }
        return storage_.read_scattered(window_.offset + from, count, next);
    }
    [[nodiscard]] constexpr result<void> sync() { return storage_.sync(); }
    [[nodiscard]] constexpr result<void> erase(address at, address count)
        requires detail::has_storage_erase<Storage>
    {
        if (!detail::lies_within(window_.size, at, count)) {
            return failure(errc::out_of_range);
        }
        return storage_.erase(window_.offset + at, count);
    }
    [[nodiscard]] constexpr std::byte* data() noexcept
        requires memory_mapped_storage<Storage>
    {
        return storage_.data() + window_.offset;
    }

    /// Where it lies in the storage adapted (bytes).
    [[nodiscard]] constexpr const partition_window& window() const noexcept { return window_; }

    /// The whole storage.
    /// The storage adapted.
    [[nodiscard]] constexpr Storage& inner() noexcept { return storage_; }
    /// The storage adapted.
    [[nodiscard]] constexpr const Storage& inner() const noexcept { return storage_; }

private:
    constexpr partition(Storage&& storage, partition_window window) noexcept(
        std::is_nothrow_move_constructible_v<Storage>)
        : storage_(std::move(storage)), window_(window) {}

    Storage storage_;
    partition_window window_;
};
static_assert(storage<partition<storage_archetype>>);

} // namespace vmem

#endif
