// SPDX-License-Identifier: BSL-1.0
// Every subject that virtmem's own tests have, on this library.

#include <vmem/vmem.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr std::size_t page = 128;

template <class Tag>
using heap_of = vmem::heap<vmem::ram_storage<256 * 1024>, vmem::paged<page, 4>,
                           vmem::nonresident_linked_list_allocator, vmem::statistics<true>,
                           vmem::instance<Tag>>;
using memory = heap_of<struct usual>;
using twin = heap_of<struct other>;
template <class T>
using ptr = vmem::vptr<T, memory>;

struct fixture {
    std::unique_ptr<memory> heap = std::make_unique<memory>();
    fixture() { heap->format().value(); }
    /// Everything to the storage, nothing in RAM.
    void clear_pages() const {
        heap->flush().value();
        heap->open().value();
    }
};

struct shape {
    std::int16_t id = 1;
    double area = 2.5;
    std::array<char, 5> name{'a', 'b', 'c', 'd', 0};

    shape() = default;
    explicit shape(std::int16_t number) : id(number), area(number * 2.0) {}
    [[nodiscard]] double scaled(double factor) const { return area * factor; }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "virtmem subject: what was written is there after a flush") {
    const auto p = heap->make<int>(55).value();
    CHECK(*p == 55);
    heap->flush().value();
    CHECK(*p == 55);
}

TEST_CASE_FIXTURE(fixture,
                  "virtmem subject: what was written is there after the pages are cleared") {
    const auto p = heap->allocate<std::int32_t>(1000).value();
    for (std::int32_t i = 0; i < 1000; ++i) {
        p[i] = i;
    }
    clear_pages();
    std::vector<std::int32_t> expected(1000);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(std::ranges::equal(expected.begin(), expected.end(), p, p + 1000));
}

TEST_CASE_FIXTURE(fixture, "virtmem subject: what is only read is not saved") {
    const auto p = heap->allocate<char>(1000).value();
    vmem::memset(p, 'x', 1000);
    heap->flush().value();
    heap->residency().reset_statistics();
    for (const auto chunk : vmem::chunks(ptr<const char>(p), 1000)) {
        CHECK(chunk.front() == 'x');
    }
    heap->flush().value();
    CHECK(heap->residency().statistics().write_backs == 0);
}

TEST_CASE_FIXTURE(fixture, "virtmem subject: blocks of a page, one to a page") {
    std::vector<ptr<char>> blocks;
    for (int i = 0; i < 20; ++i) {
        blocks.push_back(ptr<char>(
            vmem::reinterpret_pointer_cast<char>(heap->make<std::array<char, page>>().value())));
        CHECK(blocks.back().to_address() % page == 0);
        vmem::memset(blocks.back(), 'a' + i, page);
    }
    clear_pages();
    for (int i = 0; i < 20; ++i) {
        const auto& block = blocks[static_cast<std::size_t>(i)];
        CHECK(block[0] == 'a' + i);
        CHECK(block[page - 1] == 'a' + i);
    }
}

TEST_CASE_FIXTURE(fixture, "virtmem subject: counts of free pages") {
    CHECK(heap->residency().unpinned_frames() == 4);
    const auto p = heap->allocate<char>(10 * page).value();
    {
        const auto one = p.read().value();
        const auto same = p.read().value();
        CHECK(heap->residency().unpinned_frames() == 3);
        const auto two = (p + page).write().value();
        CHECK(heap->residency().unpinned_frames() == 2);
    }
    CHECK(heap->residency().unpinned_frames() == 4);
}

TEST_CASE_FIXTURE(fixture, "virtmem subject: locks on all pages, then smaller ones") {
    const auto p = heap->allocate<char>(10 * page).value();
    std::vector<vmem::pin<char, memory>> pins;
    for (std::ptrdiff_t i = 0; i < 4; ++i) {
        pins.push_back((p + i * static_cast<std::ptrdiff_t>(page)).write(page).value());
    }
    CHECK((p + 5 * page).read().error() == vmem::errc::no_free_frame);
    // Within what is locked, smaller locks go on.
    auto inner = (p + page / 2).write(4).value();
    inner[0] = 'i';
    CHECK(p[page / 2] == 'i');
    pins.clear();
    CHECK((p + 5 * page).read().has_value());
    CHECK(p[page / 2] == 'i');
}

