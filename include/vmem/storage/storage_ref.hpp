// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_STORAGE_REF_HPP
#define VMEM_STORAGE_STORAGE_REF_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>
#include <vmem/storage/scattering.hpp>

#include <cstddef>
#include <span>

namespace vmem {

/// A reference to a storage that is a storage itself: for a storage that must stay where it is,
/// outlive its user, or be shared. Copyable, one pointer large; everything is forwarded, at the
/// cost of nothing but the indirection. Precondition of each call: the storage is alive.
template <class Storage>
class storage_ref : public detail::adapted_capacity<Storage> {
    static_assert((check_storage<Storage>(), true));

public:
    static constexpr storage_geometry geometry = storage_traits<Storage>::geometry;

    constexpr storage_ref(Storage& storage) noexcept : storage_(&storage) {}

    /// Bytes.
    [[nodiscard]] constexpr address size() const noexcept { return storage_->size(); }
    [[nodiscard]] constexpr result<void> read(address from, std::span<std::byte> out) const {
        return storage_->read(from, out);
    }
    [[nodiscard]] constexpr result<void> write(address to, std::span<const std::byte> in) const {
        return storage_->write(to, in);
    }
    [[nodiscard]] constexpr result<void> write_gathered(address to, address count, auto& next) const
        requires gathering_storage<Storage>
    {
        return storage_->write_gathered(to, count, next);
    }
    /// As the adapted storage does.
    [[nodiscard]] constexpr result<void> read_scattered(address from, address count,
                                                        auto& next) const
        requires scattering_storage<Storage>
    {
        return storage_->read_scattered(from, count, next);
    }
    [[nodiscard]] constexpr result<void> sync() const { return storage_->sync(); }
    [[nodiscard]] constexpr result<void> erase(address at, address count) const
        requires detail::has_storage_erase<Storage>
    {
        return storage_->erase(at, count);
    }
    [[nodiscard]] constexpr std::byte* data() const noexcept
        requires memory_mapped_storage<Storage>
    {
        return storage_->data();
    }

    /// The storage that is referred to.
    [[nodiscard]] constexpr Storage& inner() const noexcept { return *storage_; }

private:
    Storage* storage_;
};
static_assert(storage<storage_ref<storage_archetype>>);

} // namespace vmem

#endif
