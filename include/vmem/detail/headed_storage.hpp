// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_HEADED_STORAGE_HPP
#define VMEM_DETAIL_HEADED_STORAGE_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>
#include <vmem/storage/scattering.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem::detail {

template <class Storage, address HeadBytes>
struct headed_capacity {};
template <class Storage, address HeadBytes>
    requires(fixed_size_storage<Storage> && Storage::capacity > HeadBytes)
struct headed_capacity<Storage, HeadBytes> {
    static constexpr address capacity = Storage::capacity - HeadBytes;
};

/// A storage without its first `HeadBytes`: there a heap keeps its superblock, with roots.
template <class Storage, address HeadBytes>
class headed_storage : public headed_capacity<Storage, HeadBytes> {
public:
    static constexpr storage_geometry geometry = storage_traits<Storage>::geometry;
    /// Where virtual memory begins.
    static constexpr address data_at = HeadBytes;

    constexpr headed_storage()
        requires std::default_initializable<Storage>
    = default;
    // NOLINTNEXTLINE(google-explicit-constructor): it is the storage, to its user
    constexpr headed_storage(Storage storage) noexcept(
        std::is_nothrow_move_constructible_v<Storage>)
        : inner_(std::move(storage)) {}

    [[nodiscard]] constexpr address size() const noexcept {
        return inner_.size() < HeadBytes ? 0 : inner_.size() - HeadBytes;
    }
    [[nodiscard]] constexpr result<void> read(address from, std::span<std::byte> out) {
        const auto fits = check_range(size(), from, out.size());
        return fits ? inner_.read(HeadBytes + from, out) : fits;
    }
    [[nodiscard]] constexpr result<void> write(address to, std::span<const std::byte> in) {
        const auto fits = check_range(size(), to, in.size());
        return fits ? inner_.write(HeadBytes + to, in) : fits;
    }
    [[nodiscard]] constexpr result<void> write_gathered(address to, address count, auto& next)
        requires gathering_storage<Storage>
    {
        const auto fits = check_range(size(), to, count);
        return fits ? inner_.write_gathered(HeadBytes + to, count, next) : fits;
    }
    [[nodiscard]] constexpr result<void> read_scattered(address from, address count, auto& next)
        requires scattering_storage<Storage>
    {
        const auto fits = check_range(size(), from, count);
        return fits ? inner_.read_scattered(HeadBytes + from, count, next) : fits;
    }
    [[nodiscard]] constexpr result<void> sync() { return inner_.sync(); }
    [[nodiscard]] constexpr std::byte* data() noexcept
        requires memory_mapped_storage<Storage>
    {
        return inner_.data() + HeadBytes;
    }

    /// The storage adapted.
    [[nodiscard]] constexpr Storage& inner() noexcept { return inner_; }
    [[nodiscard]] constexpr const Storage& inner() const noexcept { return inner_; }

private:
    Storage inner_;
};
static_assert(storage<headed_storage<storage_archetype, 128>>);

} // namespace vmem::detail

#endif
