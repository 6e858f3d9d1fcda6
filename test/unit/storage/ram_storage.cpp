// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/ram_storage.hpp>

#include "contract/storage_contract.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <span>
#include <utility>

namespace {

using vmem::ram_storage;
using vmem::contract::outcome;

static_assert(ram_storage<100>::capacity == 100);
static_assert(sizeof(ram_storage<4096>) == 4096, "nothing but the bytes");
static_assert(alignof(ram_storage<1>) == alignof(std::max_align_t));
static_assert(vmem::storage_traits<ram_storage<1>>::write_size == 1 &&
              vmem::storage_traits<ram_storage<1>>::erase_size == 0);

constinit ram_storage<64> initialised_before_the_program_starts;

TEST_CASE("ram_storage: contract") {
    vmem::contract::check_storage_contract([] { return ram_storage<1>{}; });
    vmem::contract::check_storage_contract([] { return ram_storage<77>{}; });
    vmem::contract::check_storage_contract([] { return ram_storage<4096>{}; });
}

TEST_CASE("ram_storage: is zero at first") {
    ram_storage<300> storage;
    std::array<std::byte, 300> bytes;
    bytes.fill(std::byte{1});
    CHECK(outcome(storage.read(0, bytes)) == "ok");
    CHECK(bytes == std::array<std::byte, 300>{});
    CHECK(outcome(initialised_before_the_program_starts.read(0, std::span(bytes).first(64))) ==
          "ok");
}

TEST_CASE("ram_storage: data() is aligned and is the bytes") {
    ram_storage<64> storage;
    CHECK(reinterpret_cast<std::uintptr_t>(storage.data()) % alignof(std::max_align_t) == 0);
    storage.data()[63] = std::byte{9};
    std::array<std::byte, 1> last{};
    CHECK(outcome(storage.read(63, last)) == "ok");
    CHECK(last[0] == std::byte{9});
    CHECK(std::as_const(storage).data() == storage.data());
}

TEST_CASE("ram_storage: copies within itself") {
    ram_storage<64> storage;
    for (int i = 0; i < 64; ++i) {
        storage.data()[i] = static_cast<std::byte>(i);
    }
    CHECK(outcome(storage.write(1, {storage.data(), 40})) == "ok");
    CHECK(storage.data()[0] == std::byte{0});
    for (int i = 0; i < 40; ++i) {
        CHECK(storage.data()[i + 1] == static_cast<std::byte>(i));
    }
    CHECK(outcome(storage.read(1, {storage.data(), 40})) == "ok");
    for (int i = 0; i < 40; ++i) {
        CHECK(storage.data()[i] == static_cast<std::byte>(i));
    }
}

} // namespace