TEST_CASE("virtmem subject: eight megabytes, in order and at random") {
    constexpr std::size_t bytes = 8 * 1024 * 1024;
    using large = vmem::heap<vmem::ram_storage<bytes + 64 * 1024>, vmem::paged<1024, 16>,
                             vmem::nonresident_linked_list_allocator>;
    const auto heap = std::make_unique<large>();
    heap->format().value();
    constexpr std::size_t count = bytes / sizeof(std::uint32_t);
    const auto p = heap->allocate<std::uint32_t>(count).value();
    std::uint32_t next = 0;
    for (const auto chunk : vmem::chunks(p, count)) {
        for (auto& value : chunk) {
            value = next++ * 2654435761u;
        }
    }
    std::size_t wrong = 0;
    next = 0;
    for (const auto chunk : vmem::chunks(vmem::vptr<const std::uint32_t, large>(p), count)) {
        for (const auto value : chunk) {
            wrong += value == next++ * 2654435761u ? 0u : 1u;
        }
    }
    std::mt19937 random(7);
    for (int i = 0; i < 100000; ++i) {
        const auto at = static_cast<std::uint32_t>(random() % count);
        wrong += p[at] == at * 2654435761u ? 0u : 1u;
    }
    CHECK(wrong == 0);
}

TEST_CASE_FIXTURE(fixture,
                  "virtmem subject: memcpy, memset and memcmp, virtual and raw, across two heaps") {
    const auto second = std::make_unique<twin>();
    second->format().value();
    constexpr std::size_t size = 1000;
    std::array<char, size> raw{};
    for (std::size_t i = 0; i < size; ++i) {
        raw[i] = static_cast<char>(i * 7);
    }
    std::array<char, size> back{};
    const auto a = heap->allocate<char>(size).value();
    const auto b = heap->allocate<char>(size).value();
    const auto c = second->allocate<char>(size).value();
    vmem::memcpy(a, raw.data(), size);
    vmem::memcpy(b, a, size);
    vmem::memcpy(c, b, size);
    vmem::memcpy(back.data(), c, size);
    CHECK(back == raw);
    CHECK(vmem::memcmp(a, raw.data(), size) == 0);
    CHECK(vmem::memcmp(raw.data(), b, size) == 0);
    CHECK(vmem::memcmp(a, c, size) == 0);
    c[size - 1] = static_cast<char>(raw[size - 1] + 1);
    CHECK(vmem::memcmp(a, c, size) < 0);
    CHECK(vmem::memcmp(c, a, size) > 0);
    CHECK(vmem::memcmp(a, c, size - 1) == 0);
    vmem::memset(a + 100, 0, 500);
    CHECK(a[99] == raw[99]);
    CHECK(a[100] == 0);
    CHECK(a[599] == 0);
    CHECK(a[600] == raw[600]);
}

TEST_CASE_FIXTURE(fixture, "virtmem subject: C strings") {
    const auto text = heap->allocate<char>(600).value();
    const std::string words(300, 'w');
    vmem::strcpy(text, words.c_str());
    CHECK(vmem::strlen(text) == 300);
    CHECK(vmem::strcmp(text, words.c_str()) == 0);
    CHECK(vmem::strcmp(words.c_str(), text) == 0);
    const auto copy = heap->allocate<char>(600).value();
    vmem::strncpy(copy, text, 200);
    copy[200] = '\0';
    CHECK(vmem::strlen(copy) == 200);
    CHECK(vmem::strcmp(copy, text) < 0);
    CHECK(vmem::strncmp(copy, text, 200) == 0);
    CHECK(vmem::strncmp(copy, text, 201) < 0);
    std::array<char, 400> raw{};
    vmem::strcpy(raw.data(), copy);
    CHECK(std::strlen(raw.data()) == 200);
}

TEST_CASE_FIXTURE(fixture, "virtmem subject: null, assignment, const and typeless pointers") {
    ptr<int> p = nullptr;
    CHECK(p == nullptr);
    CHECK_FALSE(p);
    p = heap->make<int>(4).value();
    const ptr<const int> reader = p;
    const ptr<void> typeless = p;
    const ptr<const void> typeless_reader = reader;
    CHECK(*reader == 4);
    CHECK(typeless == p);
    CHECK(typeless_reader == reader);
    CHECK(*vmem::static_pointer_cast<int>(typeless) == 4);
    CHECK(*vmem::const_pointer_cast<int>(reader) == 4);
}

