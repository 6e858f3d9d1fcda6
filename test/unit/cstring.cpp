// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/any_ptr.hpp>
#include <vmem/cstring.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>
#include <vmem/throw_on_fault.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace {

#if defined(__cpp_exceptions)
using handler = vmem::on_fault<vmem::throw_on_fault>;
#else
using handler = vmem::on_fault<vmem::trap_on_fault>;
#endif

struct first_tag;
struct second_tag;

template <class Tag, std::size_t PageSize, std::size_t Frames>
using memory = vmem::heap<vmem::counted<vmem::ram_storage<16384>>, vmem::paged<PageSize, Frames>,
                          vmem::nonresident_linked_list_allocator, vmem::instance<Tag>,
                          vmem::statistics<true>, handler>;

/// Narrow addresses, and a lock that traps if one operation runs inside another.
struct strict_lock {
    bool taken = false;
    void lock() {
        if (taken) {
            __builtin_trap();
        }
        taken = true;
    }
    void unlock() { taken = false; }
};
template <class Tag>
using small_memory = vmem::heap<vmem::counted<vmem::ram_storage<16384>>, vmem::paged<64, 2>,
                                vmem::nonresident_linked_list_allocator, vmem::instance<Tag>,
                                vmem::address_bits<16>, vmem::locking<strict_lock>>;

template <class Heap>
[[nodiscard]] std::unique_ptr<Heap> formatted() {
    auto heap = std::make_unique<Heap>();
    heap->format().value();
    return heap;
}

[[nodiscard]] int sign(int order) {
    return (order > 0) - (order < 0);
}

/// Calls with raw pointers only are not ours.
template <class To, class From>
concept ours = requires(To to, From from) { vmem::memcpy(to, from, 1); };
template <class Text>
concept has_length = requires(Text text) { vmem::strlen(text); };
using plain = memory<struct plain_tag, 512, 4>;
static_assert(ours<vmem::vptr<char, plain>, const char*> && ours<char*, vmem::vptr<int, plain>>);
static_assert(ours<vmem::any_ptr<void, plain>, const void*>);
static_assert(ours<void*, vmem::vptr<const void, plain>>);
static_assert(!ours<char*, const char*> && !ours<void*, void*>);
static_assert(!ours<vmem::vptr<const char, plain>, const char*>, "the target is const");
static_assert(!ours<const char*, vmem::vptr<char, plain>>);
static_assert(noexcept(vmem::memcpy(vmem::vptr<char, plain>(), "", 0)) == plain::nothrow_access);
static_assert(has_length<vmem::vptr<const char, plain>> && !has_length<vmem::vptr<int, plain>> &&
              !has_length<const char*>);
static_assert(std::is_same_v<decltype(vmem::memcpy(vmem::vptr<int, plain>(), "", 0)),
                             vmem::vptr<int, plain>>);

/// Three stretches of bytes, in a heap, in another one, and in RAM, each beside a plain copy on
/// which the C library does the same.
template <class A, class B>
class world {
public:
    static constexpr std::size_t size = 1500;
    enum place : std::size_t { in_a, in_b, in_ram, places };

    explicit world(std::uint64_t seed) : random_(seed) {
        for (auto& shadow : shadows_) {
            shadow.resize(size);
            // Few values, so that comparisons get far, and terminators.
            std::generate(shadow.begin(), shadow.end(),
                          [this] { return static_cast<char>(below(3)); });
        }
        ram_ = shadows_[in_ram];
        a_->write(at_a_.to_address(), bytes(shadows_[in_a])).value();
        b_->write(at_b_.to_address(), bytes(shadows_[in_b])).value();
    }

    [[nodiscard]] std::size_t below(std::size_t end) {
        return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
    }

    /// Calls `visit` with the pointer to a byte of a place, now typed, now void, now any_ptr.
    template <class T, class Visit>
    void operand(place where, std::size_t offset, Visit visit) {
        switch (where) {
        case in_a:
            kinds<T, A>(at_a_ + static_cast<std::ptrdiff_t>(offset), visit);
            break;
        case in_b:
            kinds<T, B>(at_b_ + static_cast<std::ptrdiff_t>(offset), visit);
            break;
        default:
            if (below(2) == 0) {
                visit(vmem::any_ptr<T, A>(ram_.data() + offset));
            } else {
                visit(static_cast<T*>(ram_.data() + offset));
            }
        }
    }
    [[nodiscard]] char* shadow(place where, std::size_t offset) {
        return shadows_[where].data() + offset;
    }

