// SPDX-License-Identifier: BSL-1.0
// A module that is not vmem's own, put to the suite that vmem's own modules pass.
#include <array>
#include <cstddef>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <vmem/contract/eviction_contract.hpp>

namespace {

/// Evicts the evictable slot with the lowest number.
template <std::size_t Slots>
class lowest {
public:
    void on_insert(std::size_t slot) noexcept { held_[slot] = true; }
    void on_access(std::size_t) noexcept {}
    void on_remove(std::size_t slot) noexcept { held_[slot] = false; }

    template <class Evictable>
    std::size_t victim(Evictable evictable) noexcept {
        std::size_t slot = 0;
        while (slot < Slots && !(held_[slot] && evictable(slot))) {
            ++slot;
        }
        return slot;
    }

private:
    std::array<bool, Slots> held_{};
};
static_assert(vmem::eviction_policy<lowest<8>>);

TEST_CASE("lowest: contract") {
    vmem::contract::check_eviction_contract<lowest>();
}

} // namespace
