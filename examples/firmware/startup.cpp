// SPDX-License-Identifier: BSL-1.0
//
// What a Cortex-M3 needs before main, and what compilers refer to. No operator new, no malloc: a
// program that used them would not link.
#include "board.hpp"

#include <cstdint>

int main();

// Not cleared at start-up: it is what the battery keeps.
[[gnu::section(".noinit")]] volatile std::byte board::backup[banks][bank_size];

extern "C" {

extern std::uint32_t _sidata, _sdata, _edata, _sbss, _ebss, _estack;

[[noreturn]] void Reset_Handler() {
    const std::uint32_t* from = &_sidata;
    for (std::uint32_t* to = &_sdata; to != &_edata; ++to, ++from) {
        *to = *from;
    }
    for (std::uint32_t* to = &_sbss; to != &_ebss; ++to) {
        *to = 0;
    }
    main();
    board::exit(2);
}

[[noreturn]] void Fault_Handler() {
    board::print("fault\n");
    board::exit(3);
}

using handler = void (*)();
[[gnu::section(".isr_vector"), gnu::used]] const handler vectors[16] = {
    reinterpret_cast<handler>(&_estack),
    Reset_Handler,
    Fault_Handler,
    Fault_Handler,
    Fault_Handler,
    Fault_Handler,
    Fault_Handler,
};

} // extern "C"
