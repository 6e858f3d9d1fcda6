// SPDX-License-Identifier: BSL-1.0
// The header by which Arduino finds the library.
#ifndef VMEM_ARDUINO_VMEM_H
#define VMEM_ARDUINO_VMEM_H

#include "vmem/vmem.hpp"

#endif
