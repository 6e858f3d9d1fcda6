// SPDX-License-Identifier: BSL-1.0
//
// Runs the tests that the command line names.
#include "semihosting.hpp"
#include "suite.hpp"

#include <cstring>

namespace {

struct test {
    const char* name;
    void (*run)();
};

#define X(name) {#name, test_##name},
const test tests[] = {VMEM_FIRMWARE_TESTS(X)};
#undef X

} // namespace

int main() {
    char name[32];
    if (!semihosting::word(1, name, sizeof(name))) {
        semihosting::print("no test named\n");
        return 2;
    }
    for (const test& each : tests) {
        if (std::strcmp(each.name, name) == 0 && each.run != nullptr) {
            each.run();
            semihosting::print("ok\n");
            return 0;
        }
    }
    semihosting::print("no such test\n");
    return 2;
}
