// SPDX-License-Identifier: BSL-1.0
#include <vmem/residency/object_access.hpp>

#include "support/object_heap.hpp"

#include <vmem/eviction/lru.hpp>

#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <vector>

namespace {

using namespace vmem;
using vmem::test::error_of;
using vmem::test::object_heap;

using memory = test::object_memory<test::counted_ram, 2048, 16, dirty_limit<400>>;
using cache = memory::residency_type;

TEST_CASE("object_access: a known slot is checked before it is believed") {
    object_heap<memory> on;
    cache& objects = on.heap->residency();
    auto p = on.heap->make_unique<int>(4).value();
    const auto at = p.address().to_address();
    const std::size_t slot =
        *objects.pin_object(at, 4, {.offset = 0, .size = 4}, vmem::access::read);
    objects.unpin(slot);
    CHECK(objects.pin_known(slot, at) != nullptr);
    objects.unpin(slot);
    for (std::size_t other = 0; other <= cache::frame_count; ++other) {
        CHECK((other == slot || objects.pin_known(other, at) == nullptr));
        CHECK(objects.pin_known(other, 0) == nullptr);
    }
    CHECK(p.unload());
    CHECK(objects.pin_known(slot, at) == nullptr);
    CHECK(objects.unpinned_frames() == cache::frame_count);
}

TEST_CASE("object_access: what an object's state is") {
    object_heap<memory> on;
    auto p = on.heap->make_unique<int>(4).value();
    const auto at = p.address().to_address();
    cache& objects = on.heap->residency();
    CHECK(objects.state_of(at).resident);
    CHECK(objects.state_of(at).dirty);
    CHECK_FALSE(objects.state_of(at).pinned);
    {
        const auto held = p.read().value();
        CHECK(objects.state_of(at).pinned);
    }
    CHECK(p.unload());
    CHECK_FALSE(objects.state_of(at).resident);
    CHECK_FALSE(objects.state_of(0).resident);
    CHECK(error_of(objects.unload_object(at)) == "none");
    CHECK(error_of(objects.save_object(at)) == "none");
}

TEST_CASE("object_access: what cannot be pinned") {
    object_heap<memory> on;
    cache& objects = on.heap->residency();
    const auto pin = [&](std::size_t at, std::size_t size, vmem::access how) {
        return error_of(objects.pin_object(static_cast<cache::address_type>(at), size,
                                           {.offset = 0, .size = size}, how));
    };
    CHECK(pin(0, 4, vmem::access::read) == message(errc::null_pointer));
    CHECK(pin(on.heap->size(), 4, vmem::access::read) == message(errc::out_of_range));
    CHECK(pin(cache::reserved, 500, vmem::access::write) == message(errc::over_dirty_limit));
    CHECK(pin(cache::reserved, 2048, vmem::access::read) == message(errc::larger_than_arena));
    objects.stop();
    CHECK(pin(cache::reserved, 4, vmem::access::read) == message(errc::not_open));
}

/// An interrupt that comes in the middle of a policy's `on_access`, and what it did there.
struct interrupts {
    static inline void (*action)() = nullptr;
    static inline int persisted = 0;
    static inline int in_between = 0;
};
struct counting {
    void operator()(const result<void>&) const { ++interrupts::persisted; }
};
template <std::size_t Slots>
struct interrupted_lru : lru<Slots> {
    void on_access(std::size_t slot) noexcept {
        if (interrupts::action != nullptr) {
            const int before = interrupts::persisted;
            interrupts::action();
            interrupts::in_between += interrupts::persisted - before;
        }
        lru<Slots>::on_access(slot);
    }
};

TEST_CASE("object_access: no persist comes in the middle of a policy's bookkeeping") {
    // After a restore the policy is another one: what was begun must not be carried on.
    using heap_type =
        heap<storage_ref<test::counted_ram>,
             resident_objects<2048, 8, tlsf_allocator<>, interrupted_lru>,
             nonresident_buddy_allocator<>, on_fault<test::escape>, on_persisted<counting>>;
    object_heap<heap_type> on;
    std::vector<unique_vptr<int, heap_type>> objects;
    for (int n = 0; n < 8; ++n) {
        objects.push_back(on.heap->make_unique<int>(n).value());
    }
    interrupts::action = [] { static_cast<void>(heap_type::current().persist()); };
    const auto put_off = [](auto access) {
        const int before = interrupts::persisted;
        access();
        return interrupts::persisted > before;
    };
    for (int round = 0; round < 3; ++round) {
        for (auto& object : objects) {
            CHECK(put_off([&] { object.read().value(); }));
            CHECK(put_off([&] { object.write().value(); }));
            CHECK(put_off([&] { CHECK(object.get()); }));
            CHECK(put_off([&] { CHECK(object.set(round)); }));
            CHECK(put_off([&] { *object.address() = round; }));
            CHECK(put_off([&] { CHECK(*object.address() == round); }));
        }
    }
    interrupts::action = nullptr;
    CHECK(interrupts::in_between == 0);
}

} // namespace