    [[nodiscard]] bool same() {
        std::vector<char> found(size);
        a_->read(at_a_.to_address(), writable(found)).value();
        bool all = found == shadows_[in_a];
        b_->read(at_b_.to_address(), writable(found)).value();
        return (all && found == shadows_[in_b]) && ram_ == shadows_[in_ram];
    }
    [[nodiscard]] bool nothing_is_pinned() {
        return a_->residency().unpinned_frames() == A::residency_type::frame_count &&
               b_->residency().unpinned_frames() == B::residency_type::frame_count;
    }

private:
    template <class T, class Heap, class Visit>
    void kinds(vmem::vptr<char, Heap> p, Visit& visit) {
        if (below(2) == 0) {
            visit(vmem::any_ptr<T, Heap>(p));
        } else {
            visit(vmem::vptr<T, Heap>(p));
        }
    }
    static std::span<const std::byte> bytes(const std::vector<char>& v) {
        return std::as_bytes(std::span(v));
    }
    static std::span<std::byte> writable(std::vector<char>& v) {
        return std::as_writable_bytes(std::span(v));
    }

    std::mt19937_64 random_;
    std::unique_ptr<A> a_ = formatted<A>();
    std::unique_ptr<B> b_ = formatted<B>();
    vmem::vptr<char, A> at_a_ = a_->template allocate<char>(size).value();
    vmem::vptr<char, B> at_b_ = b_->template allocate<char>(size).value();
    std::vector<char> ram_;
    std::array<std::vector<char>, places> shadows_;
};

/// One random call of a random mem function; whether its value was right.
template <class World>
[[nodiscard]] bool memory_step(World& world) {
    const auto to = static_cast<typename World::place>(world.below(World::places));
    const auto from = static_cast<typename World::place>(world.below(World::places));
    // Often the same bytes or next to them, so that runs overlap.
    const std::size_t a = world.below(World::size);
    const std::size_t b = world.below(2) == 0 ? world.below(World::size)
                                              : (std::min)(a + world.below(5), World::size - 1);
    const std::size_t n = world.below(World::size - (std::max)(a, b) + 1);
    char* const x = world.shadow(to, a);
    char* const y = world.shadow(from, b);
    const std::size_t operation = world.below(4);
    bool right = true;
    world.template operand<void>(to, a, [&](auto p) {
        world.template operand<const void>(from, b, [&](auto q) {
            if constexpr (!vmem::detail::some_virtual<decltype(p), decltype(q)>) {
                static_cast<void>(p), static_cast<void>(q); // The C library's.
            } else if (operation == 0) {
                right = vmem::memmove(p, q, n) == p;
                std::memmove(x, y, n);
            } else if (operation == 1 && (to != from || a + n <= b || b + n <= a)) {
                right = memcpy(p, q, n) == p;
                std::memcpy(x, y, n);
            } else if (operation == 2) {
                if constexpr (vmem::detail::some_virtual<decltype(p)>) {
                    right = memset(p, static_cast<int>(0x100 + b % 3), n) == p;
                    std::memset(x, static_cast<int>(b % 3), n);
                }
            } else {
                right = sign(memcmp(p, q, n)) == sign(std::memcmp(x, y, n));
            }
        });
    });
    return right;
}

