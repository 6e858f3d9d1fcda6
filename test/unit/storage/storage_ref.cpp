// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/storage_contract.hpp"
#include "support/raw_flash.hpp"

#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <type_traits>
#include <utility>

namespace {

using vmem::ram_storage;
using vmem::storage_ref;
using vmem::contract::outcome;
using flash = vmem::test::raw_flash<256>;

template <class S>
concept has_capacity = requires { S::capacity; };
template <class S>
concept has_erase = requires(S& s) { s.erase(0, 0); };

static_assert(vmem::memory_mapped_storage<storage_ref<ram_storage<8>>>);
static_assert(!vmem::memory_mapped_storage<storage_ref<flash>>);
static_assert(storage_ref<ram_storage<8>>::capacity == 8);
static_assert(!has_capacity<storage_ref<vmem::storage_archetype>>);
static_assert(has_erase<storage_ref<flash>> && !has_erase<storage_ref<ram_storage<8>>>);
static_assert(vmem::storage_traits<storage_ref<flash>>::erase_size == 64);
static_assert(sizeof(storage_ref<flash>) == sizeof(void*));
static_assert(std::is_trivially_copyable_v<storage_ref<flash>>);
static_assert(!std::is_constructible_v<storage_ref<flash>, flash>, "not to a temporary");

TEST_CASE("storage_ref: contract") {
    ram_storage<1000> ram;
    vmem::contract::check_storage_contract([&] { return storage_ref{ram}; });
    flash device;
    vmem::contract::check_storage_contract([&] { return storage_ref{device}; });
}

TEST_CASE("storage_ref: refers, and copies refer to the same") {
    ram_storage<16> ram;
    const storage_ref first = ram;
    const storage_ref second = first;
    static_assert(std::is_same_v<decltype(second), const storage_ref<ram_storage<16>>>);
    const std::array in{std::byte{1}, std::byte{2}};
    CHECK(outcome(first.write(3, in)) == "ok");
    std::array<std::byte, 2> out{};
    CHECK(outcome(second.read(3, out)) == "ok");
    CHECK(out == in);
    CHECK(second.data() == ram.data());
    CHECK(&second.inner() == &ram);
    CHECK(outcome(second.sync()) == "ok");
}

TEST_CASE("storage_ref: passes errors on") {
    flash device;
    const storage_ref ref = device;
    const std::array<std::byte, 1> in{};
    CHECK(ref.write(0, in).error() == vmem::errc::misaligned);
    CHECK(ref.write(256, in).error() == vmem::errc::out_of_range);
    CHECK(ref.erase(1, 64).error() == vmem::errc::misaligned);
}

} // namespace
