// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_SUITE_HPP
#define VMEM_TEST_FIRMWARE_SUITE_HPP

#include <cstddef>

/// For the heaps of tests that run on boards with little RAM, one at a time.
extern std::byte shared_room[4096];

/// \file
/// The tests that a board may have. Each ends the program if something is not as it should be.
/// Those that a board does not have are not linked, and are null.
#define VMEM_FIRMWARE_TESTS(X)                                                                     \
    X(sd)                                                                                          \
    X(no_card)                                                                                     \
    X(paged)                                                                                       \
    X(paged_again)                                                                                 \
    X(objects)                                                                                     \
    X(objects_again)                                                                               \
    X(ram_allocators)                                                                              \
    X(nonresident_allocators)                                                                      \
    X(journal)                                                                                     \
    X(journal_again)                                                                               \
    X(words)                                                                                       \
    X(words_again)                                                                                 \
    X(commits)                                                                                     \
    X(commits_check)                                                                               \
    X(power_fail)                                                                                  \
    X(power_fail_check)                                                                            \
    X(serial)                                                                                      \
    X(wild_access)

#define X(name) [[gnu::weak]] void test_##name();
VMEM_FIRMWARE_TESTS(X)
#undef X

#endif
