// SPDX-License-Identifier: BSL-1.0
#include <vmem/version.hpp>

#include <doctest/doctest.h>

TEST_CASE("version: the macros and the constant say the same") {
    static_assert(vmem::version.major == VMEM_VERSION_MAJOR);
    static_assert(vmem::version.minor == VMEM_VERSION_MINOR);
    static_assert(vmem::version.patch == VMEM_VERSION_PATCH);
    CHECK(vmem::version.major >= 0);
    CHECK(vmem::version.minor >= 0);
    CHECK(vmem::version.patch >= 0);
}

// A preprocessor can compare it.
#if VMEM_VERSION_MAJOR * 1000000 + VMEM_VERSION_MINOR * 1000 + VMEM_VERSION_PATCH < 1
#error "the version is not a number"
#endif
