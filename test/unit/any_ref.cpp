// SPDX-License-Identifier: BSL-1.0
#include <vmem/any_ptr.hpp>
#include <vmem/any_ref.hpp>

#include "support/test_heap.hpp"

#include <array>
#include <concepts>
#include <doctest/doctest.h>
#include <type_traits>

namespace {

using heap = vmem::test::memory<64, 4>;
using any = vmem::any_ptr<int, heap>;
using any_const = vmem::any_ptr<const int, heap>;
using reference = vmem::any_ref<int, heap>;
using const_reference = vmem::any_ref<const int, heap>;

static_assert(std::same_as<decltype(*any()), reference>);
static_assert(std::same_as<reference::value_type, int>);
static_assert(std::same_as<const_reference::value_type, int>);
static_assert(std::convertible_to<reference, int>);
static_assert(std::common_reference_with<reference, int&>);
static_assert(std::common_reference_with<reference, vmem::vref<const int, heap>>);
static_assert(std::assignable_from<const reference&, int>);
static_assert(!std::assignable_from<const const_reference&, int>);

/// A place in RAM and one in virtual memory, each with the value 5.
struct places : vmem::test::ready<heap> {
    int in_ram = 5;
    vmem::vptr<int, ::heap> in_heap = make<int>(5).value();

    [[nodiscard]] std::array<reference, 2> both() { return {*any(&in_ram), *any(in_heap)}; }
    [[nodiscard]] int in_virtual_memory() const { return *in_heap; }
};

TEST_CASE("any_ref: reads and writes what it refers to, wherever that is") {
    places at;
    for (const auto& to : at.both()) {
        CHECK(to.get() == 5);
        const int copy = to;
        CHECK(copy == 5);
        to = 6;
        to += 4;
        CHECK(to * 2 == 20);
        CHECK(++to == 11);
        CHECK(to-- == 11);
    }
    CHECK(at.in_ram == 10);
    CHECK(at.in_virtual_memory() == 10);
}

TEST_CASE("any_ref: assignment copies the value, and a copy is another reference to it") {
    places at;
    const auto [raw, virt] = at.both();
    raw = 1;
    virt = raw;
    CHECK(at.in_virtual_memory() == 1);
    const auto same = virt;
    same = 2;
    CHECK(at.in_virtual_memory() == 2);
    swap(raw, virt);
    CHECK(at.in_ram == 2);
    CHECK(at.in_virtual_memory() == 1);
}

TEST_CASE("any_ref: & gives the pointer back") {
    places at;
    const auto [raw, virt] = at.both();
    CHECK(&raw == any(&at.in_ram));
    CHECK(&virt == any(at.in_heap));
    CHECK((&raw).is_raw());
    CHECK_FALSE((&virt).is_raw());
}

TEST_CASE("any_ref: what cannot be reached is a fault that names the cause") {
    places at;
    CHECK(vmem::test::fault_of([] { static_cast<void>((*any()).get()); }) ==
          message(vmem::errc::null_pointer));
    CHECK(vmem::test::fault_of([] { *any() = 1; }) == message(vmem::errc::null_pointer));
    const any_const beyond = vmem::vptr<const int, heap>::from_address(1u << 20);
    CHECK(vmem::test::fault_of([=] { static_cast<void>((*beyond).get()); }) ==
          message(vmem::errc::out_of_range));
}

} // namespace
