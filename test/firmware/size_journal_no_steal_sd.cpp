// SPDX-License-Identifier: BSL-1.0
#include "size_journal.hpp"

int main() {
    return run_journal<vmem::journaled_no_steal<65'536>, 16>();
}
