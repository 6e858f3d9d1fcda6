// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_CONTAINER_QUEUE_HPP
#define VMEM_CONTAINER_QUEUE_HPP

#include <vmem/config.hpp>
#include <vmem/detail/raw_object.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>
#include <vmem/storable.hpp>
#include <vmem/vptr.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

/// A first-in first-out queue of at most `capacity()` elements, in one ring that is allocated when
/// the queue is made: pushing and popping never allocate. What is in RAM of it, the residency
/// decides; a queue that is longer than RAM spills to the storage and comes back. Owns the ring,
/// unless `release` gives it up, to be adopted later, after a restart too.
///
/// All operations touch one element, copy it once, and leave nothing pinned. O(1) where that is
/// resident; where objects are, it comes in with its neighbours: O(objects), and at most what the
/// residency's `pin` costs.
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
        if (full()) [[unlikely]] {
            return failure(errc::full);
        }
        auto index = static_cast<size_type>(state_.head + state_.size);
        // The sum of two indices is not cut off where each of them stands for two bytes or more.
        if (sizeof(T) != 1 ? index >= state_.capacity
                           : state_.size >= state_.capacity - state_.head) {
            index = static_cast<size_type>(index - state_.capacity);
        }
        const bool copied = use<T, tail>(
            index,
            [&](T* to) {
                std::memcpy(static_cast<void*>(to), &value, sizeof(T));
                return true;
            },
            [] { return false; });
        if (!copied) [[unlikely]] {
            if (const auto written = push_slowly(index, value); !written) {
                return written;
            }
        }
        ++state_.size;
        return {};
    }

    /// Takes the oldest element out. Errors: as `front`; then the queue is as it was.
    [[nodiscard]] result<T> pop() {
        result<T> taken = front();
        if (taken) [[likely]] {
            state_.head = state_.head + 1 == state_.capacity ? 0 : state_.head + 1;
            --state_.size;
        }
        return taken;
    }

    /// A copy of the oldest element. Errors: empty; those of reading.
    [[nodiscard, gnu::always_inline]] result<T> front() const {
        if (empty()) [[unlikely]] {
            return failure(errc::empty);
        }
        return use<const T, head>(
            state_.head, [](const T* from) { return result<T>(*from); },
            [&] { return front_slowly(); });
    }

    /// Drops all elements; the ring stays.
    void clear() noexcept { state_.size = 0; }

private:
    using residency = typename Heap::residency_type;
    static constexpr bool in_blocks = object_residency<residency>;
    using slot_type = detail::smallest_uint<residency::frame_count>;
    struct no_slots {};
    static constexpr std::size_t head = 0;
    static constexpr std::size_t tail = 1;

    /// Elements that come in and leave together where the residency leaves that to whoever asks: as
    /// many as it can tell apart when they change, or half a kilobyte, but never so much of what is
    /// resident or unsaved that little else can be.
    static constexpr size_type block = [] {
        constexpr std::size_t few = 16 * sizeof(T) < 512 ? 512 : 16 * sizeof(T);
        constexpr std::size_t count = detail::lesser(few, residency::page_size / 4) / sizeof(T);
        return static_cast<size_type>(count == 0 ? 1 : std::bit_floor(count));
    }();

    [[nodiscard]] vptr<T, Heap> place(size_type index) const noexcept {
        return state_.ring + static_cast<std::ptrdiff_t>(index);
    }

    /// `in_place` of the raw address of an element if that is resident, and may change unless `U`
    /// is const; `otherwise()` if not, or not simply so.
    template <class U, std::size_t End, class InPlace, class Otherwise>
    [[nodiscard, gnu::always_inline]] auto use(size_type index, InPlace in_place,
                                               Otherwise otherwise) const {
        const auto at = place(index).to_address();
        Heap& heap = Heap::current();
        if constexpr (in_blocks) {
            return heap.template use_near<U, block * sizeof(T)>(slots_[End], at, in_place,
                                                                otherwise);
        } else {
            return heap.template use_resident<U>(at, in_place, otherwise);
        }
    }
    struct unpinning {
        Heap& heap;
        std::size_t slot;
        ~unpinning() { heap.unpin(slot); }
    };

    [[nodiscard, gnu::noinline]] result<void> push_slowly(size_type index, const T& value) {
        const auto bytes = std::as_bytes(std::span{&value, 1});
        if constexpr (in_blocks) {
            // What is in a block matters only if the element before is in it, or the oldest.
            const bool load =
                !empty() && (index % block != 0 || state_.head / block == index / block);
            const auto held = pin_block(index, access::write, load, slots_[tail]);
            if (held) {
                const unpinning end{Heap::current(), held->slot};
                std::memcpy(held->data, bytes.data(), sizeof(T));
                return {};
            }
            if (!can_do_without(held.error())) {
                return failure(held.error());
            }
        }
        return Heap::current().write(place(index).to_address(), bytes);
    }
    [[nodiscard, gnu::noinline]] result<T> front_slowly() const {
        if constexpr (in_blocks) {
            const auto held = pin_block(state_.head, access::read, true, slots_[head]);
            if (held) {
                const unpinning end{Heap::current(), held->slot};
                return *reinterpret_cast<const T*>(held->data);
            }
            if (!can_do_without(held.error())) {
                return failure(held.error());
            }
        }
        detail::raw_object<T> copy;
        const auto done = Heap::current().read(place(state_.head).to_address(), copy.bytes());
        return done ? result<T>(copy.get()) : failure(done.error());
    }

    /// An element, in the block that it is in.
    [[nodiscard]] result<pinned_bytes> pin_block(size_type index, access how, bool load,
                                                 slot_type& slot) const {
        const size_type first = index - index % block;
        const std::size_t count = detail::lesser(std::size_t{block}, state_.capacity - first);
        const object_part part{.offset = (index - first) * sizeof(T), .size = sizeof(T)};
        return Heap::current().pin_part(place(first).to_address(), count * sizeof(T), part, how,
                                        load, slot);
    }
    /// Whether it is only that a block cannot be resident, or not as a whole.
    [[nodiscard]] static constexpr bool can_do_without(errc why) noexcept {
        return why == errc::too_large || why == errc::pinned || why == errc::no_free_frame ||
               why == errc::over_dirty_limit || why == errc::larger_than_arena;
    }

    state state_;
    /// The slots in which the elements at either end were last, if there are slots.
    [[no_unique_address]] mutable std::conditional_t<in_blocks, std::array<slot_type, 2>, no_slots>
        slots_{};
};

} // namespace vmem

#endif
