// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/concept.hpp>

#include <cstddef>
#include <doctest/doctest.h>
#include <limits>
#include <span>

namespace {

using vmem::address;
using vmem::errc;
using vmem::result;
using vmem::storage_archetype;
using vmem::storage_geometry;
using vmem::storage_traits;

static_assert(vmem::storage<storage_archetype>);
static_assert(!vmem::memory_mapped_storage<storage_archetype>);
static_assert(!vmem::fixed_size_storage<storage_archetype>);
static_assert((vmem::check_storage<storage_archetype>(), true));

// One member each is not what it must be; the others come from the archetype.

struct size_may_throw : storage_archetype {
    [[nodiscard]] address size() const;
};
static_assert(!vmem::storage<size_may_throw>);

struct size_not_const : storage_archetype {
    [[nodiscard]] address size() noexcept;
};
static_assert(!vmem::storage<size_not_const>);

struct size_is_no_number : storage_archetype {
    [[nodiscard]] void* size() const noexcept;
};
static_assert(!vmem::storage<size_is_no_number>);

struct read_returns_bool : storage_archetype {
    [[nodiscard]] bool read(address from, std::span<std::byte> out);
};
static_assert(!vmem::storage<read_returns_bool>);

struct read_into_four_bytes : storage_archetype {
    [[nodiscard]] result<void> read(address from, std::span<std::byte, 4> out);
};
static_assert(!vmem::storage<read_into_four_bytes>);

struct write_takes_mutable : storage_archetype {
    [[nodiscard]] result<void> write(address to, std::span<std::byte> in);
};
static_assert(!vmem::storage<write_takes_mutable>);

struct sync_returns_nothing : storage_archetype {
    void sync();
};
static_assert(!vmem::storage<sync_returns_nothing>);

struct sync_is_private : storage_archetype {
private:
    [[nodiscard]] result<void> sync();
};
static_assert(!vmem::storage<sync_is_private>);

static_assert(!vmem::storage<const storage_archetype>, "reading may change a device's state");
static_assert(!vmem::storage<int> && !vmem::storage<void>);

struct smaller_address : storage_archetype {
    [[nodiscard]] unsigned short size() const noexcept;
};
static_assert(vmem::storage<smaller_address>, "a size that converts to an address will do");

struct mapped : storage_archetype {
    [[nodiscard]] std::byte* data() noexcept;
};
static_assert(vmem::memory_mapped_storage<mapped>);

struct mapped_may_throw : storage_archetype {
    [[nodiscard]] std::byte* data();
};
static_assert(!vmem::memory_mapped_storage<mapped_may_throw>);

struct mapped_as_char : storage_archetype {
    [[nodiscard]] char* data() noexcept;
};
static_assert(!vmem::memory_mapped_storage<mapped_as_char>);

struct fixed : storage_archetype {
    static constexpr address capacity = 1;
};
static_assert(vmem::fixed_size_storage<fixed>);

struct fixed_and_empty : storage_archetype {
    static constexpr address capacity = 0;
};
static_assert(!vmem::fixed_size_storage<fixed_and_empty>);

struct sized_at_run_time : storage_archetype {
    address capacity = 1;
};
static_assert(!vmem::fixed_size_storage<sized_at_run_time>);

static_assert(storage_traits<storage_archetype>::read_size == 1 &&
              storage_traits<storage_archetype>::write_size == 1 &&
              storage_traits<storage_archetype>::erase_size == 0 &&
              storage_traits<storage_archetype>::atomic_write_size == 1);

struct sectored : storage_archetype {
    static constexpr storage_geometry geometry = {.write_size = 512, .atomic_write_size = 512};
};
static_assert(storage_traits<sectored>::read_size == 1 &&
              storage_traits<sectored>::write_size == 512 &&
              storage_traits<sectored>::erase_size == 0 &&
              storage_traits<sectored>::atomic_write_size == 512);

TEST_CASE("check_range: within, at the end, and past it") {
    using vmem::detail::check_range;
    constexpr address highest = (std::numeric_limits<address>::max)();
    constexpr std::size_t most = (std::numeric_limits<std::size_t>::max)();
    CHECK(check_range(100, 0, 100).has_value());
    CHECK(check_range(100, 99, 1).has_value());
    CHECK(check_range(100, 100, 0).has_value());
    CHECK(check_range(0, 0, 0).has_value());
    CHECK(check_range(highest, highest, 0).has_value());
    CHECK(check_range(100, 101, 0).error() == errc::out_of_range);
    CHECK(check_range(100, 99, 2).error() == errc::out_of_range);
    CHECK(check_range(100, 1, most).error() == errc::out_of_range);
    CHECK(check_range(100, highest, 1).error() == errc::out_of_range);
    CHECK(check_range(100, highest, most).error() == errc::out_of_range);
    CHECK(check_range(0, 0, 1).error() == errc::out_of_range);
}

} // namespace