/// One random call of a random str function; whether its value was right.
template <class World>
[[nodiscard]] bool text_step(World& world) {
    const auto to = static_cast<typename World::place>(world.below(World::places));
    auto from = static_cast<typename World::place>(world.below(World::places));
    // Two halves, each with a terminator, so that texts neither overlap nor run away.
    constexpr std::size_t half = World::size / 2;
    const std::size_t a = world.below(half);
    const std::size_t b = half + world.below(half);
    const std::size_t length = world.below((std::min)(half - a, World::size - b));
    const std::size_t n = world.below((std::min)(half - a, World::size - b) + 1);
    char* const x = world.shadow(to, a);
    char* const y = world.shadow(from, b);
    const std::size_t operation = world.below(5);
    bool right = true;
    world.template operand<char>(from, b, [&](auto q) {
        if constexpr (vmem::detail::some_virtual<decltype(q)>) {
            memset(q, 'x', length);
            q[static_cast<std::ptrdiff_t>(length)] = '\0';
            std::memset(y, 'x', length);
            y[length] = '\0';
            right = strlen(q) == std::strlen(y);
        } else {
            std::memset(q, 'x', length);
            q[length] = '\0';
            std::memset(y, 'x', length);
            y[length] = '\0';
        }
        world.template operand<char>(to, a, [&](auto p) {
            if constexpr (vmem::detail::some_virtual<decltype(p), decltype(q)>) {
                if (operation == 0) {
                    right = right && strcpy(p, q) == p;
                    std::strcpy(x, y);
                } else if (operation == 1) {
                    right = right && strncpy(p, q, n) == p;
                    std::memset(x, 0, n);
                    std::memcpy(x, y, (std::min)(n, length));
                } else if (operation == 2) {
                    vmem::strcpy(p, q);
                    std::strcpy(x, y);
                    right = right && strcmp(p, q) == 0;
                } else if (operation == 3) {
                    right = right && sign(strncmp(p, q, n)) == sign(std::strncmp(x, y, n));
                } else {
                    right = right && sign(strcmp(q, p)) == sign(std::strcmp(y, x));
                }
            }
        });
    });
    return right;
}

template <class A, class B>
void compare_with_c(std::uint64_t seed, int steps) {
    CAPTURE(seed);
    world<A, B> w(seed);
    for (int step = 0; step < steps; ++step) {
        CAPTURE(step);
        const bool memory_is_right = memory_step(w);
        const bool text_is_right = text_step(w);
        if (!memory_is_right || !text_is_right || !w.same() || !w.nothing_is_pinned()) {
            REQUIRE(memory_is_right);
            REQUIRE(text_is_right);
            REQUIRE(w.same());
            REQUIRE(w.nothing_is_pinned());
            return;
        }
    }
    CHECK(w.same());
}

} // namespace

TEST_CASE("cstring: random calls do what the C library does on plain bytes") {
    SUBCASE("pages of 64 bytes, one frame") {
        compare_with_c<memory<first_tag, 64, 1>, memory<second_tag, 64, 1>>(1, 10000);
    }
    SUBCASE("pages of 64 bytes, two frames") {
        compare_with_c<memory<first_tag, 64, 2>, memory<second_tag, 128, 2>>(2, 10000);
    }
    SUBCASE("pages of 512 bytes, one frame, and of 64 bytes") {
        compare_with_c<memory<first_tag, 512, 1>, memory<second_tag, 64, 3>>(3, 10000);
    }
    SUBCASE("pages of 512 bytes, eight frames") {
        compare_with_c<memory<first_tag, 512, 8>, memory<second_tag, 512, 8>>(4, 10000);
    }
    SUBCASE("addresses of 16 bits, and a lock") {
        compare_with_c<small_memory<first_tag>, memory<second_tag, 64, 2>>(6, 10000);
    }
    SUBCASE("pages of 4096 bytes") {
        compare_with_c<memory<first_tag, 4096, 3>, memory<second_tag, 1024, 2>>(5, 10000);
    }
}

TEST_CASE("cstring: memmove at every distance across a page border") {
    using heap = memory<struct distance_tag, 64, 2>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<char>(400).value();
    std::array<char, 400> shadow{};
    for (std::ptrdiff_t distance = -140; distance <= 140; ++distance) {
        for (std::size_t i = 0; i < shadow.size(); ++i) {
            shadow[i] = static_cast<char>(i * 7);
        }
        memcpy(p, shadow.data(), shadow.size());
        memmove(p + 150 + distance, p + 150, 110);
        std::memmove(shadow.data() + 150 + distance, shadow.data() + 150, 110);
        CAPTURE(distance);
        CHECK(memcmp(p, shadow.data(), shadow.size()) == 0);
    }
}

