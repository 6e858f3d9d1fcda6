// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/check_request.hpp>

#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/result.hpp>

#include "contract/storage_contract.hpp"

#include <doctest/doctest.h>
#include <limits>

namespace {

using vmem::address;
using vmem::errc;
using vmem::contract::outcome;
using vmem::detail::check_request;

TEST_CASE("check_request: a request that is in order") {
    CHECK(outcome(check_request({.size = 1})) == "ok");
    CHECK(outcome(check_request({.size = 100, .align = 64})) == "ok");
    CHECK(outcome(check_request({.size = 64, .align = 64, .within = 64})) == "ok");
    CHECK(outcome(check_request({.size = (std::numeric_limits<address>::max)()})) == "ok");
}

TEST_CASE("check_request: nobody can grant it") {
    CHECK(outcome(check_request({.size = 0, .align = 3})) == message(errc::zero_size));
    for (const address align : {address{0}, address{3}, (std::numeric_limits<address>::max)()}) {
        CHECK(outcome(check_request({.size = 1, .align = align})) == message(errc::misaligned));
    }
    CHECK(outcome(check_request({.size = 8, .align = 8, .within = 24})) ==
          message(errc::misaligned));
    CHECK(outcome(check_request({.size = 9, .align = 8, .within = 8})) ==
          message(errc::misaligned));
    CHECK(outcome(check_request({.size = 8, .align = 64, .within = 32})) ==
          message(errc::misaligned));
}

} // namespace
