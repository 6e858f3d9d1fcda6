// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_BOARD_HPP
#define VMEM_TEST_FIRMWARE_BOARD_HPP

/// \file
/// The board with an SD card that this is compiled for.
#if defined(__riscv)
#include "sifive_u.hpp"
#else
#include "lm3s6965evb.hpp"
#endif

#endif
