// SPDX-License-Identifier: BSL-1.0
// Virtual memory through four frames of 128 bytes. Here it is in RAM, for a first try; with a storage for
// your SPI RAM or flash chip in its place it is as large as the chip.

#include <vmem.h>

using memory = vmem::heap<vmem::ram_storage<4096>,                // where do the bytes live?
                          vmem::paged<128, 4, vmem::sieve>,       // which of them are in RAM?
                          vmem::nonresident_linked_list_allocator // who hands out addresses?
                          >;

memory heap;

void setup() {
    Serial.begin(115200);
    if (const auto formatted = heap.format(); !formatted) {
        Serial.println(vmem::message(formatted.error()));
        return;
    }
    const auto squares = heap.allocate<unsigned>(500);
    if (!squares) {
        Serial.println(vmem::message(squares.error()));
        return;
    }
    for (unsigned i = 0; i < 500; ++i) {
        (*squares)[i] = i * i;
    }
    const unsigned last = (*squares)[499];
    Serial.println(last);
}

void loop() {}
