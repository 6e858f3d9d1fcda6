// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_CONTAINER_QUEUE_HPP
#define VMEM_CONTAINER_QUEUE_HPP

#include <vmem/detail/raw_object.hpp>
#include <vmem/result.hpp>
#include <vmem/storable.hpp>
#include <vmem/vptr.hpp>

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

/// A first-in first-out queue of at most `capacity()` elements, in one ring that is allocated when
/// the queue is made: pushing and popping never allocate. What is in RAM of it, the residency
/// decides; a queue that is longer than RAM spills to the storage and comes back. Owns the ring,
/// unless `release` gives it up, to be adopted later, after a restart too.
///
/// All operations are O(1) and touch one element.
template <class T, class Heap>
class queue {
    static_assert((check_storable<T>(), true));
    static_assert(std::is_trivially_copyable_v<T>,
                  "queue: T must be trivially copyable; keep owning handles out of containers");

public:
    using value_type = T;
    using heap_type = Heap;
    /// Elements.
    using size_type = typename Heap::address_type;

    /// What a queue is, without owning it: trivially copyable, may be kept in virtual memory.
    struct state {
        vptr<T, Heap> ring;
        size_type capacity = 0;
        /// Index of the oldest element.
        size_type head = 0;
        size_type size = 0;
    };

    /// A queue for `capacity` elements. Errors: those of `Heap::allocate`.
    [[nodiscard]] static result<queue> make(size_type capacity) {
        const auto ring = Heap::current().template allocate<T>(capacity);
        if (!ring) {
            return failure(ring.error());
        }
        return queue(state{.ring = *ring, .capacity = capacity});
    }

    /// Has room for nothing.
    queue() noexcept = default;
    /// Takes over what `release` gave up.
    explicit queue(const state& adopted) noexcept : state_(adopted) {}
    queue(queue&& other) noexcept : state_(other.release()) {}
    queue& operator=(queue&& other) noexcept {
        queue taken(std::move(other));
        std::swap(state_, taken.state_);
        return *this;
    }
    /// Frees the ring, if the storage lets it.
    ~queue() {
        if (state_.ring != nullptr) {
            static_cast<void>(Heap::current().deallocate(state_.ring));
        }
    }

    /// Gives the ring up; then the queue has room for nothing.
    [[nodiscard]] state release() noexcept { return std::exchange(state_, state{}); }

    [[nodiscard]] size_type size() const noexcept { return state_.size; }
    [[nodiscard]] size_type capacity() const noexcept { return state_.capacity; }
    [[nodiscard]] bool empty() const noexcept { return state_.size == 0; }
    [[nodiscard]] bool full() const noexcept { return state_.size == state_.capacity; }

    /// Errors: full; those of writing; then the queue is as it was.
    [[nodiscard]] result<void> push(const T& value) {
        if (full()) {
            return failure(errc::full);
        }
        const size_type room = state_.capacity - state_.head;
        const size_type index = state_.size < room ? state_.head + state_.size : state_.size - room;
        const auto written =
            Heap::current().write(place(index).to_address(), std::as_bytes(std::span{&value, 1}));
        if (written) {
            ++state_.size;
        }
        return written;
    }

    /// Takes the oldest element out. Errors: as `front`; then the queue is as it was.
    [[nodiscard]] result<T> pop() {
        const auto taken = front();
        if (taken) {
            state_.head = state_.head + 1 == state_.capacity ? 0 : state_.head + 1;
            --state_.size;
        }
        return taken;
    }

    /// A copy of the oldest element. Errors: empty; those of reading.
    [[nodiscard]] result<T> front() const {
        if (empty()) {
            return failure(errc::empty);
        }
        detail::raw_object<T> copy;
        if (const auto done = Heap::current().read(place(state_.head).to_address(), copy.bytes());
            !done) {
            return failure(done.error());
        }
        return copy.get();
    }

    /// Drops all elements; the ring stays.
    void clear() noexcept { state_.size = 0; }

private:
    [[nodiscard]] vptr<T, Heap> place(size_type index) const noexcept {
        return state_.ring + static_cast<std::ptrdiff_t>(index);
    }

    state state_;
};

} // namespace vmem

#endif