TEST_CASE("cstring: one frame is enough, if all others are pinned") {
    using heap = memory<struct pinned_tag, 64, 4>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<char>(2000).value();
    const auto held = h->allocate<char>(1000).value();
    std::string text(600, 'a');
    strcpy(p, text.c_str());
    {
        const auto one = held.read().value();
        const auto two = (held + 200).read().value();
        const auto three = (held + 400).read().value();
        REQUIRE(h->residency().unpinned_frames() == 1);
        CHECK(strlen(p) == 600);
        strcpy(p + 1011, p);
        CHECK(strcmp(p, p + 1011) == 0);
        *(p + 1500) = 'b';
        CHECK(strcmp(p, p + 1011) < 0);
        CHECK(memcmp(p + 1011, p, 600) > 0);
        CHECK(strncmp(p, p + 1011, 1500 - 1011) == 0);
        memmove(p + 3, p, 601);
        CHECK(strlen(p) == 603);
        memmove(p, p + 3, 601);
        CHECK(strcmp(p, text.c_str()) == 0);
    }
    CHECK(h->residency().unpinned_frames() == 4);
}

TEST_CASE("cstring: a third of a pool of 10 MB, within it, to RAM and to another heap") {
    constexpr vmem::address pool = 10 << 20;
    constexpr std::size_t size = pool / 3 - 100;
    using storage = vmem::ram_storage<pool>;
    const auto first = std::make_unique<storage>();
    const auto second = std::make_unique<storage>();
    using heap = vmem::heap<vmem::storage_ref<storage>, vmem::paged<4096, 16>,
                            vmem::nonresident_linked_list_allocator>;
    using other = vmem::heap<vmem::storage_ref<storage>, vmem::paged<1024, 5>,
                             vmem::nonresident_linked_list_allocator>;
    const auto h = std::make_unique<heap>(*first);
    const auto o = std::make_unique<other>(*second);
    h->format().value();
    o->format().value();
    const auto p = h->allocate<unsigned char>(size + 1).value();
    const auto q = h->allocate<unsigned char>(size).value();
    const auto r = o->allocate<unsigned char>(size).value();
    std::vector<unsigned char> raw(size);
    std::mt19937_64 random(6);
    std::generate(raw.begin(), raw.end(), [&] { return static_cast<unsigned char>(random()); });

    memset(p, 'A', size);
    CHECK(p[0] == 'A');
    CHECK(p[static_cast<std::ptrdiff_t>(size - 1)] == 'A');
    CHECK(memcmp(p, raw.data(), size) != 0);
    memcpy(p, raw.data(), size);
    CHECK(memcmp(p, raw.data(), size) == 0);
    memcpy(q, p, size);
    CHECK(memcmp(q, raw.data(), size) == 0);
    memcpy(r, q, size);
    CHECK(memcmp(r, p, size) == 0);
    memmove(p + 1, p, size);
    CHECK(memcmp(p + 1, r, size) == 0);
    std::vector<unsigned char> back(size);
    memcpy(back.data(), r, size);
    CHECK(back == raw);
    r[static_cast<std::ptrdiff_t>(size - 1)] ^= 1;
    CHECK(memcmp(r, raw.data(), size) != 0);
    CHECK(memcmp(r, raw.data(), size - 1) == 0);
    CHECK(h->invariants_hold().value());
    CHECK(o->invariants_hold().value());
}

TEST_CASE("cstring: texts that end with a page, before it, or after it") {
    using heap = memory<struct border_tag, 64, 2>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<char>(512).value();
    const auto q = h->allocate<char>(512).value();
    const auto start = static_cast<std::ptrdiff_t>(64 - p.to_address() % 64);
    for (std::size_t length = 0; length < 200; ++length) {
        CAPTURE(length);
        // Exactly as large as the text: reading on is found by the address sanitizer.
        const auto exact = std::make_unique<char[]>(length + 1);
        std::memset(exact.get(), 'y', length);
        const char* const raw = exact.get();
        const auto text = p + start;
        memset(p, '#', 512);
        memset(q, '#', 512);
        CHECK(strcpy(text, raw) == text);
        CHECK(strlen(text) == length);
        CHECK(text[-1] == '#');
        CHECK(text[static_cast<std::ptrdiff_t>(length) + 1] == '#');
        CHECK(strcmp(text, raw) == 0);
        CHECK(strcmp(raw, text) == 0);
        CHECK(strncmp(text, raw, 1000) == 0);
        vmem::strcpy(q + 5, text);
        CHECK(strcmp(q + 5, text) == 0);
        *(q + 5 + static_cast<std::ptrdiff_t>(length)) = 'z';
        *(q + 6 + static_cast<std::ptrdiff_t>(length)) = '\0';
        CHECK(strcmp(q + 5, raw) > 0);
        CHECK(strcmp(raw, q + 5) < 0);
        CHECK(strncmp(q + 5, raw, length) == 0);
        CHECK(strncmp(q + 5, raw, length + 1) > 0);
        vmem::strncpy(q, raw, length + 70);
        CHECK(strcmp(q, raw) == 0);
        CHECK(q[static_cast<std::ptrdiff_t>(length) + 69] == '\0');
        vmem::strncpy(q, raw, length);
        vmem::strcpy(exact.get(), text);
        CHECK(std::strlen(raw) == length);
    }
}

