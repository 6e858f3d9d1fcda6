// SPDX-License-Identifier: BSL-1.0
#include "semihosting.hpp"

#include <cstdint>

int main();

extern "C" {

extern void (*__init_array_start[])();
extern void (*__init_array_end[])();

[[noreturn]] void start() {
    for (auto each = __init_array_start; each != __init_array_end; ++each) {
        (*each)();
    }
    semihosting::exit(main());
}

[[noreturn]] void trapped(std::uint32_t cause, std::uint32_t where, std::uint32_t value) {
    semihosting::print("TRAP ", cause, " at ", where, ", ", value, "\n");
    semihosting::exit(100);
}

} // extern "C"
