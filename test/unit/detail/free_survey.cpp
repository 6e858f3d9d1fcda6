// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/free_survey.hpp>

#include <vmem/config.hpp>

#include <doctest/doctest.h>

namespace {

using vmem::address;
using vmem::detail::free_survey;

TEST_CASE("free_survey: a run is made of the largest aligned blocks") {
    // 5, 6-7, 8-15, 16-19, 20: the block of 8 leaves is the largest.
    free_survey found(0, 2, 60);
    found.add_run(5, 21);
    CHECK(found.largest() == 4);
    // The smallest of at least 4 leaves.
    CHECK(found.pick().leaf == 16);
    CHECK(found.pick().span == 3);
}

TEST_CASE("free_survey: leaf 0 has every alignment") {
    free_survey found(0, 0, 60);
    found.add_run(0, 1000);
    CHECK(found.largest() == 10);
    CHECK(found.pick().leaf == 992);
    CHECK(found.pick().span == 4);
}

TEST_CASE("free_survey: what is wanted comes first, then what is needed, leftmost and smallest") {
    free_survey found(2, 4, 60);
    CHECK(found.pick().span == 0);
    found.add(64, 1);
    CHECK(found.pick().span == 0);
    found.add(128, 3);
    found.add(256, 2);
    found.add(384, 2);
    CHECK(found.pick().leaf == 256);
    CHECK(found.pick().span == 3);
    found.add(512, 6);
    found.add(1024, 5);
    found.add(2048, 5);
    CHECK(found.pick().leaf == 1024);
    CHECK(found.largest() == 7);
}

TEST_CASE("free_survey: with blocks of one leaf the first is as good as any") {
    free_survey found(0, 0, 0);
    found.add_run(7, 7);
    CHECK(found.largest() == 0);
    found.add_run(9, 500);
    found.add_run(600, 700);
    CHECK(found.largest() == 1);
    CHECK(found.pick().leaf == 9);
    CHECK(found.pick().span == 1);
}

} // namespace
