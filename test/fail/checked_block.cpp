// SPDX-License-Identifier: BSL-1.0
// EXPECT: checked: Block must be a power of two, at least 16 bytes
#include <vmem/storage/checked.hpp>
#include <vmem/storage/ram_storage.hpp>

using bad = vmem::checked<vmem::ram_storage<4096>, 500>;
static_assert(sizeof(bad) != 0);
