// SPDX-License-Identifier: BSL-1.0
#include <vmem/eviction/lirs.hpp>
#include <vmem/eviction/recorded.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/eviction_contract.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <vector>

namespace {

struct keep {
    inline static std::vector<vmem::address> pages;

    void operator()(vmem::address page) const noexcept { pages.push_back(page); }
};

template <std::size_t Slots>
using recorded_lirs = vmem::recorded<vmem::lirs, keep>::policy<Slots>;

using memory =
    vmem::paged<64, 3, recorded_lirs>::bind<vmem::ram_storage<64 * 20>, std::uint32_t, false>;

} // namespace

TEST_CASE("recorded: each use of another page, whether it was resident or not") {
    keep::pages.clear();
    memory m;
    REQUIRE(m.start(64 * 20));
    for (const vmem::address page : {4U, 4U, 5U, 4U, 9U, 9U, 1U, 5U, 5U, 19U}) {
        std::byte one[1];
        REQUIRE(m.read(page * 64 + 7, one));
    }
    CHECK(keep::pages == std::vector<vmem::address>{4, 5, 4, 9, 1, 5, 19});
}

TEST_CASE("recorded: the policy decides as without") {
    recorded_lirs<4> policy;
    vmem::lirs<4> plain;
    for (std::size_t i = 0; i < 500; ++i) {
        const std::size_t slot = i % 4;
        if (i >= 4) {
            const auto any = [](std::size_t) { return true; };
            const std::size_t victim = policy.victim(any);
            REQUIRE(victim == plain.victim(any));
            policy.on_remove(victim);
            plain.on_remove(victim);
            policy.on_insert(victim, i * i % 11);
            plain.on_insert(victim, i * i % 11);
        } else {
            policy.on_insert(slot, i);
            plain.on_insert(slot, i);
        }
        policy.on_access(i * 7 % 4 < i ? i * 7 % 4 : slot);
        plain.on_access(i * 7 % 4 < i ? i * 7 % 4 : slot);
    }
}

TEST_CASE("recorded: what has no number is not recorded") {
    keep::pages.clear();
    recorded_lirs<2> policy;
    policy.on_insert(0);
    policy.on_access(0);
    policy.on_insert(1, 0);
    policy.on_access(0);
    CHECK(keep::pages == std::vector<vmem::address>{0});
}

TEST_CASE("recorded: contract") {
    vmem::contract::check_eviction_contract<recorded_lirs>();
}
