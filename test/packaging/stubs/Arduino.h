// SPDX-License-Identifier: BSL-1.0
// As much of Arduino's core as the example sketch uses.
#ifndef VMEM_TEST_ARDUINO_H
#define VMEM_TEST_ARDUINO_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arduino_macros.h"

struct serial_port {
    void begin(long) {}
    void println(const char* text) { puts(text); }
    void println(unsigned number) { printf("%u\n", number); }
};
inline serial_port Serial;

void setup();
void loop();

#endif
