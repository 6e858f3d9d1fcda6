// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RANGES_HPP
#define VMEM_RANGES_HPP

#include <vmem/detail/byte_run.hpp>
#include <vmem/detail/raw_object.hpp>
#include <vmem/fwd.hpp>
#include <vmem/result.hpp>
#include <vmem/storable.hpp>
#include <vmem/vptr.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

/// \file
/// Virtual memory at raw-pointer speed: one look-up per page instead of one per element.
namespace vmem {

/// The elements of `p[0..n)` in order, as spans: each is the longest contiguous prefix of the rest,
/// in RAM while it is the current one. Made by `chunks`.
///
/// - One frame at most is pinned, and none before `begin()` and after the end.
/// - An element that straddles two pages, is larger than a page, or is misaligned comes as a span
///   of one: a copy, inside the view, that is written back when the span is left, unless `T` is
///   const. Meanwhile the element is not to be changed in another way.
/// - With a const `T` nothing becomes dirty; otherwise every element does.
///
/// A single-pass view: its iterators are pointers to it, and a copy of it starts anew at its
/// current chunk, with a frame of its own. Advancing costs at most one storage write and one read,
/// and twice that before and after a straddling element. Errors go to the heap's fault handler.
template <class T, class Heap>
class chunk_view {
public:
    /// Goes from chunk to chunk; each step takes the next pin.
    class iterator {
    public:
        using value_type = std::span<T>;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;

        constexpr iterator() noexcept = default;
        constexpr explicit iterator(chunk_view& view) noexcept : view_(&view) {}

        /// Ends with the chunk: on `++`, and with the view.
        [[nodiscard]] std::span<T> operator*() const noexcept { return view_->current_; }
        iterator& operator++() noexcept(Heap::nothrow_access) {
            view_->advance();
            return *this;
        }
        void operator++(int) noexcept(Heap::nothrow_access) { ++*this; }

        [[nodiscard]] friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept {
            return at.done();
        }

    private:
        [[nodiscard]] bool done() const noexcept { return view_->left_ == 0; }

        chunk_view* view_ = nullptr;
    };

    /// No elements.
    constexpr chunk_view() noexcept = default;
    constexpr chunk_view(vptr<T, Heap> p, std::size_t n) noexcept : at_(p), left_(n) {}

    /// The elements from the current chunk on, in a view that has not begun.
    constexpr chunk_view(const chunk_view& other) noexcept : at_(other.at_), left_(other.left_) {}
    chunk_view& operator=(const chunk_view& other) noexcept(Heap::nothrow_access) {
        if (this != &other) {
            leave();
            at_ = other.at_;
            left_ = other.left_;
        }
        return *this;
    }
    /// Leaves the current chunk. If a copy cannot be written back and the fault handler throws, the
    /// program ends.
    ~chunk_view() { leave(); }

    /// The current chunk; the first call fetches the first one.
    [[nodiscard]] iterator begin() noexcept(Heap::nothrow_access) {
        if (left_ != 0 && current_.empty()) {
            fetch();
        }
        return iterator(*this);
    }
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }

private:
    void advance() noexcept(Heap::nothrow_access) {
        const std::size_t count = current_.size();
        leave();
        at_ += static_cast<std::ptrdiff_t>(count);
        left_ -= count;
        if (left_ != 0) {
            fetch();
        }
    }

    void fetch() noexcept(Heap::nothrow_access) {
        Heap& heap = Heap::current();
        const auto held = heap.template pin_elements<T>(at_.to_address(), left_);
        if (held) [[likely]] {
            current_ = {reinterpret_cast<T*>(held->data), held->size / sizeof(T)};
            slot_ = held->slot;
        } else if (held.error() == errc::not_contiguous || held.error() == errc::misaligned) {
            settle(heap.read(at_.to_address(), copy_.bytes()));
            current_ = {&copy_.get(), 1};
            slot_ = copied;
        } else {
            Heap::fault(held.error(), at_.to_address());
        }
    }

