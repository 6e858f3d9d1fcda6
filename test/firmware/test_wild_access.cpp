// SPDX-License-Identifier: BSL-1.0
//
// Shows that this board would have noticed if another test had gone astray.
#include "checks.hpp"
#include "suite.hpp"

#include <cstdint>

void test_wild_access() {
    const std::uintptr_t nowhere = semihosting::number(2, 0xDEAD'0001);
    auto* at = reinterpret_cast<volatile std::uint32_t*>(nowhere);
    *at = *at + 1;
}
