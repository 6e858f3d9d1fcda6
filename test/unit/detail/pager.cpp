// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/pager.hpp>
#include <vmem/eviction/fifo.hpp>
#include <vmem/residency/translation.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <cstddef>
#include <doctest/doctest.h>

using vmem::errc;

namespace {

/// Opens what the upper half uses.
struct pager : vmem::detail::pager<vmem::counted<vmem::ram_storage<1024>>, unsigned, 64, 2,
                                   vmem::fifo, vmem::page_map, true> {
    using base = vmem::detail::pager<vmem::counted<vmem::ram_storage<1024>>, unsigned, 64, 2,
                                     vmem::fifo, vmem::page_map, true>;
    using base::fault;
    using base::frames_;
    using base::resident;
    using base::write_back;

    [[nodiscard]] auto counts() { return storage().counts(); }
};

static_assert(alignof(pager) == alignof(std::max_align_t));

TEST_CASE("pager: a page is read when it comes, and not again while it stays") {
    pager p;
    REQUIRE(p.start(1024));
    const auto first = p.resident(70, 0);
    REQUIRE(first);
    CHECK(*p.resident(100, 0) == *first);
    CHECK(p.counts().reads == 1);
    CHECK(p.counts().bytes_read == 64);
    CHECK(p.statistics().accesses == 2);
    CHECK(p.statistics().page_ins == 1);
}

TEST_CASE("pager: the page that leaves is written if it has changed, and only what has changed") {
    pager p;
    REQUIRE(p.start(1024));
    const auto changed = p.resident(64 + 5, 0);
    REQUIRE(changed);
    p.mark_dirty({.frame = *changed, .offset = 5}, 3);
    REQUIRE(p.resident(128, 0));
    REQUIRE(p.resident(192, 0)); // the first one leaves
    CHECK(p.counts().writes == 1);
    CHECK(p.counts().bytes_written == 3);
    REQUIRE(p.resident(256, 0)); // the second one has not changed
    CHECK(p.counts().writes == 1);
    CHECK_FALSE(p.state_of(1).resident);
    CHECK(p.state_of(4).resident);
}

TEST_CASE("pager: a page that will be overwritten is not read") {
    pager p;
    REQUIRE(p.start(1024));
    REQUIRE(p.resident(64, 64));
    CHECK(p.counts().reads == 0);
    CHECK(p.statistics().page_ins == 0);
    REQUIRE(p.resident(128, 63));
    CHECK(p.counts().reads == 1);
}

TEST_CASE("pager: all frames pinned is an error, and pinned pages stay") {
    pager p;
    REQUIRE(p.start(1024));
    p.add_pin(*p.resident(64, 0));
    p.add_pin(*p.resident(128, 0));
    CHECK(p.resident(192, 0).error() == errc::no_free_frame);
    CHECK(p.start(1024).error() == errc::no_free_frame);
    CHECK(p.unpinned_frames() == 0);
    p.unpin(*p.resident(64, 0));
    REQUIRE(p.resident(192, 0));
    CHECK(p.state_of(2).pinned);
    CHECK_FALSE(p.state_of(1).resident);
}

TEST_CASE("pager: start and stop drop what is in RAM") {
    pager p;
    CHECK(p.start(64).error() == errc::wrong_size);
    REQUIRE(p.start(1024));
    p.mark_dirty({.frame = *p.resident(64, 0), .offset = 0}, 1);
    REQUIRE(p.start(512));
    CHECK(p.size() == 512);
    CHECK_FALSE(p.state_of(1).resident);
    CHECK(p.counts().writes == 0);
    p.stop();
    CHECK(p.check(64, 1).error() == errc::not_open);
}

} // namespace
