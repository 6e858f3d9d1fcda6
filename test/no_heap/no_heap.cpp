// SPDX-License-Identifier: BSL-1.0
// Runs the library from end to end in a program in which every way to get memory from the heap
// aborts. What the C and C++ runtimes take before main is served from an array.
#include <vmem/vmem.hpp>

#include "no_heap/forbidden_heap.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <utility>

namespace {

#define CHECK(...) check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__)

struct record {
    std::int32_t id;
    char name[20];
    double value;
};

/// Opted in: its bytes are as good as the object.
struct counter {
    static int alive;
    std::int32_t value;

    explicit counter(std::int32_t start) : value(start) { ++alive; }
    counter(const counter&) = delete;
    counter& operator=(const counter&) = delete;
    ~counter() { --alive; }
};
int counter::alive = 0;

} // namespace

template <>
inline constexpr bool vmem::enable_storable<counter> = true;

namespace {

template <class Heap>
void use_pointers(Heap& heap) {
    const auto made = heap.template allocate<int>(1000);
    CHECK(made);
    if (!made) {
        return;
    }
    const auto p = *made;
    for (std::ptrdiff_t i = 0; i < 1000; ++i) {
        p[i] = static_cast<int>((i * 7919) % 1000);
        p[i] += 1;
        p[i]--;
    }
    std::ranges::sort(p, p + 1000);
    CHECK(std::ranges::is_sorted(p, p + 1000));
    CHECK(*std::ranges::lower_bound(p, p + 1000, 500) == 500);
    std::ranges::reverse(p, p + 1000);
    std::iter_swap(p, p + 999);
    CHECK(p[0] == 0 && p[1] == 998 && *(p + 999) == 999);
    const vmem::vptr<const void, Heap> untyped = p;
    CHECK(vmem::static_pointer_cast<const int>(untyped) == p && untyped != nullptr);
    CHECK(std::hash<vmem::vptr<int, Heap>>{}(p) == std::hash<vmem::vptr<int, Heap>>{}(p));

    const auto r = heap.template make<record>();
    CHECK(r);
    if (r) {
        (*r)->id = 7;
        (*r)->value = 2.5;
        *r->member(&record::id) += 1;
        vmem::strcpy(r->member(&record::name), "a name");
        const vmem::vptr<const record, Heap> view = *r;
        CHECK(view->id == 8 && view->value == 2.5 && vmem::strlen(view.member(&record::name)) == 6);
        CHECK(heap.destroy(*r));
    }
    // An array of a size that straddles pages.
    const auto records = heap.template allocate<record>(40);
    CHECK(records);
    if (records) {
        for (std::ptrdiff_t i = 0; i < 40; ++i) {
            (*records + i)->id = static_cast<std::int32_t>(i);
        }
        CHECK((*records + 39)->id == 39 && (*records)[17].get().id == 17);
        CHECK(heap.deallocate(*records));
    }
    const auto c = heap.template make<counter>(5);
    CHECK(c && counter::alive == 1 && (*c)->value == 5);
    if (c) {
        CHECK(heap.destroy(*c) && counter::alive == 0);
    }
    CHECK(heap.deallocate(p));
    CHECK(!heap.deallocate(p));
}

template <class Heap>
void use_bytes(Heap& heap) {
    const auto text = heap.template allocate<char>(3000);
    const auto other = heap.template allocate<char>(3000);
    CHECK(text && other);
    if (!text || !other) {
        return;
    }
    vmem::memset(*text, 'a', 2999);
    (*text)[2999] = '\0';
    CHECK(vmem::strlen(*text) == 2999);
    vmem::memcpy(*other, *text, 3000);
    CHECK(vmem::memcmp(*other, *text, 3000) == 0 && vmem::strcmp(*other, *text) == 0);
    vmem::memmove(*other + 1, *other, 2000);
    vmem::strncpy(*other, "raw", 3);
    std::array<char, 8> raw{};
    vmem::memcpy(raw.data(), *other, 7);
    CHECK(std::strcmp(raw.data(), "rawaaaa") == 0 && vmem::strncmp(*other, "rawb", 3) == 0);

    std::size_t sum = 0;
    for (const std::span<char> chunk : vmem::chunks(*text, 3000)) {
        for (char& one : chunk) {
            one = 'b';
        }
        sum += chunk.size();
    }
    CHECK(sum == 3000);
    vmem::fill(*text, 100, 'c');
    vmem::for_each(*text, 100, [&](char& one) { sum += one == 'c' ? 1U : 0U; });
    CHECK(sum == 3100);
    vmem::copy(*text, 50, *other);
    const vmem::any_ptr<char, Heap> either = *other;
    CHECK(either[0] == 'c' && vmem::any_ptr<char, Heap>(raw.data())[0] == 'r');
    {
        auto pin = other->write(100);
        CHECK(pin && pin->size() >= 1);
        if (pin) {
            (*pin)[0] = 'd';
            const auto moved = std::move(*pin);
            CHECK(moved[0] == 'd' && other->read() && *other->read()->data() == 'd');
        }
    }
    CHECK(heap.deallocate(*text) && heap.deallocate(*other));
}

/// Formats, uses, ends and opens again.
template <class Heap, class Storage>
void use_heap(Storage& storage) {
    std::optional<Heap> heap;
    heap.emplace(storage);
    CHECK(!heap->open());
    CHECK(heap->format());
    const auto root = heap->template make<std::int64_t>(4711);
    CHECK(root);
    for (int round = 0; round < 3; ++round) {
        use_pointers(*heap);
        use_bytes(*heap);
        CHECK(heap->flush());
        heap.emplace(storage);
        CHECK(heap->open());
        CHECK(*vmem::vptr<const std::int64_t, Heap>(*root) == 4711);
    }
    CHECK(heap->allocation()->blocks == 1);
    CHECK(heap->largest_free());
    CHECK(heap->invariants_hold().value_or(false));
    std::array<std::byte, 8> bytes{};
    const auto last = static_cast<typename Heap::address_type>(heap->size() - 1);
    CHECK(!heap->read(0, bytes) && !heap->write(last, bytes));
    CHECK(!heap->template allocate<char>(std::size_t{1} << 40) &&
          !heap->template allocate<char>(0));
    // Until nothing is left.
    while (heap->template allocate<char>(64)) {
    }
    CHECK(heap->flush());
}

struct no_wait {
    void lock() {}
    void unlock() {}
};

template <class Storage, class Residency, class... Policies>
using over = vmem::heap<vmem::storage_ref<Storage>, Residency,
                        vmem::nonresident_linked_list_allocator, Policies...>;

void use_library() {
    using ram = vmem::counted<vmem::ram_storage<65472>>;
    static ram memory;
    use_heap<over<ram, vmem::paged<256, 8>>>(memory);
    use_heap<over<ram, vmem::paged<256, 4, vmem::fifo>, vmem::address_bits<16>>>(memory);
    use_heap<
        over<ram, vmem::paged<512, 8, vmem::lru, vmem::page_table<128>>, vmem::statistics<true>>>(
        memory);
    use_heap<over<ram, vmem::paged<64, 300, vmem::sieve, vmem::page_map>, vmem::locking<no_wait>>>(
        memory);
    use_heap<over<ram, vmem::paged<128, 5, vmem::random_eviction>, vmem::instance<int>>>(memory);
    use_heap<vmem::heap<vmem::storage_ref<ram>, vmem::paged<256, 8>,
                        vmem::basic_nonresident_linked_list_allocator<std::uint64_t>,
                        vmem::address_bits<64>>>(memory);
    CHECK(memory.counts().writes > 0);

    const char* const path = "no_heap.vmem";
    ::unlink(path);
    {
        auto file = vmem::file_storage::open(path, 65536);
        CHECK(file);
        CHECK(!vmem::file_storage::open(path, 65536));
        CHECK(!vmem::file_storage::open("no such directory/file", 65536));
        if (file) {
            using vmem::file_storage;
            use_heap<over<file_storage, vmem::paged<512, 8>>>(*file);
            auto part = vmem::partition<vmem::storage_ref<file_storage>>::make(
                *file, {.offset = 32768, .size = 32768});
            CHECK(part);
            static vmem::ram_storage<16384> more;
            auto joined = vmem::concatenated<vmem::partition<vmem::storage_ref<file_storage>>,
                                             vmem::storage_ref<vmem::ram_storage<16384>>>::
                make(*part, vmem::storage_ref<vmem::ram_storage<16384>>(more));
            CHECK(joined);
            if (joined) {
                use_heap<over<std::remove_reference_t<decltype(*joined)>, vmem::paged<256, 6>>>(
                    *joined);
            }
        }
    }
    ::unlink(path);
}

/// Whether each way to get memory passes through this file.
bool all_ways_are_seen() {
    use = heap_use::counted;
    void* volatile block = std::malloc(1);
    std::free(block);
    block = std::calloc(1, 1);
    block = std::realloc(block, 2);
    block = std::aligned_alloc(64, 64);
    block = ::operator new(1);
    ::operator delete(block);
    block = ::operator new(64, std::align_val_t{64});
    ::operator delete(block, std::align_val_t{64});
    block = ::operator new[](1, std::nothrow);
    ::operator delete[](block);
    // Through the library of C, which calls malloc by name.
    block = ::strdup("text");
    use = heap_use::permitted;
    return uses == 12;
}

} // namespace

int main() {
    if (!all_ways_are_seen()) {
        std::puts("no_heap: a use of the heap went unnoticed, so this test proves nothing");
        return 1;
    }
    use = heap_use::forbidden;
    use_library();
    use = heap_use::permitted;
    std::puts(sound ? "no_heap: the library ran without the heap" : "no_heap: FAILED");
    return sound ? 0 : 1;
}