TEST_CASE("cstring: characters compare as unsigned, and strncpy need not terminate") {
    using heap = memory<struct unsigned_tag, 64, 2>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<char>(16).value();
    strcpy(p, "\x80");
    CHECK(strcmp(p, "\x7f") > 0);
    CHECK(memcmp(p, "\x7f", 1) > 0);
    vmem::memset(p, '#', 16);
    strncpy(p, "four", 4);
    CHECK(memcmp(p, "four#", 5) == 0);
    strncpy(p, "ab", 4);
    CHECK(memcmp(p, "ab\0\0#", 5) == 0);
    CHECK(strncmp(p, "abc", 2) == 0);
    CHECK(strncmp(p, "zzz", 0) == 0);
}

TEST_CASE("cstring: a size of zero touches nothing, not even null") {
    using heap = memory<struct zero_tag, 64, 2>;
    const auto h = formatted<heap>();
    const vmem::vptr<char, heap> null;
    const vmem::any_ptr<char, heap> any;
    char raw = 'r';
    CHECK(memcpy(null, null, 0) == null);
    CHECK(memcpy(null, &raw, 0) == null);
    CHECK(memmove(&raw, null, 0) == &raw);
    CHECK(memset(any, 1, 0) == any);
    CHECK(memcmp(any, null, 0) == 0);
    CHECK(strncpy(null, &raw, 0) == null);
    CHECK(strncmp(any, &raw, 0) == 0);
    CHECK(raw == 'r');
}

TEST_CASE("cstring: typed pointers, structs and text literals") {
    struct point {
        int x;
        double y;
    };
    using heap = memory<struct typed_tag, 64, 2>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<point>(10).value();
    const std::array<point, 10> raw{{{1, 1.5}, {2, 2.5}, {3, 3.5}}};
    vmem::memcpy(p, raw.data(), sizeof raw);
    CHECK(p[2].get().x == 3);
    CHECK((p + 1)->y == 2.5);
    std::array<point, 10> back{};
    vmem::memcpy(back.data(), vmem::vptr<const void, heap>(p), sizeof back);
    CHECK(back[2].y == 3.5);

    const auto text = h->allocate<char>(100).value();
    char array[100];
    vmem::strcpy(text, "literal");
    vmem::strcpy(array, text);
    CHECK(std::strcmp(array, "literal") == 0);
    CHECK(strcmp(vmem::vptr<const char, heap>(text), array) == 0);
}

TEST_CASE("cstring: beside `using namespace vmem`, raw pointers stay with the C library") {
    using namespace vmem;
    using heap = ::memory<struct directive_tag, 64, 2>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<char>(100).value();
    char raw[10] = "raw";
    char other[10];
    memcpy(other, raw, sizeof raw);
    CHECK(strlen(other) == 3);
    CHECK(strcmp(raw, other) == 0);
    memcpy(p, raw, sizeof raw);
    CHECK(strlen(p) == 3);
    CHECK(strcmp(raw, p) == 0);
}

TEST_CASE("cstring: what is only read never becomes dirty, and a page written whole is not read") {
    using heap = memory<struct traffic_tag, 512, 8>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<char>(4096).value();
    const auto page = p + static_cast<std::ptrdiff_t>(512 - p.to_address() % 512);
    const std::string text(1000, 'x');
    strcpy(p, text.c_str());
    h->flush().value();
    h->open().value();
    h->residency().reset_statistics();
    h->storage().reset_counts();

    char raw[1001];
    CHECK(strlen(p) == 1000);
    CHECK(strcmp(p, text.c_str()) == 0);
    CHECK(memcmp(p, text.data(), 1000) == 0);
    vmem::strcpy(raw, p);
    h->flush().value();
    CHECK(h->storage().counts().writes == 0);

    const std::array<char, 1024> two_pages{};
    h->open().value();
    h->residency().reset_statistics();
    memcpy(page, two_pages.data(), two_pages.size());
    CHECK(h->residency().statistics().page_ins == 0);
    memcpy(page + 1024, page, 1024);
    CHECK(h->residency().statistics().page_ins == 0);
}

