// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/bound_residency.hpp>

#include <vmem/residency/paged.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstdint>
#include <doctest/doctest.h>
#include <type_traits>

namespace {

using namespace vmem;
using ram = ram_storage<65536>;

template <class Residency, class... Policies>
using bound = typename detail::bound_residency<Residency, ram, Policies...>::type;
using objects = resident_objects<1024, 8>;

static_assert(std::is_same_v<bound<paged<64, 4>>, paged<64, 4>::bind<ram, std::uint32_t, false>>);
static_assert(std::is_same_v<bound<paged<64, 4>, statistics<true>, address_bits<16>>,
                             paged<64, 4>::bind<ram, std::uint16_t, true>>);
static_assert(std::is_same_v<bound<objects, dirty_limit<100>>,
                             objects::bind_limited<ram, std::uint32_t, false, 100>>);

TEST_CASE("bound_residency: the policies reach the residency") {
    CHECK(bound<objects, dirty_limit<100>>::dirty_limit == 100);
    CHECK(bound<objects>::dirty_limit == 8 * 12 + 1024);
    CHECK(sizeof(bound<paged<64, 4>, statistics<true>>) > sizeof(bound<paged<64, 4>>));
}

// Without a journal and roots nothing comes between a residency and its storage.
template <class Residency, class... Policies>
using storage_of = typename bound<Residency, Policies...>::storage_type;
static_assert(std::is_same_v<storage_of<paged<64, 4>, durability<none>, roots<0>>, ram>);
static_assert(std::is_same_v<storage_of<objects, durability<on_persist>>, ram>);
// Both copies of a superblock with a root, in whole pages.
static_assert(storage_of<paged<64, 4>, roots<1>>::data_at == 320);
static_assert(storage_of<paged<512, 4>, roots<1>>::data_at == 512);
using with_journal = storage_of<paged<64, 4>, durability<journaled<8192>>>;
static_assert(with_journal::block_bytes == 64 && with_journal::data_at == 8192 &&
              with_journal::head_bytes == 128 + 4 * 32);
static_assert(storage_of<paged<8192, 2>, durability<journaled<40960>>>::block_bytes == 4096);
static_assert(storage_of<objects, durability<journaled<8192>>>::block_bytes == 256);
static_assert(storage_of<objects, durability<journaled<8192, 128>>>::block_bytes == 128);
// Pages note down one change per frame at most; of others nobody knows.
template <class Residency>
using changes_of = storage_of<Residency, durability<journaled<1048576>>>;
static_assert(changes_of<paged<64, 4>>::list_size == 4);
static_assert(changes_of<paged<64, 200>>::list_size == 128);
static_assert(changes_of<objects>::list_size == 8 + 8);
using without_blocks = storage_of<paged<64, 4>, durability<journaled_no_steal<8192>>>;
static_assert(without_blocks::no_steal && !without_blocks::steals && with_journal::steals);

static_assert(std::is_same_v<detail::medium_of<bound<paged<64, 4>>>::type, bound<paged<64, 4>>>);
static_assert(std::is_same_v<detail::medium_of<bound<objects>>::type, bound<objects>::medium_type>);

} // namespace
