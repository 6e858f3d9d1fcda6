// SPDX-License-Identifier: BSL-1.0
// EXPECT: recorded: Sink must be default constructible and callable with an address, and noexcept
#include <vmem/eviction/recorded.hpp>

struct throwing {
    void operator()(vmem::address) const;
};

static_assert(sizeof(vmem::recorded<vmem::clock, throwing>::policy<4>) != 0);
