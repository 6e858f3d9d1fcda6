// SPDX-License-Identifier: BSL-1.0
// EXPECT-NOTHING
// The control of this folder: were the include path or a flag wrong, this would not compile either.
#include <vmem/vmem.hpp>

static_assert(vmem::version.major >= 0);
