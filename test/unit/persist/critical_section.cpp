// SPDX-License-Identifier: BSL-1.0
#include <vmem/persist/critical_section.hpp>

#include <doctest/doctest.h>

namespace {

vmem::critical_section section;
int calls = 0;

void count() {
    CHECK_FALSE(section.is_active());
    ++calls;
}
void count_and_ask_again() {
    count();
    if (calls < 5) {
        const vmem::critical_guard guard(section);
        section.queue(&count_and_ask_again);
    }
}

TEST_CASE("critical_section: what is queued runs at the end of the outermost section") {
    calls = 0;
    CHECK_FALSE(section.is_active());
    section.enter();
    CHECK(section.is_active());
    {
        const vmem::critical_guard guard(section);
        section.queue(&count);
        section.queue(&count);
    }
    CHECK(calls == 0);
    CHECK(section.is_active());
    section.leave();
    CHECK(calls == 1);
    CHECK_FALSE(section.is_active());
    section.enter();
    section.leave();
    CHECK(calls == 1);
}

TEST_CASE("critical_section: what runs may queue again") {
    calls = 0;
    section.enter();
    section.queue(&count_and_ask_again);
    section.leave();
    CHECK(calls == 5);
}

} // namespace
