// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_TEST_HEAP_HPP
#define VMEM_TEST_SUPPORT_TEST_HEAP_HPP

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/vptr.hpp>

#include <cstddef>
#include <string>

#if !defined(__cpp_exceptions)
#include <csetjmp>
#endif

/// \file
/// Heaps for tests of what programs touch, and a way to go on after a fault, with exceptions or
/// without.
namespace vmem::test {

#if defined(__cpp_exceptions)

/// Fault handler that leaves for the `fault_of` around it.
struct escape {
    [[noreturn]] void operator()(fault_info fault) const { throw fault; }
};

/// The fault that `f` ends in; its code is no errc if there is none.
template <class F>
[[nodiscard]] fault_info caught(F f) {
    try {
        f();
    } catch (const fault_info& fault) {
        return fault;
    }
    return {};
}

#else

namespace detail {

inline std::jmp_buf way_back;
inline fault_info last_fault;

} // namespace detail

struct escape {
    [[noreturn]] void operator()(fault_info fault) const noexcept {
        detail::last_fault = fault;
        std::longjmp(detail::way_back, 1);
    }
};

/// As with exceptions, except that no destructor runs on the way: an `arrow` that is alive in the
/// expression keeps its frame.
template <class F>
[[nodiscard]] fault_info caught(F f) {
    detail::last_fault = {};
    if (setjmp(detail::way_back) == 0) {
        f();
    }
    return detail::last_fault;
}

#endif

/// The sentence of the fault that `f` ends in, or "none".
template <class F>
[[nodiscard]] std::string fault_of(F f) {
    const fault_info fault = caught(f);
    return fault.code == errc{} ? "none" : message(fault.code);
}

/// The sentence of an error, or "none".
template <class Result>
[[nodiscard]] std::string error_of(const Result& operation) {
    return operation ? "none" : message(operation.error());
}

/// 16 KiB of virtual memory, the faults of which can be caught.
template <std::size_t PageSize, std::size_t Frames, class... Policies>
using memory = heap<ram_storage<16384>, paged<PageSize, Frames>, nonresident_linked_list_allocator,
                    on_fault<escape>, statistics<true>, Policies...>;

/// A heap that is formatted already.
template <class Heap>
struct ready : Heap {
    ready() { this->format().value(); }

    [[nodiscard]] Heap& heap() noexcept { return *this; }

    /// Room for `count` objects that starts `offset` bytes after the start of a page.
    template <class T>
    [[nodiscard]] vptr<T, Heap> room(std::size_t count, std::size_t offset = 0) {
        constexpr std::size_t page = Heap::residency_type::page_size;
        const auto block = this->template allocate<char>(count * sizeof(T) + 2 * page).value();
        const auto start = (block.to_address() + page - 1) / page * page + offset;
        return vptr<T, Heap>::from_address(start);
    }

    /// What has been asked of the pages so far.
    [[nodiscard]] paging_statistics pages() { return this->residency().statistics(); }

    /// Makes nothing resident but pages at the end of the memory.
    void evict_all() {
        constexpr std::size_t page = Heap::residency_type::page_size;
        for (std::size_t n = 1; n <= 2 * Heap::residency_type::frame_count; ++n) {
            std::byte byte{};
            this->read(static_cast<typename Heap::address_type>(this->size() - n * page),
                       {&byte, 1})
                .value();
        }
    }
};

} // namespace vmem::test

#endif
