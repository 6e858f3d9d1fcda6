// SPDX-License-Identifier: BSL-1.0
// EXPECT: eviction policy: the member that takes a key must be 'void
#include <vmem/config.hpp>
#include <vmem/eviction/concept.hpp>
#include <vmem/eviction/fifo.hpp>

#include <cstddef>

struct bad : vmem::fifo<4> {
    using vmem::fifo<4>::on_insert;
    void on_insert(std::size_t slot, vmem::address key);
};
static_assert((vmem::check_eviction_policy<bad>(), true));