    void leave() noexcept(Heap::nothrow_access) {
        if (std::exchange(current_, {}).empty()) {
            return;
        }
        if (slot_ != copied) [[likely]] {
            Heap::current().unpin(slot_);
        } else if constexpr (!std::is_const_v<T>) {
            settle(Heap::current().write(at_.to_address(), copy_.bytes()));
        }
    }

    void settle(const result<void>& outcome) const noexcept(Heap::nothrow_access) {
        if (!outcome) [[unlikely]] {
            Heap::fault(outcome.error(), at_.to_address());
        }
    }

    /// A slot that means `copy_`.
    static constexpr std::size_t copied = static_cast<std::size_t>(-1);

    /// The first element that is not yet behind.
    vptr<T, Heap> at_;
    std::size_t left_ = 0;
    /// Empty before the first chunk.
    std::span<T> current_;
    std::size_t slot_ = copied;
    detail::raw_object<std::remove_const_t<T>> copy_;
};

/// The `n` elements at `p` in pieces that are contiguous in RAM:
///
///     for (std::span<int> chunk : vmem::chunks(p, n)) {
///         for (int& x : chunk) { x += 1; }
///     }
template <class T, class Heap>
[[nodiscard]] constexpr chunk_view<T, Heap> chunks(vptr<T, Heap> p, std::size_t n) noexcept {
    check_storable<T>();
    return {p, n};
}

/// Calls `f` with each of the `n` elements at `p`, in order, and returns it. Holds one frame; `f`
/// may use other virtual memory. As `chunks`: with a `vptr<const T>` nothing becomes dirty.
template <class T, class Heap, std::invocable<T&> F>
F for_each(vptr<T, Heap> p, std::size_t n, F f) {
    for (const std::span<T> chunk : chunks(p, n)) {
        for (T& element : chunk) {
            f(element);
        }
    }
    return f;
}

namespace detail {

/// Bytes of `n` objects. A product that does not fit is beyond the end of any memory, not a small
/// number.
template <class T>
[[nodiscard]] constexpr std::size_t bytes_of(std::size_t n) noexcept {
    return lesser(n, (std::numeric_limits<std::size_t>::max)() / sizeof(T)) * sizeof(T);
}

} // namespace detail

/// Sets the `n` elements at `p` to `value`; returns the end. One look-up per page.
template <class T, class Heap>
    requires(!std::is_const_v<T>)
vptr<T, Heap> fill(vptr<T, Heap> p, std::size_t n,
                   std::type_identity_t<T> value) noexcept(Heap::nothrow_access &&
                                                           std::is_nothrow_copy_assignable_v<T>) {
    detail::check_end(p, detail::bytes_of<T>(n));
    for (const std::span<T> chunk : chunks(p, n)) {
        for (T& element : chunk) {
            element = value;
        }
    }
    return p + static_cast<std::ptrdiff_t>(n);
}

/// Copies `n` elements from one of `vptr`, `any_ptr` and raw pointer to another, in one heap or
/// two, and returns the end of the target. The bytes are copied, which is as good for whatever is
/// storable; the ranges may overlap. Page by page, as `vmem::memmove`.
template <detail::byte_source From, detail::byte_target To>
    requires(detail::some_virtual<From, To> &&
             std::same_as<std::remove_const_t<detail::operand_element<From>>,
                          detail::operand_element<To>> &&
             storable<detail::operand_element<To>>)
To copy(From from, std::size_t n, To to) noexcept(detail::nothrow_operands<From, To>) {
    detail::move_bytes(to, from, detail::bytes_of<detail::operand_element<To>>(n));
    return to + static_cast<std::ptrdiff_t>(n);
}

} // namespace vmem

// <span> declares the primary template, for which it has a specialisation of its own.
template <class T, class Heap>
inline constexpr bool std::ranges::enable_view<vmem::chunk_view<T, Heap>> = true;

#endif
