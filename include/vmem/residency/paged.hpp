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

/// Pages move one by one.
struct one_by_one {
    static constexpr std::size_t pages = 1;
};

/// Reads ahead and writes behind, up to `Pages` at a time, for storages that transfer many bytes in
/// one operation sooner than in several. A page that comes in after two of its predecessors brings
/// as many successors along as there are predecessors in RAM; a page that is written back takes
/// its neighbours with it that have changed from end to end. One storage operation each, if the
/// storage is `scattering_storage` and `gathering_storage`; else one for each stretch of frames
/// that follow each other. No RAM; what an access costs that finds its page is as without.
template <std::size_t Pages>
struct sequential {
    static_assert(Pages >= 2, "sequential: needs at least 2 pages at a time");
    static constexpr std::size_t pages = Pages;
};

/// Residency of `heap<>`: virtual memory in pages of `PageSize` bytes (a power of two), `Frames` of
/// which are in RAM at a time. `Eviction` chooses the page that leaves; `Translation` is
/// `page_table<Pages>` (fastest), `page_map` (RAM independent of the virtual size) or chosen
/// automatically; `Transfer` is `one_by_one` or `sequential<Pages>`.
template <std::size_t PageSize, std::size_t Frames, template <std::size_t> class Eviction = clock,
          class Translation = automatic_translation, class Transfer = one_by_one>
struct paged {
    /// The cache for a storage and an address type.
    template <class Storage, class Address, bool Statistics>
    using bind = page_cache<Storage, Address, PageSize, Frames, Eviction,
                            typename detail::choose_translation<
                                Translation, detail::most_pages<Storage, Address, PageSize>(),
                                Frames, PageSize * Frames>::type,
                            Statistics, Transfer::pages>;
};

} // namespace vmem

#endif
