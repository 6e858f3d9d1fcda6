// SPDX-License-Identifier: BSL-1.0
//
// The least that a Cortex-M needs before main: its vectors, .data, .bss and static constructors.
#include "semihosting.hpp"

#include <cstdint>

int main();

extern "C" {

extern std::uint32_t _sidata, _sdata, _edata, _sbss, _ebss, _estack;
extern void (*__init_array_start[])();
extern void (*__init_array_end[])();

[[noreturn]] void Reset_Handler() {
#if defined(__ARM_FP)
    *reinterpret_cast<volatile std::uint32_t*>(0xE000ED88) |= 0xFu << 20; // Lets it use its FPU.
#endif
    const std::uint32_t* from = &_sidata;
    for (std::uint32_t* to = &_sdata; to != &_edata; ++to, ++from) {
        *to = *from;
    }
    for (std::uint32_t* to = &_sbss; to != &_ebss; ++to) {
        *to = 0;
    }
    for (auto each = __init_array_start; each != __init_array_end; ++each) {
        (*each)();
    }
    semihosting::exit(main());
}

[[noreturn]] void Default_Handler() {
    std::uint32_t number = 0;
    asm("mrs %0, ipsr" : "=r"(number));
#if defined(FIRMWARE_QUIET)
    semihosting::exit(static_cast<int>(100 + number));
#else
    semihosting::print("EXCEPTION ", number, ", ",
                       *reinterpret_cast<volatile std::uint32_t*>(0xE000ED28), "\n");
    semihosting::exit(static_cast<int>(100 + number));
#endif
}

[[gnu::weak]] void SysTick_Handler();

using handler = void (*)();
[[gnu::section(".isr_vector"), gnu::used]] const handler vectors[48] = {
    reinterpret_cast<handler>(&_estack),
    Reset_Handler,
    Default_Handler,
    Default_Handler,
    Default_Handler,
    Default_Handler,
    Default_Handler,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    Default_Handler,
    nullptr,
    nullptr,
    Default_Handler,
    SysTick_Handler,
};

} // extern "C"
