// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_BYTE_RUN_HPP
#define VMEM_DETAIL_BYTE_RUN_HPP

#include <vmem/config.hpp>
#include <vmem/fwd.hpp>
#include <vmem/pin.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/vptr.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

/// \file
/// The one mechanism behind the byte functions: an operand is bytes in RAM (`std::byte*`) or in
/// virtual memory (`vptr<std::byte, Heap>`), and work goes in runs, each within one page of either
/// operand, at the speed of the C library.
namespace vmem::detail {

/// What a type is as an operand: not one, unless specialised.
template <class P>
struct operand_traits {
    static constexpr bool is_operand = false;
    static constexpr bool is_virtual = false;
};
template <class T>
    requires(std::is_object_v<T> || std::is_void_v<T>)
struct operand_traits<T*> {
    using element = T;
    static constexpr bool is_operand = !std::is_volatile_v<T>;
    static constexpr bool is_virtual = false;
    static constexpr bool is_nothrow = true;
};
template <class T, class Heap>
struct operand_traits<vptr<T, Heap>> {
    using element = T;
    static constexpr bool is_operand = true;
    static constexpr bool is_virtual = true;
    static constexpr bool is_nothrow = Heap::nothrow_access;
};
template <class T, class Heap>
struct operand_traits<any_ptr<T, Heap>> : operand_traits<vptr<T, Heap>> {};

template <class P>
using operand_element = typename operand_traits<P>::element;

template <class P>
concept byte_source = operand_traits<P>::is_operand;
template <class P>
concept byte_target = byte_source<P> && !std::is_const_v<operand_element<P>>;
template <class P>
concept text_source = byte_source<P> && std::same_as<std::remove_const_t<operand_element<P>>, char>;
template <class P>
concept text_target = text_source<P> && byte_target<P>;
/// Leaves calls without virtual memory to the standard library.
template <class... P>
concept some_virtual = (operand_traits<P>::is_virtual || ...);

template <class... P>
inline constexpr bool nothrow_operands = (operand_traits<P>::is_nothrow && ...);

/// Calls `visit` with the operand as a `Byte*` or a `vptr<Byte, Heap>`.
template <class Byte, byte_source P, class Visit>
decltype(auto) with_bytes(P p, Visit visit) {
    if constexpr (std::is_pointer_v<P>) {
        using erased = std::conditional_t<std::is_const_v<Byte>, const void, void>;
        return visit(static_cast<Byte*>(static_cast<erased*>(p)));
    } else if constexpr (requires { p.is_raw(); }) {
        return p.is_raw() ? with_bytes<Byte>(p.raw(), visit) : with_bytes<Byte>(p.virt(), visit);
    } else {
        return visit(reinterpret_pointer_cast<Byte>(p));
    }
}

template <class P>
[[nodiscard]] constexpr P ahead(P p, std::size_t bytes) noexcept {
    return p + static_cast<std::ptrdiff_t>(bytes);
}

/// Bytes from `p` to the end of its page, and from the start of the page that holds the byte before
/// `p`. RAM is one page.
template <class Byte, class Heap>
[[nodiscard]] constexpr std::size_t run_after(vptr<Byte, Heap> p) noexcept {
    constexpr std::size_t page = Heap::residency_type::page_size;
    return page - static_cast<std::size_t>(p.to_address()) % page;
}
template <class Byte, class Heap>
[[nodiscard]] constexpr std::size_t run_before(vptr<Byte, Heap> p) noexcept {
    constexpr std::size_t page = Heap::residency_type::page_size;
    return (static_cast<std::size_t>(p.to_address()) - 1) % page + 1;
}
[[nodiscard]] constexpr std::size_t run_after(const std::byte*) noexcept {
    return (std::numeric_limits<std::ptrdiff_t>::max)();
}

template <class Result, class Byte, class Heap>
void settle(const Result& outcome, vptr<Byte, Heap> p) noexcept(Heap::nothrow_access) {
    if (!outcome) [[unlikely]] {
        Heap::fault(outcome.error(), p.to_address());
    }
}

/// A run in RAM; `data()` is where.
template <class Heap>
[[nodiscard]] pin<const std::byte, Heap> hold(vptr<const std::byte, Heap> p,
                                              std::size_t n) noexcept(Heap::nothrow_access) {
    const auto held = Heap::current().template pin_elements<const std::byte>(p.to_address(), n);
    settle(held, p);
    return pin<const std::byte, Heap>(*held);
}
[[nodiscard]] inline std::span<const std::byte> hold(const std::byte* p, std::size_t n) noexcept {
    return {p, n};
}

/// Bytes of RAM that serve as the second frame where a heap has only one to spare.
inline constexpr std::size_t bounce_size = 128;

/// Moves a run that lies in one page of the source; in one page of the target too, if the ranges
/// overlap. False, and nothing lost, if no frame is left for the target.
template <class HeapTo, class HeapFrom>
[[nodiscard]] bool move_run(vptr<std::byte, HeapTo> to, vptr<const std::byte, HeapFrom> from,
                            std::size_t n, bool overlap) noexcept(HeapTo::nothrow_access &&
                                                                  HeapFrom::nothrow_access) {
    const auto source = hold(from, n);
    if constexpr (std::same_as<HeapTo, HeapFrom>) {
        constexpr std::size_t page = HeapTo::residency_type::page_size;
        if (overlap && (to.to_address() ^ from.to_address()) < page) {
            const auto target = to.write(n);
            settle(target, to);
            std::memmove(target->data(), source.data(), n);
            return true;
        }
    }
    const auto done = HeapTo::current().write(to.to_address(), {source.data(), n});
    if (!done && done.error() == errc::no_free_frame) {
        return false;
    }
    settle(done, to);
    return true;
}

/// As `move_run`, through a copy of at most `bounce_size` bytes: needs one frame at a time.
template <class HeapTo, class HeapFrom>
void move_bounced(vptr<std::byte, HeapTo> to, vptr<const std::byte, HeapFrom> from,
                  std::size_t n) noexcept(HeapTo::nothrow_access && HeapFrom::nothrow_access) {
    std::byte buffer[bounce_size];
    settle(HeapFrom::current().read(from.to_address(), {buffer, n}), from);
    settle(HeapTo::current().write(to.to_address(), {buffer, n}), to);
}

/// Before anything is changed: `n` bytes do not run on beyond the end. The residency finds all
/// other mistakes, and that the heap is closed.
template <class Byte, class Heap>
void check_end(vptr<Byte, Heap> p, std::size_t n) noexcept(Heap::nothrow_access) {
    if (n == 0) {
        return;
    }
    const address size = Heap::current().size();
    if (size != 0) {
        settle(check_range(size, p.to_address(), n), p);
    }
}
inline void check_end(const std::byte*, std::size_t) noexcept {}

/// `std::memmove` of `n > 0` bytes, for each pair of operands.
inline void move_runs(std::byte* to, const std::byte* from, std::size_t n) noexcept {
    std::memmove(to, from, n);
}
template <class Heap>
void move_runs(std::byte* to, vptr<const std::byte, Heap> from,
               std::size_t n) noexcept(Heap::nothrow_access) {
    settle(Heap::current().read(from.to_address(), {to, n}), from);
}
template <class Heap>
void move_runs(vptr<std::byte, Heap> to, const std::byte* from,
               std::size_t n) noexcept(Heap::nothrow_access) {
    settle(Heap::current().write(to.to_address(), {from, n}), to);
}
template <class HeapTo, class HeapFrom>
void move_runs(vptr<std::byte, HeapTo> to, vptr<const std::byte, HeapFrom> from,
               std::size_t n) noexcept(HeapTo::nothrow_access && HeapFrom::nothrow_access) {
    check_end(to, n);
    check_end(from, n);
    bool overlap = false;
    bool backward = false;
    if constexpr (std::same_as<HeapTo, HeapFrom>) {
        const auto distance = [](auto low, auto high) {
            return static_cast<std::size_t>(high.to_address() - low.to_address());
        };
        // The end goes first if the target's start would overwrite it.
        backward = from < to && distance(from, to) < n;
        overlap = backward || (to < from && distance(to, from) < n);
    }
    std::size_t left = n;
    while (left != 0) {
        const std::size_t edge = backward ? left : n - left;
        const auto room = [&](auto p) {
            return backward ? run_before(ahead(p, edge)) : run_after(ahead(p, edge));
        };
        const auto start = [&](std::size_t run) { return backward ? left - run : n - left; };
        std::size_t run = lesser(left, overlap ? lesser(room(to), room(from)) : room(from));
        if (!move_run(ahead(to, start(run)), ahead(from, start(run)), run, overlap)) {
            run = lesser(run, bounce_size);
            move_bounced(ahead(to, start(run)), ahead(from, start(run)), run);
        }
        left -= run;
    }
}

/// `std::memmove` for operands of every kind.
template <byte_target To, byte_source From>
void move_bytes(To to, From from, std::size_t n) noexcept(nothrow_operands<To, From>) {
    if (n != 0) {
        with_bytes<std::byte>(to, [&](auto target) {
            with_bytes<const std::byte>(from, [&](auto source) { move_runs(target, source, n); });
        });
    }
}

/// Calls `visit(a, b, count)` with the raw bytes of both operands, and returns `count`: `n`, or
/// less where no frame is left for the second. Precondition: `n` bytes lie in one page of either.
template <class A, class B, class Visit>
std::size_t with_runs(A a, B b, std::size_t n, Visit visit) {
    auto first = hold(a, n);
    if constexpr (std::is_pointer_v<A> || std::is_pointer_v<B>) {
        visit(first.data(), hold(b, n).data(), n);
        return n;
    } else {
        const auto second = b.read(n);
        if (second) {
            visit(first.data(), second->data(), n);
            return n;
        }
        if (second.error() != errc::no_free_frame) {
            settle(second, b);
        }
        std::byte buffer[bounce_size];
        n = lesser(n, bounce_size);
        std::memcpy(buffer, first.data(), n);
        first.release();
        visit(buffer, hold(b, n).data(), n);
        return n;
    }
}

/// `std::memcmp`, or `std::strncmp` of `Text`, run by run.
template <bool Text, class A, class B>
[[nodiscard]] int compare_runs(A a, B b, std::size_t n) {
    int order = 0;
    bool ended = false;
    while (n != 0 && order == 0 && !ended) {
        const std::size_t run = lesser(n, lesser(run_after(a), run_after(b)));
        const std::size_t done =
            with_runs(a, b, run, [&](const std::byte* x, const std::byte* y, std::size_t count) {
                if constexpr (Text) {
                    order = std::strncmp(reinterpret_cast<const char*>(x),
                                         reinterpret_cast<const char*>(y), count);
                    // Equal texts end together, and memchr reads no further than that.
                    ended = order == 0 && std::memchr(x, 0, count) != nullptr;
                } else {
                    order = std::memcmp(x, y, count);
                }
            });
        a = ahead(a, done);
        b = ahead(b, done);
        n -= done;
    }
    return order;
}

template <bool Text, byte_source A, byte_source B>
[[nodiscard]] int compare_bytes(A a, B b, std::size_t n) noexcept(nothrow_operands<A, B>) {
    return with_bytes<const std::byte>(a, [&](auto x) {
        return with_bytes<const std::byte>(b, [&](auto y) { return compare_runs<Text>(x, y, n); });
    });
}

} // namespace vmem::detail

#endif
