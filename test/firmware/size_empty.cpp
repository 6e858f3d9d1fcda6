// SPDX-License-Identifier: BSL-1.0
//
// Start-up alone, which is subtracted from the others.
#include "size_common.hpp"

int main() {
    give_up();
}