TEST_CASE_TEMPLATE_DEFINE("virtmem subject: arithmetic and comparison", T, arithmetic) {
    const fixture memory_there;
    const auto p = memory_there.heap->template allocate<T>(100).value();
    for (int i = 0; i < 100; ++i) {
        p[i] = static_cast<T>(i);
    }
    auto q = p;
    CHECK(*++q == static_cast<T>(1));
    CHECK(*q++ == static_cast<T>(1));
    CHECK(*q-- == static_cast<T>(2));
    CHECK(*--q == static_cast<T>(0));
    q += 50;
    CHECK(q - p == 50);
    CHECK(p - q == -50);
    CHECK(*(q - 25) == static_cast<T>(25));
    CHECK(*(25 + p) == static_cast<T>(25));
    q -= 49;
    CHECK(q == p + 1);
    CHECK(q != p);
    CHECK(p < q);
    CHECK(p <= q);
    CHECK(q > p);
    CHECK(q >= p);
    CHECK(q[-1] == static_cast<T>(0));
}
TEST_CASE_TEMPLATE_INVOKE(arithmetic, char, int, long, float, double);

TEST_CASE_FIXTURE(fixture, "virtmem subject: classes, with constructors, one and many") {
    const auto one = heap->make<shape>(static_cast<std::int16_t>(7)).value();
    CHECK(one->id == 7);
    CHECK(one->scaled(2) == 28.0);
    CHECK(std::string(one->name.data()) == "abcd");
    const auto many = heap->allocate<shape>(50).value();
    for (std::int16_t i = 0; i < 50; ++i) {
        many[i] = shape(i);
    }
    clear_pages();
    for (std::int16_t i = 0; i < 50; ++i) {
        CHECK((many + i)->id == i);
        CHECK((many + i)->area == i * 2.0);
    }
}

TEST_CASE_FIXTURE(fixture, "virtmem subject: compound operators on values") {
    const auto p = heap->make<int>(12).value();
    *p += 5;
    *p -= 2;
    *p *= 4;
    *p /= 3;
    CHECK(*p == 20);
    *p %= 7;
    *p <<= 3;
    *p |= 5;
    *p ^= 1;
    *p &= 0x3C;
    *p >>= 1;
    CHECK(*p == ((((((20 % 7) << 3) | 5) ^ 1) & 0x3C) >> 1));
    CHECK((*p)++ == 26);
    CHECK(++(*p) == 28);
    CHECK((*p)-- == 28);
    CHECK(--(*p) == 26);
}

TEST_CASE_FIXTURE(fixture, "virtmem subject: values across two heaps") {
    const auto second = std::make_unique<twin>();
    second->format().value();
    const auto p = heap->make<int>(1).value();
    const auto q = second->make<long>(41).value();
    *p = static_cast<int>(*q);
    *q += *p;
    CHECK(*p == 41);
    CHECK(*q == 82);
    CHECK(*p != *q);
    CHECK(*p < *q);
}

TEST_CASE_FIXTURE(fixture,
                  "virtmem subject: assignment through -> into a struct that is partly allocated") {
    // Room for the first members only, right before a neighbour.
    const auto room = heap->allocate<char>(offsetof(shape, area)).value();
    const auto neighbour = heap->allocate<char>(32).value();
    vmem::memset(neighbour, 'n', 32);
    const auto p = vmem::reinterpret_pointer_cast<shape>(room);
    *p.member(&shape::id) = 9;
    CHECK(*p.member(&shape::id) == 9);
    for (std::ptrdiff_t i = 0; i < 32; ++i) {
        CHECK(neighbour[i] == 'n');
    }
}

TEST_CASE_FIXTURE(fixture, "virtmem subject: pointers to members") {
    const auto p = heap->make<shape>(static_cast<std::int16_t>(3)).value();
    const auto area = p.member(&shape::area);
    *area += 1;
    CHECK(p->area == 7.0);
    CHECK(area.to_address() - p.to_address() == offsetof(shape, area));
}

TEST_CASE_FIXTURE(fixture, "virtmem subject: wrapped raw pointers") {
    using any = vmem::any_ptr<char, memory>;
    std::array<char, 20> raw{"raw characters"};
    const auto text = heap->allocate<char>(20).value();
    vmem::strcpy(text, "virtual ones");
    const auto first_and_length = [](any p) {
        return std::string(1, static_cast<char>(p[0])) + std::to_string(vmem::strlen(p));
    };
    CHECK(first_and_length(raw.data()) == "r14");
    CHECK(first_and_length(text) == "v12");
    any p = raw.data();
    p[0] = 'R';
    CHECK(raw[0] == 'R');
    p = text;
    p[0] = 'V';
    CHECK(text[0] == 'V');
    vmem::memcpy(any(raw.data()), any(text), 7);
    CHECK(std::memcmp(raw.data(), "Virtual", 7) == 0);
}
