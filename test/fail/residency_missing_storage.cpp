// SPDX-License-Identifier: BSL-1.0
// EXPECT: storage: missing 'address size() const noexcept'
#include <vmem/residency/concept.hpp>

struct bad {};

static_assert((vmem::check_residency<bad>(), true));
