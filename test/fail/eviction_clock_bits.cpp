// SPDX-License-Identifier: BSL-1.0
// EXPECT: clock_bits: 1 to 4 bits; the hand goes 2^Bits rounds at worst
#include <vmem/eviction/clock_bits.hpp>

static_assert(sizeof(vmem::clock_bits<5>::policy<8>) != 0);
