// SPDX-License-Identifier: BSL-1.0
// EXPECT: ram_storage: needs at least one byte
#include <vmem/storage/ram_storage.hpp>

static_assert(sizeof(vmem::ram_storage<0>) != 0);
