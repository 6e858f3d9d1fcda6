// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_PIN_HPP
#define VMEM_PIN_HPP

#include <vmem/fwd.hpp>
#include <vmem/residency/concept.hpp>

#include <cstddef>
#include <utility>

namespace vmem {

namespace detail {

/// The slot of a pin that holds nothing.
inline constexpr std::size_t no_slot = static_cast<std::size_t>(-1);

/// Gives a pin back, whatever it was to.
template <class Heap>
void unpin_current(std::size_t slot) noexcept {
    if (slot != no_slot) {
        Heap::current().unpin(slot);
    }
}

} // namespace detail

/// Guarantees that one or more consecutive `T` stay in RAM, at one raw address, while it lives. A
/// `pin<const T>` reads; a `pin<T>` may also write, and its elements are saved when their page
/// leaves RAM. A contiguous range at raw-pointer speed. It occupies a frame: release it soon. Made
/// by `vptr::read` and `vptr::write`.
template <class T, class Heap>
class [[nodiscard]] pin {
public:
    using element_type = T;
    using iterator = T*;

    /// Holds nothing.
    constexpr pin() noexcept = default;
    /// Takes over a pin that the heap's residency gave.
    explicit pin(pinned_bytes held) noexcept
        : data_(reinterpret_cast<T*>(held.data)), size_(held.size / sizeof(T)), slot_(held.slot) {}
    pin(pin&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)),
          slot_(std::exchange(other.slot_, detail::no_slot)) {}
    pin& operator=(pin&& other) noexcept {
        pin taken(std::move(other));
        std::swap(data_, taken.data_);
        std::swap(size_, taken.size_);
        std::swap(slot_, taken.slot_);
        return *this;
    }
    ~pin() { detail::unpin_current<Heap>(slot_); }

    /// Lets the elements leave RAM again; then the pin holds nothing. O(1), no I/O.
    void release() noexcept { static_cast<void>(pin(std::move(*this))); }

    [[nodiscard]] constexpr explicit operator bool() const noexcept { return data_ != nullptr; }
    [[nodiscard]] constexpr T* data() const noexcept { return data_; }
    /// Elements.
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr T* begin() const noexcept { return data_; }
    [[nodiscard]] constexpr T* end() const noexcept { return data_ + size_; }
    // Precondition of the following: the pin holds something, and index < size().
    [[nodiscard]] constexpr T& operator*() const noexcept { return *data_; }
    [[nodiscard]] constexpr T* operator->() const noexcept { return data_; }
    [[nodiscard]] constexpr T& operator[](std::size_t index) const noexcept { return data_[index]; }

private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t slot_ = detail::no_slot;
};

} // namespace vmem

#endif
