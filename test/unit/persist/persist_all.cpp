// SPDX-License-Identifier: BSL-1.0
#include <vmem/persist/persist_all.hpp>

#include "support/object_heap.hpp"

#include <vmem/storage/partition.hpp>

#include <cstddef>
#include <doctest/doctest.h>
#include <memory>

namespace {

using namespace vmem;
using vmem::test::error_of;

int order = 0;
template <int N>
struct note {
    void operator()(const result<void>& persisted) const {
        order = 10 * order + (persisted ? N : 9);
    }
};

using disk = counted<ram_storage<65536>>;
using part = partition<storage_ref<disk>>;
template <int N>
using memory = heap<part, resident_objects<2048, 8>, nonresident_buddy_allocator<>,
                    dirty_limit<500>, on_persisted<note<N>>>;

struct two_heaps {
    std::unique_ptr<disk> storage = std::make_unique<disk>();
    memory<1> first{part::make(*storage, {.offset = 0, .size = 32768}).value()};
    memory<2> second{part::make(*storage, {.offset = 32768, .size = 32768}).value()};
    two_heaps() {
        first.format().value();
        second.format().value();
        order = 0;
    }
};

/// Asks for a persist of both while one of them makes it.
struct asks {
    asks(two_heaps& heaps, const memory<1>*) { CHECK(persist_all(heaps.first, heaps.second)); }
    char bytes[600] = {};
};

TEST_CASE("persist_all: one heap after the other, and all of them back") {
    const auto on = std::make_unique<two_heaps>();
    auto a = on->first.make_unique<int>(1).value();
    auto b = on->second.make_unique<int>(2).value();
    on->storage->reset_counts();
    CHECK(persist_all(on->first, on->second));
    CHECK(order == 12);
    CHECK(on->storage->counts().writes == 2);
    on->first.residency().lose_ram();
    on->second.residency().lose_ram();
    CHECK(on->first.restore());
    CHECK(on->second.restore());
    CHECK(a.get().value() == 1);
    CHECK(b.get().value() == 2);
}

TEST_CASE("persist_all: put off while one of them is being changed") {
    const auto on = std::make_unique<two_heaps>();
    auto b = on->second.make_unique<int>(2).value();
    // Larger than the limit, so that it is made in a critical section.
    auto a = on->first.make_unique<asks>(*on, nullptr).value();
    CHECK(order == 12);
    CHECK_FALSE(on->first.is_busy());
}

TEST_CASE("persist_all: an error of one does not keep the others") {
    const auto on = std::make_unique<two_heaps>();
    on->first.residency().stop();
    CHECK(error_of(persist_all(on->first, on->second)) == message(errc::not_open));
    CHECK(order == 92);
}

} // namespace