#if defined(__cpp_exceptions)

namespace {

template <class Call>
[[nodiscard]] vmem::errc fault_of(Call call) {
    try {
        call();
    } catch (const vmem::fault_error& fault) {
        return fault.code();
    }
    return {};
}

} // namespace

TEST_CASE("cstring: errors go to the fault handler of the heap concerned, and leave no pin") {
    using heap = memory<first_tag, 64, 2>;
    using other = memory<second_tag, 64, 2>;
    const auto h = formatted<heap>();
    const auto p = h->allocate<char>(500).value();
    const vmem::vptr<char, heap> null;
    const vmem::vptr<char, other> nowhere = vmem::vptr<char, other>::from_address(64u);
    const auto last = vmem::vptr<char, heap>::from_address(16384u - 100);
    char raw[400] = "text";
    memset(p, 'p', 500);

    CHECK(fault_of([&] { memcpy(null, raw, 1); }) == vmem::errc::null_pointer);
    CHECK(fault_of([&] { memcpy(raw, null, 1); }) == vmem::errc::null_pointer);
    CHECK(fault_of([&] { memcpy(p, null, 1); }) == vmem::errc::null_pointer);
    CHECK(fault_of([&] { memset(null, 0, 1); }) == vmem::errc::null_pointer);
    CHECK(fault_of([&] { static_cast<void>(strlen(null)); }) == vmem::errc::null_pointer);
    CHECK(fault_of([&] { static_cast<void>(strcmp(raw, null)); }) == vmem::errc::null_pointer);
    CHECK(fault_of([&] { static_cast<void>(memcmp(null, p, 9)); }) == vmem::errc::null_pointer);
    CHECK(fault_of([&] { memcpy(last, raw, 101); }) == vmem::errc::out_of_range);
    CHECK(fault_of([&] { memcpy(raw, last, 101); }) == vmem::errc::out_of_range);
    CHECK(fault_of([&] { memmove(last, p, 101); }) == vmem::errc::out_of_range);
    CHECK(fault_of([&] { memmove(p, last, 101); }) == vmem::errc::out_of_range);
    CHECK(fault_of([&] { memmove(p + 1, p, static_cast<std::size_t>(-1)); }) ==
          vmem::errc::out_of_range);
    const auto behind = h->allocate<char>(10).value();
    memset(behind, 'b', 10);
    for (const std::size_t n : {std::size_t{20'000}, static_cast<std::size_t>(-1)}) {
        CHECK(fault_of([&] { memset(p, 0, n); }) == vmem::errc::out_of_range);
        CHECK(fault_of([&] { strncpy(p, "text", n); }) == vmem::errc::out_of_range);
        CHECK(fault_of([&] { vmem::fill(p, n, 'x'); }) == vmem::errc::out_of_range);
        CHECK(p[0] == 'p');
        CHECK(behind[9] == 'b');
    }
    memset(last, 'x', 100);
    CHECK(fault_of([&] { static_cast<void>(strlen(last)); }) == vmem::errc::out_of_range);
    CHECK(fault_of([&] { memcpy(p, nowhere, 1); }) == vmem::errc::no_heap);
    CHECK(fault_of([&] { memcpy(nowhere, p, 1); }) == vmem::errc::no_heap);

    for (std::ptrdiff_t i = 0; i < 500; ++i) {
        REQUIRE(p[i] == 'p');
    }
    {
        const auto one = p.read().value();
        const auto two = (p + 200).read().value();
        CHECK(fault_of([&] { memcpy(p + 300, raw, 1); }) == vmem::errc::no_free_frame);
        CHECK(fault_of([&] { memcpy(p + 300, p, 20); }) == vmem::errc::no_free_frame);
        CHECK(fault_of([&] { static_cast<void>(memcmp(p, p + 300, 9)); }) ==
              vmem::errc::no_free_frame);
    }
    CHECK(h->residency().unpinned_frames() == 2);
    heap& closed = *h;
    closed.residency().stop();
    CHECK(fault_of([&] { memmove(p, p + 1, 5); }) == vmem::errc::not_open);
}

#endif
