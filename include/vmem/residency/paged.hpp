// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_PAGED_HPP
#define VMEM_RESIDENCY_PAGED_HPP

#include <vmem/config.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/residency/page_cache.hpp>
#include <vmem/residency/translation.hpp>
#include <vmem/storage/concept.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace vmem {

namespace detail {

/// Pages of the storage if its type says so, else what the address type can reach.
template <class Storage, class Address, std::size_t PageSize>
[[nodiscard]] consteval std::uintmax_t most_pages() {
    if constexpr (fixed_size_storage<Storage>) {
        return Storage::capacity / PageSize;
    } else {
        return (std::numeric_limits<Address>::max)() / PageSize + std::uintmax_t{1};
    }
}

template <class Translation, std::uintmax_t Pages, std::size_t Frames, std::size_t FrameBytes>
struct choose_translation {
    using type = Translation;
};
template <std::uintmax_t Pages, std::size_t Frames, std::size_t FrameBytes>
struct choose_translation<automatic_translation, Pages, Frames, FrameBytes> {
    static constexpr bool table_is_small =
        Pages <= FrameBytes / 8 / sizeof(smallest_uint<Frames - 1>);
    using type = std::conditional_t<
        table_is_small, page_table<table_is_small ? static_cast<std::size_t>(Pages) : 1>, page_map>;
};

} // namespace detail

/// Residency of `heap<>`: virtual memory in pages of `PageSize` bytes (a power of two), `Frames` of
/// which are in RAM at a time. `Eviction` chooses the page that leaves; `Translation` is
/// `page_table<Pages>` (fastest), `page_map` (RAM independent of the virtual size) or chosen
/// automatically.
template <std::size_t PageSize, std::size_t Frames, template <std::size_t> class Eviction = clock,
          class Translation = automatic_translation>
struct paged {
    /// The cache for a storage and an address type.
    template <class Storage, class Address, bool Statistics>
    using bind = page_cache<Storage, Address, PageSize, Frames, Eviction,
                            typename detail::choose_translation<
                                Translation, detail::most_pages<Storage, Address, PageSize>(),
                                Frames, PageSize * Frames>::type,
                            Statistics>;
};

} // namespace vmem

#endif
