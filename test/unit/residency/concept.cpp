// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/concept.hpp>

#include <vmem/eviction/clock.hpp>
#include <vmem/residency/page_cache.hpp>
#include <vmem/residency/translation.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <span>

namespace {

using vmem::access;
using vmem::address;
using vmem::pinned_bytes;
using vmem::result;

struct storing {
    [[nodiscard]] address size() const noexcept;
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out);
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in);
    [[nodiscard]] result<void> sync();
};
struct starting {
    [[nodiscard]] result<void> start(address end);
    void stop() noexcept;
};
struct pinning {
    [[nodiscard]] result<pinned_bytes> pin(address at, std::size_t count, std::size_t unit,
                                           access how);
    void unpin(std::size_t slot) noexcept;
};
struct copying {
    [[nodiscard]] result<pinned_bytes> copy_out(address from, std::size_t count);
    [[nodiscard]] result<void> put_back(const pinned_bytes& copy, address to);
    void discard(const pinned_bytes& copy) noexcept;
};
struct reserving {
    [[nodiscard]] result<void> read_reserved(std::span<std::byte> out);
    [[nodiscard]] result<void> write_reserved(std::span<const std::byte> in);
};

template <class... Parts>
struct made_of : Parts... {};

// Each part is needed, and nothing else is.
static_assert(vmem::residency<made_of<storing, starting, pinning, copying, reserving>>);
static_assert(!vmem::residency<made_of<starting, pinning, copying, reserving>>);
static_assert(!vmem::residency<made_of<storing, pinning, copying, reserving>>);
static_assert(!vmem::residency<made_of<storing, starting, copying, reserving>>);
static_assert(!vmem::residency<made_of<storing, starting, pinning, reserving>>);
static_assert(!vmem::residency<made_of<storing, starting, pinning, copying>>);
static_assert((vmem::check_residency<made_of<storing, starting, pinning, copying, reserving>>(),
               true));

// What must not fail must say so.
struct throwing_unpin : pinning {
    void unpin(std::size_t slot);
};
static_assert(!vmem::residency<made_of<storing, starting, throwing_unpin, copying, reserving>>);

static_assert(vmem::residency<vmem::page_cache<vmem::ram_storage<1024>, std::uint32_t, 64, 4,
                                               vmem::clock, vmem::page_map, false>>);
static_assert(!vmem::residency<vmem::ram_storage<1024>>);

TEST_CASE("residency: counts start at zero") {
    const vmem::paging_statistics none;
    CHECK(none.accesses + none.page_ins + none.write_backs + none.bytes_read + none.bytes_written ==
          0);
}

} // namespace
