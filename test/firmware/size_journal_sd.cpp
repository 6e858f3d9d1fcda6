// SPDX-License-Identifier: BSL-1.0
#include "size_journal.hpp"

int main() {
    return run_journal<vmem::journaled<65'536, 0, 1'024>, 8>();
}
