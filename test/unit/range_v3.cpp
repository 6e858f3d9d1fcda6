// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/any_ptr.hpp>
#include <vmem/heap.hpp>
#include <vmem/range_v3.hpp>
#include <vmem/ranges.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/vptr.hpp>

#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <range/v3/algorithm/copy.hpp>
#include <range/v3/algorithm/equal.hpp>
#include <range/v3/algorithm/for_each.hpp>
#include <range/v3/algorithm/is_sorted.hpp>
#include <range/v3/algorithm/lower_bound.hpp>
#include <range/v3/algorithm/reverse.hpp>
#include <range/v3/algorithm/sort.hpp>
#include <range/v3/numeric/accumulate.hpp>
#include <range/v3/numeric/iota.hpp>
#include <range/v3/view/chunk.hpp>
#include <range/v3/view/enumerate.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/iota.hpp>
#include <range/v3/view/join.hpp>
#include <range/v3/view/reverse.hpp>
#include <range/v3/view/stride.hpp>
#include <range/v3/view/subrange.hpp>
#include <range/v3/view/take_while.hpp>
#include <range/v3/view/transform.hpp>
#include <range/v3/view/zip.hpp>
#include <span>

namespace {

using memory =
    vmem::heap<vmem::counted<vmem::ram_storage<16384>>, vmem::paged<64, 3>,
               vmem::nonresident_linked_list_allocator, vmem::instance<struct this_test>>;
template <class T>
using ptr = vmem::vptr<T, memory>;
template <class T>
using any = vmem::any_ptr<T, memory>;
template <class T>
using chunks = vmem::chunk_view<T, memory>;

struct triple {
    int a, b, c;
};

static_assert(ranges::random_access_iterator<ptr<int>>);
static_assert(ranges::random_access_iterator<ptr<const int>>);
static_assert(ranges::random_access_iterator<ptr<triple>>);
static_assert(ranges::sized_sentinel_for<ptr<int>, ptr<int>>);
static_assert(ranges::indirectly_writable<ptr<int>, int> && ranges::sortable<ptr<int>>);
static_assert(!ranges::indirectly_writable<ptr<const int>, int>);
static_assert(ranges::random_access_iterator<any<int>> && ranges::sortable<any<int>>);
static_assert(ranges::random_access_iterator<any<const triple>>);
static_assert(ranges::input_iterator<ranges::iterator_t<chunks<int>>>);
static_assert(ranges::input_range<chunks<const int>> && ranges::view_<chunks<const int>>);
static_assert(ranges::view_<chunks<triple>> && !ranges::forward_range<chunks<triple>>);

[[nodiscard]] std::unique_ptr<memory> formatted() {
    auto heap = std::make_unique<memory>();
    heap->format().value();
    return heap;
}

} // namespace

TEST_CASE("range-v3: algorithms on virtual pointers") {
    const auto h = formatted();
    const auto p = h->allocate<int>(300).value();
    ranges::iota(p, p + 300, 0);
    ranges::reverse(p, p + 300);
    CHECK(*p == 299);
    ranges::sort(p, p + 300);
    CHECK(ranges::is_sorted(p, p + 300));
    CHECK(ranges::lower_bound(p, p + 300, 123) == p + 123);
    ranges::sort(p, p + 300, std::greater{}, [](int x) { return x % 10; });
    CHECK(p[0] % 10 == 9);

    const auto q = h->allocate<int>(300).value();
    ranges::copy(p, p + 300, q);
    CHECK(ranges::equal(p, p + 300, q, q + 300));

    const any<const int> c = q;
    CHECK(ranges::equal(c, c + 300, p, p + 300));
    CHECK(ranges::equal(ptr<const int>(q), ptr<const int>(q + 300), c, c + 300));

    std::array<int, 5> raw{5, 3, 1, 4, 2};
    for (const any<int> a : {any<int>(raw.data()), any<int>(p)}) {
        ranges::sort(a, a + 5);
        CHECK(ranges::is_sorted(a, a + 5));
    }
}

TEST_CASE("range-v3: views over a range of virtual pointers") {
    const auto h = formatted();
    const auto p = h->allocate<int>(300).value();
    ranges::iota(p, p + 300, 0);
    h->flush().value();
    h->storage().reset_counts();
    const ptr<const int> first = p;
    const ranges::subrange all(first, first + 300);

    auto odd_squares = all | ranges::views::filter([](int x) { return x % 2 == 1; }) |
                       ranges::views::transform([](int x) { return x * x; }) |
                       ranges::views::take_while([](int x) { return x < 100; });
    CHECK(ranges::equal(odd_squares, std::array{1, 9, 25, 49, 81}));
    CHECK(ranges::accumulate(all | ranges::views::reverse | ranges::views::stride(100), 0) ==
          299 + 199 + 99);
    CHECK(ranges::accumulate(all | ranges::views::chunk(7) | ranges::views::join, 0) == 44850);
    int sum = 0;
    for (const auto& [index, value] : all | ranges::views::enumerate) {
        sum += static_cast<int>(index) - value;
    }
    CHECK(sum == 0);
    h->flush().value();
    CHECK(h->storage().counts().writes == 0);

    for (auto&& [target, i] :
         ranges::views::zip(ranges::subrange(p, p + 300), ranges::views::iota(0))) {
        target = 2 * i;
    }
    CHECK(p[299] == 598);
}

TEST_CASE("range-v3: chunks, straddling elements too") {
    const auto h = formatted();
    const auto p = h->allocate<triple>(100).value();
    vmem::fill(p, 100, triple{1, 2, 3});
    const auto sum = [](ptr<const triple> q) {
        return ranges::accumulate(
            vmem::chunks(q, 100) | ranges::views::join | ranges::views::transform(&triple::b), 0);
    };
    CHECK(sum(p) == 200);
    ranges::for_each(vmem::chunks(p, 100), [](std::span<triple> chunk) {
        ranges::for_each(chunk, [](triple& t) { t.b += 5; });
    });
    CHECK(sum(p) == 700);
    for (triple& t : vmem::chunks(p, 100) | ranges::views::join) {
        t.b -= 5;
    }
    CHECK(sum(p) == 200);

    auto named = vmem::chunks(p, 100);
    auto sizes = named | ranges::views::transform([](auto c) { return c.size(); });
    CHECK(ranges::accumulate(sizes, std::size_t{0}) == 100);
    CHECK(h->residency().unpinned_frames() == 3);
}
