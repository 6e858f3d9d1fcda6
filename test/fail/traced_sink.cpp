// SPDX-License-Identifier: BSL-1.0
// EXPECT: traced: Sink must be callable with a storage_event
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/traced.hpp>

struct deaf {};

static_assert(sizeof(vmem::traced<vmem::ram_storage<64>, deaf>) != 0);
