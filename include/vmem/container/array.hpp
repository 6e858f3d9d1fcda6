// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_CONTAINER_ARRAY_HPP
#define VMEM_CONTAINER_ARRAY_HPP

#include <vmem/detail/raw_object.hpp>
#include <vmem/ranges.hpp>
#include <vmem/result.hpp>
#include <vmem/storable.hpp>
#include <vmem/vptr.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace vmem {

/// `N` elements of `T` in virtual memory, one after the other. Owns them, unless `release` gives
/// them up, to be adopted later, after a restart too. As a range it is that of its `vptr`s:
/// random access, with `vref<T>` as the reference. Elements are accessed where they are; `chunks`
/// of it runs at raw-pointer speed.
template <class T, std::size_t N, class Heap>
class array {
    static_assert((check_storable<T>(), true));
    static_assert(N != 0, "array: needs at least one element");
    static_assert(std::is_trivially_destructible_v<T>,
                  "array: T has a destructor; keep owning handles out of containers");

public:
    using value_type = T;
    using heap_type = Heap;
    using pointer = vptr<T, Heap>;
    using const_pointer = vptr<const T, Heap>;

    /// An array of elements that are equal to `value`. Errors: those of `Heap::allocate` and of
    /// writing. Writes all of it.
    [[nodiscard]] static result<array> make(const T& value = T{}) {
        const auto room = Heap::current().template allocate<T>(N);
        if (!room) {
            return failure(room.error());
        }
        array made(*room);
        for (std::size_t i = 0; i < N;) {
            const auto part = (made.first_ + static_cast<std::ptrdiff_t>(i)).write(N - i);
            if (!part) {
                return failure(part.error());
            }
            for (T& element : *part) {
                element = value;
            }
            i += part->size();
        }
        return made;
    }

    /// Takes over what `release` gave up, or nothing.
    explicit array(pointer adopted = nullptr) noexcept : first_(adopted) {}
    array(array&& other) noexcept : first_(other.release()) {}
    array& operator=(array&& other) noexcept {
        array taken(std::move(other));
        std::swap(first_, taken.first_);
        return *this;
    }
    /// Frees the elements, if the storage lets it.
    ~array() {
        if (first_ != nullptr) {
            static_cast<void>(Heap::current().deallocate(first_));
        }
    }

    /// Gives the elements up.
    [[nodiscard]] pointer release() noexcept { return std::exchange(first_, nullptr); }

    [[nodiscard]] static constexpr std::size_t size() noexcept { return N; }
    [[nodiscard]] pointer data() noexcept { return first_; }
    [[nodiscard]] const_pointer data() const noexcept { return first_; }
    [[nodiscard]] pointer begin() noexcept { return first_; }
    [[nodiscard]] pointer end() noexcept { return first_ + static_cast<std::ptrdiff_t>(N); }
    [[nodiscard]] const_pointer begin() const noexcept { return first_; }
    [[nodiscard]] const_pointer end() const noexcept {
        return const_pointer(first_) + static_cast<std::ptrdiff_t>(N);
    }

    /// Precondition: index < N. What fails goes to the heap's fault handler.
    [[nodiscard]] auto operator[](std::size_t index) noexcept {
        return first_[static_cast<std::ptrdiff_t>(index)];
    }
    [[nodiscard]] auto operator[](std::size_t index) const noexcept {
        return begin()[static_cast<std::ptrdiff_t>(index)];
    }

    /// A copy of an element, and its replacement. Errors: out_of_range; those of the access.
    [[nodiscard]] result<T> get(std::size_t index) const {
        if (index >= N) {
            return failure(errc::out_of_range);
        }
        detail::raw_object<T> copy;
        if (const auto done = Heap::current().read(place(index), copy.bytes()); !done) {
            return failure(done.error());
        }
        return copy.get();
    }
    /// Replaces an element. Errors: out_of_range, those of the heap's `write`.
    [[nodiscard]] result<void> set(std::size_t index, const T& value) {
        if (index >= N) {
            return failure(errc::out_of_range);
        }
        return Heap::current().write(place(index), std::as_bytes(std::span{&value, 1}));
    }

private:
    [[nodiscard]] auto place(std::size_t index) const noexcept {
        return (first_ + static_cast<std::ptrdiff_t>(index)).to_address();
    }

    pointer first_;
};

} // namespace vmem

#endif
