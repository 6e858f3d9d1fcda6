// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/heap_roots.hpp>

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/faulty.hpp"
#include "support/test_heap.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>

namespace {

using vmem::errc;
using vmem::test::error_of;

struct settings {
    std::uint32_t volume;
};
struct settings_of_today {
    std::uint32_t volume;
};

} // namespace

template <>
inline constexpr std::uint32_t vmem::type_tag<settings_of_today> = 0x53455402;

namespace {

using disk = vmem::ram_storage<32768>;
using list_allocator = vmem::nonresident_linked_list_allocator;

template <class Storage, class... Policies>
using pages =
    vmem::heap<vmem::storage_ref<Storage>, vmem::paged<128, 4>, list_allocator, Policies...>;
template <class Storage, class... Policies>
using objects = vmem::heap<vmem::storage_ref<Storage>, vmem::resident_objects<1024, 8>,
                           list_allocator, Policies...>;
using journaled = vmem::durability<vmem::journaled<8192>>;

TEST_CASE_TEMPLATE("heap_roots: what a name stands for is found after a restart", Heap,
                   pages<disk, vmem::roots<2>>, pages<disk, journaled>,
                   objects<disk, vmem::roots<3>>, objects<disk, journaled, vmem::roots<2>>) {
    disk medium;
    vmem::vptr<settings, Heap> p;
    {
        Heap heap(medium);
        CHECK(error_of(heap.template root<settings>("a")) == message(errc::not_open));
        CHECK(error_of(heap.set_root("a", p)) == message(errc::not_open));
        REQUIRE(heap.format());
        CHECK(heap.template root<settings>("a").value() == nullptr);
        p = heap.template make<settings>(settings{7}).value();
        REQUIRE(heap.set_root("a", p));
        REQUIRE(heap.set_root("sixteen letters!", p));
        CHECK(heap.template root<settings>("a").value() == p);
        REQUIRE(heap.flush());
        REQUIRE(heap.set_root("sixteen letters!", nullptr));
        REQUIRE(heap.flush());
        REQUIRE(heap.flush());
    }
    Heap heap(medium);
    REQUIRE(heap.open());
    CHECK(heap.template root<settings>("a").value() == p);
    CHECK(heap.template root<const settings>("a").value() == p);
    CHECK(heap.template root<settings>("sixteen letters!").value() == nullptr);
    CHECK(settings(*p).volume == 7);
    REQUIRE(heap.set_root("a", nullptr));
    CHECK(heap.template root<settings>("a").value() == nullptr);
    // Not flushed.
    REQUIRE(heap.open());
    CHECK(heap.template root<settings>("a").value() == p);
}

TEST_CASE("heap_roots: a name has 1 to 16 characters, and a heap so many of them") {
    disk medium;
    using memory = pages<disk, vmem::roots<2>>;
    memory heap(medium);
    REQUIRE(heap.format());
    const auto p = heap.make<int>(1).value();
    CHECK(error_of(heap.set_root("", p)) == message(errc::zero_size));
    CHECK(error_of(heap.set_root("seventeen letters", p)) == message(errc::too_large));
    CHECK(error_of(heap.root<int>("seventeen letters")) == message(errc::too_large));
    REQUIRE(heap.set_root("a", p));
    REQUIRE(heap.set_root("b", p));
    CHECK(error_of(heap.set_root("c", p)) == message(errc::full));
    REQUIRE(heap.set_root("c", nullptr));
    REQUIRE(heap.set_root("a", nullptr));
    REQUIRE(heap.set_root("c", p));
    CHECK(heap.root<int>("b").value() == p);
}

TEST_CASE("heap_roots: a root of another type is refused") {
    disk medium;
    pages<disk, vmem::roots<2>> heap(medium);
    REQUIRE(heap.format());
    REQUIRE(heap.set_root("a", heap.make<settings>().value()));
    CHECK(heap.root<settings>("a"));
    CHECK(error_of(heap.root<char>("a")) == message(errc::wrong_type));
    CHECK(error_of(heap.root<float>("a")) == message(errc::wrong_type));
    CHECK(error_of(heap.root<std::uint32_t>("a")) == message(errc::wrong_type));
    CHECK(error_of(heap.root<settings_of_today>("a")) == message(errc::wrong_type));
    // The next one may have another type.
    REQUIRE(heap.set_root("a", heap.make<float>().value()));
    CHECK(heap.root<float>("a"));
    CHECK(error_of(heap.root<settings>("a")) == message(errc::wrong_type));
}

TEST_CASE_TEMPLATE("heap_roots: are those of before or those of after, wherever the power goes",
                   Heap, pages<vmem::contract::faulty<disk>, vmem::roots<1>>,
                   objects<vmem::contract::faulty<disk>, vmem::roots<1>>) {
    using fragile = vmem::contract::faulty<disk>;
    fragile before{disk()};
    vmem::vptr<int, Heap> second;
    {
        Heap heap(before);
        REQUIRE(heap.format());
        REQUIRE(heap.set_root("a", heap.template make<int>(1).value()));
        second = heap.template make<int>(2).value();
        REQUIRE(heap.flush());
    }
    bool done = false;
    for (std::uint64_t cut = 0; !done; ++cut) {
        CAPTURE(cut);
        fragile medium = before;
        {
            Heap heap(medium);
            REQUIRE(heap.open());
            REQUIRE(heap.set_root("a", second));
            medium.set_plan({.cut_after_steps = cut});
            done = heap.flush().has_value();
        }
        for (std::uint64_t bits = 0; bits < std::uint64_t{1} << medium.pending().size(); ++bits) {
            fragile left = medium;
            static_cast<void>(
                left.cut_power(vmem::contract::survivors_of(bits, left.pending().size())));
            left.power_on();
            Heap heap(left);
            REQUIRE(heap.open());
            const auto p = heap.template root<int>("a");
            REQUIRE(p);
            REQUIRE(*p != nullptr);
            const int value = **p;
            CHECK((done ? value == 2 : value == 1 || value == 2));
        }
    }
}

} // namespace
