// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/throw_on_fault.hpp>

#include <doctest/doctest.h>

#include <concepts>
#include <cstddef>
#include <type_traits>

#if defined(__cpp_exceptions)
#include <exception>
#include <span>
#include <string_view>
#endif

namespace {

// Naming it is allowed everywhere; only a heap that could fault with it needs exceptions.
static_assert(std::is_empty_v<vmem::throw_on_fault>);
static_assert(std::invocable<vmem::throw_on_fault, vmem::fault_info>);
static_assert(!std::is_nothrow_invocable_v<vmem::throw_on_fault, vmem::fault_info>);

} // namespace

TEST_CASE("throw_on_fault: is known to throw where exceptions exist") {
    using policy = vmem::on_fault<vmem::throw_on_fault>;
    CHECK(std::is_same_v<policy::type, vmem::throw_on_fault>);
}

#if defined(__cpp_exceptions)

namespace {

/// RAM whose accesses fail on request.
struct failing_storage : vmem::ram_storage<4096> {
    bool fails = false;
    [[nodiscard]] vmem::result<void> read(vmem::address from, std::span<std::byte> out) noexcept {
        return fails ? vmem::failure(vmem::errc::read_failed) : ram_storage::read(from, out);
    }
};

using memory =
    vmem::heap<failing_storage, vmem::paged<64, 2>, vmem::nonresident_linked_list_allocator,
               vmem::instance<struct this_test>, vmem::on_fault<vmem::throw_on_fault>>;
struct point {
    int x, y;
};

static_assert(!memory::nothrow_access);
static_assert(!noexcept((*vmem::vptr<int, memory>()).get()));
static_assert(!noexcept(*vmem::vptr<int, memory>() = 1));
static_assert(std::is_nothrow_copy_constructible_v<vmem::fault_error>);

/// The error that `call` throws; one without a code if it throws none.
template <class Call>
[[nodiscard]] vmem::fault_error thrown_by(Call call) {
    try {
        call();
    } catch (const vmem::fault_error& fault) {
        return fault;
    }
    return vmem::fault_error({.code = {}, .where = 0});
}

} // namespace

TEST_CASE("throw_on_fault: carries the code, the address and a sentence") {
    memory heap;
    heap.format().value();
    const auto beyond = vmem::vptr<int, memory>::from_address(4096u);
    const vmem::fault_error fault = thrown_by([&] { *beyond = 1; });
    CHECK(fault.code() == vmem::errc::out_of_range);
    CHECK(fault.where() == 4096);
    const std::exception& base = fault;
    CHECK(std::string_view(base.what()) == vmem::message(vmem::errc::out_of_range));
}

TEST_CASE("throw_on_fault: every operator throws, and the heap stays usable") {
    memory heap;
    heap.format().value();
    const vmem::vptr<point, memory> null;
    const vmem::vptr<int, memory> null_int;
    const auto code_of = [](auto call) { return thrown_by(call).code(); };
    CHECK(code_of([&] { static_cast<void>((*null).get()); }) == vmem::errc::null_pointer);
    CHECK(code_of([&] { *null = point{1, 2}; }) == vmem::errc::null_pointer);
    CHECK(code_of([&] { *null_int += 1; }) == vmem::errc::null_pointer);
    CHECK(code_of([&] { static_cast<void>(null->x); }) == vmem::errc::null_pointer);
    CHECK(code_of([&] { static_cast<void>(null[1].get()); }) == vmem::errc::null_pointer);
    CHECK(code_of([] { memory second; }) == vmem::errc::already_open);

    const auto p = heap.make<point>(point{3, 4}).value();
    const auto far = heap.allocate<point>(100).value();
    far[50] = point{5, 6};
    heap.flush().value();
    heap.open().value();
    heap.storage().fails = true;
    CHECK(code_of([&] { static_cast<void>(p->x); }) == vmem::errc::read_failed);
    CHECK(code_of([&] { far[50] = point{7, 8}; }) == vmem::errc::read_failed);
    heap.storage().fails = false;
    CHECK(p->x == 3);
    CHECK((far + 50)->y == 6);
    CHECK(heap.residency().unpinned_frames() == 2);
}

TEST_CASE("throw_on_fault: a pointer without a heap") {
    const vmem::vptr<int, memory> p = vmem::vptr<int, memory>::from_address(64u);
    const vmem::fault_error fault = thrown_by([&] { static_cast<void>((*p).get()); });
    CHECK(fault.code() == vmem::errc::no_heap);
}

#endif
