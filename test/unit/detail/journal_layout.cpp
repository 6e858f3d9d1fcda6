// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/journal_layout.hpp>

#include <vmem/detail/bound_residency.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <vector>

namespace {

template <std::size_t Unit>
struct disk : vmem::ram_storage<65536> {
    static constexpr vmem::storage_geometry geometry{
        .read_size = Unit, .write_size = Unit, .erase_size = 0, .atomic_write_size = Unit};
};

/// Everything in a half is where it must be: nothing overlaps, nothing is between two units.
template <std::size_t Unit, std::size_t Journal, std::size_t Block, std::size_t Filter,
          std::size_t Roots>
void check_layout() {
    using layout =
        vmem::detail::journal_layout<disk<Unit>,
                                     vmem::detail::journal_shape<Journal, Block, Filter, Roots>>;
    CAPTURE(Unit);
    CAPTURE(Journal);
    CAPTURE(Block);
    CHECK(layout::data_at <= Journal);
    CHECK(layout::head_at(6) == 0);
    CHECK(layout::head_at(7) == layout::half);
    CHECK(layout::head_bytes >= sizeof(vmem::superblock) + Roots * sizeof(vmem::root_entry));
    for (const vmem::address at :
         {layout::half, vmem::address{layout::head_bytes}, layout::slots_end, layout::data_at}) {
        CHECK(at % Unit == 0);
    }
    CHECK(layout::half % Block == 0);
    if constexpr (Filter == 0) {
        CHECK(layout::slots == 0);
        CHECK(layout::slots_end == layout::half);
        CHECK(layout::log_room(0) == layout::half);
    } else {
        CHECK(layout::slots_end + layout::directory_type::size <= layout::half);
        std::vector<bool> used(layout::half);
        for (std::uint32_t slot = 0; slot < layout::slots; ++slot) {
            const vmem::address at = layout::slot_at(1, slot) - layout::half;
            CHECK(at % Unit == 0);
            REQUIRE(at >= layout::head_bytes);
            REQUIRE(at + Block <= layout::slots_end);
            CHECK_FALSE(used[at]);
            used[at] = true;
            // The log never reaches a copy.
            CHECK(layout::log_room(slot + 1) == at);
        }
        // The directory always has an empty entry.
        CHECK(layout::directory_type::groups * layout::directory_type::per_group > layout::slots);
    }
}

TEST_CASE("journal_layout: nothing overlaps, whatever the shape") {
    check_layout<1, 8192, 64, 8, 0>();
    check_layout<1, 10000, 64, 256, 1>();
    check_layout<64, 14336, 128, 256, 4>();
    check_layout<512, 32768, 512, 64, 4>();
    check_layout<512, 65536, 4096, 64, 40>();
    check_layout<1, 8192, 64, 0, 0>();
    check_layout<512, 32768, 512, 0, 4>();
}

} // namespace
