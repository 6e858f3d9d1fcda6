// SPDX-License-Identifier: BSL-1.0
// What the compositions cost in RAM, as docs/residency/paged.md and docs/policies.md promise.

#include <vmem/vmem.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace {

template <class Heap>
inline constexpr bool pointer_is_bare =
    sizeof(vmem::vptr<int, Heap>) == sizeof(typename Heap::address_type) &&
    std::is_trivially_copyable_v<vmem::vptr<int, Heap>> &&
    std::is_standard_layout_v<vmem::vptr<int, Heap>>;

/// Largest size allowed: storage, frames, 24 bytes a frame, an index per page or per frame, and
/// 160.
template <class Heap, std::size_t Indices, std::size_t IndexBytes>
consteval bool is_small() {
    using cache = typename Heap::residency_type;
    constexpr std::size_t frames = cache::frame_count;
    return sizeof(Heap) <= sizeof(typename Heap::storage_type) + frames * cache::page_size +
                               24 * frames + Indices * IndexBytes + 160;
}

template <std::size_t PageSize, std::size_t Frames, template <std::size_t> class Eviction,
          unsigned Bits>
consteval bool composition_is_small() {
    constexpr std::size_t pages = Bits == 16 ? 65536 / PageSize : 4 * Frames + 2;
    constexpr std::size_t index = Frames <= 256 ? 1 : 2;
    using allocator =
        std::conditional_t<Bits == 64, vmem::basic_nonresident_linked_list_allocator<std::uint64_t>,
                           vmem::nonresident_linked_list_allocator>;
    using storage = vmem::storage_ref<vmem::ram_storage<1 << 16>>;
    using with_table =
        vmem::heap<storage, vmem::paged<PageSize, Frames, Eviction, vmem::page_table<pages>>,
                   allocator, vmem::address_bits<Bits>>;
    using with_map = vmem::heap<storage, vmem::paged<PageSize, Frames, Eviction, vmem::page_map>,
                                allocator, vmem::address_bits<Bits>>;
    static_assert(pointer_is_bare<with_table> && pointer_is_bare<with_map>);
    static_assert(is_small<with_table, pages, index>());
    // A map has one index per frame, which may need a bit more than the frame's number.
    static_assert(is_small < with_map, Frames, Frames<256 ? 1 : 2>());
    return true;
}

template <std::size_t PageSize, template <std::size_t> class Eviction, std::size_t... Frames>
consteval bool compositions_are_small(std::index_sequence<Frames...>) {
    return (composition_is_small<PageSize, Frames, Eviction, 16>() && ...) &&
           (composition_is_small<PageSize, Frames, Eviction, 32>() && ...) &&
           (composition_is_small<PageSize, Frames, Eviction, 64>() && ...);
}

using frame_counts = std::index_sequence<1, 3, 8, 256, 257>;
template <template <std::size_t> class Eviction>
inline constexpr bool policy_is_small = compositions_are_small<64, Eviction>(frame_counts{}) &&
                                        compositions_are_small<512, Eviction>(frame_counts{});
static_assert(policy_is_small<vmem::fifo>);
static_assert(policy_is_small<vmem::lru>);
static_assert(policy_is_small<vmem::clock>);
static_assert(policy_is_small<vmem::sieve>);
static_assert(policy_is_small<vmem::random_eviction>);

using usual =
    vmem::heap<vmem::file_storage, vmem::paged<512, 8>, vmem::nonresident_linked_list_allocator>;
using narrow = vmem::heap<vmem::ram_storage<4096>, vmem::paged<64, 4>,
                          vmem::nonresident_linked_list_allocator, vmem::address_bits<16>>;

using counting = vmem::heap<vmem::file_storage, vmem::paged<512, 8>,
                            vmem::nonresident_linked_list_allocator, vmem::statistics<true>>;

} // namespace

TEST_CASE("sizeof: pointers are their address") {
    CHECK(sizeof(vmem::vptr<int, usual>) == 4);
    CHECK(sizeof(vmem::vptr<int, narrow>) == 2);
    CHECK(alignof(vmem::vptr<int, narrow>) == 2);
    CHECK(sizeof(vmem::vref<int, usual>) == 4);
}

TEST_CASE("sizeof: 4 KiB of frames cost less than 256 bytes more") {
    CHECK(sizeof(usual) < 4096 + 256);
    // 40 bytes, of which both sizes round up to what the most demanding type is aligned to.
    CHECK(sizeof(counting) <= sizeof(usual) + 48);
    CHECK(sizeof(vmem::nonresident_linked_list_allocator) <= 12);
}
