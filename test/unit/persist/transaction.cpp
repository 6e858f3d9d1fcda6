// SPDX-License-Identifier: BSL-1.0
#include <vmem/persist/transaction.hpp>

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "support/test_heap.hpp"

#include <doctest/doctest.h>
#include <type_traits>

namespace {

using vmem::errc;
using vmem::transaction;
using vmem::test::error_of;

using memory =
    vmem::heap<vmem::ram_storage<32768>, vmem::paged<128, 4>,
               vmem::nonresident_linked_list_allocator, vmem::durability<vmem::journaled<8192>>>;

static_assert(!std::is_copy_constructible_v<transaction<memory>>);
static_assert(sizeof(transaction<memory>) <= 2 * sizeof(void*));

/// A heap with a number in it.
struct subject {
    memory heap;
    vmem::vptr<int, memory> p;

    subject() {
        heap.format().value();
        p = heap.make<int>(1).value();
        heap.commit().value();
    }
    /// What a restart would find.
    int committed() {
        heap.open().value();
        return *p;
    }
};

TEST_CASE("transaction: takes everything back unless it is told to commit") {
    subject s;
    {
        transaction guard(s.heap);
        *s.p = 2;
        s.heap.make<int>(3).value();
    }
    CHECK(*s.p == 1);
    CHECK(s.heap.allocation().value().blocks == 1);
    {
        transaction guard(s.heap);
        *s.p = 2;
        REQUIRE(guard.commit());
        CHECK(*s.p == 2);
        *s.p = 3; // Is not part of it any more.
    }
    CHECK(*s.p == 3);
    CHECK(s.committed() == 2);
}

TEST_CASE("transaction: is rolled back when told to, once") {
    subject s;
    transaction guard(s.heap);
    *s.p = 2;
    REQUIRE(guard.rollback());
    CHECK(*s.p == 1);
    *s.p = 5;
    CHECK(guard.rollback());
    CHECK(*s.p == 5);
    CHECK(error_of(guard.commit()) == message(errc::rolled_back));
    CHECK(*s.p == 5);
}

TEST_CASE("transaction: an inner one joins the outer one") {
    subject s;
    {
        transaction outer(s.heap);
        *s.p = 2;
        {
            transaction inner(s.heap);
            *s.p = 3;
            REQUIRE(inner.commit());
        }
        CHECK(*s.p == 3);
        REQUIRE(outer.commit());
    }
    CHECK(s.committed() == 3);
    {
        transaction outer(s.heap);
        {
            transaction inner(s.heap);
            *s.p = 4;
            REQUIRE(inner.commit());
        }
    }
    CHECK(*s.p == 3);
}

TEST_CASE("transaction: with an inner one that ended without commit the outer one cannot") {
    subject s;
    {
        transaction outer(s.heap);
        *s.p = 2;
        {
            transaction inner(s.heap);
            *s.p = 3;
        }
        CHECK(error_of(outer.commit()) == message(errc::rolled_back));
        CHECK(*s.p == 1);
    }
    // The next one is a new one.
    transaction next(s.heap);
    *s.p = 4;
    REQUIRE(next.commit());
    CHECK(s.committed() == 4);
}

TEST_CASE("transaction: what was not committed before it shares its fate") {
    subject s;
    *s.p = 2;
    {
        transaction guard(s.heap);
    }
    CHECK(*s.p == 1);
}

TEST_CASE("transaction: that cannot be rolled back for a pin, is at the next occasion") {
    subject s;
    {
        const auto held = s.p.write();
        {
            transaction guard(s.heap);
            **held = 2;
        }
        CHECK(**held == 2);
    }
    transaction guard(s.heap);
    CHECK(error_of(guard.commit()) == message(errc::rolled_back));
    CHECK(*s.p == 1);
}

} // namespace
