// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_CONTAINER_LIST_HPP
#define VMEM_CONTAINER_LIST_HPP

#include <vmem/config.hpp>
#include <vmem/detail/raw_object.hpp>
#include <vmem/pin.hpp>
#include <vmem/result.hpp>
#include <vmem/storable.hpp>
#include <vmem/vptr.hpp>

#include <cstddef>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

namespace detail {

template <class T, class Heap>
struct list_node {
    T value;
    /// Unspecified in the last and in the first node.
    vptr<list_node, Heap> next;
    vptr<list_node, Heap> before;
};

} // namespace detail

template <class T, class Heap>
inline constexpr bool enable_storable<detail::list_node<T, Heap>> = storable<T>;

/// A doubly linked list of `T` in virtual memory. Each element is an allocation of its own, of the
/// element and two pointers; in RAM are two pointers and a count. Owns its elements: they end with
/// it, unless `release` gives them up, to be adopted later, after a restart too.
///
/// All operations are O(1) but `clear` and the destructor, and touch at most two elements.
template <class T, class Heap>
class list {
    static_assert((check_storable<T>(), true));
    static_assert(std::is_trivially_destructible_v<T>,
                  "list: T has a destructor; keep owning handles out of containers");

    using node = detail::list_node<T, Heap>;
    using node_pointer = vptr<node, Heap>;

    template <class U>
    class iterator_of;

public:
    using value_type = T;
    using heap_type = Heap;
    /// Elements.
    using size_type = typename Heap::address_type;
    /// Pins the element that it refers to.
    using const_iterator = iterator_of<const T>;
    using iterator = iterator_of<T>;

    /// What a list is, without owning it: trivially copyable, may be kept in virtual memory.
    struct state {
        node_pointer first;
        node_pointer last;
        size_type size = 0;
    };

    /// Empty.
    list() noexcept = default;
    /// Takes over what `release` gave up.
    explicit list(const state& adopted) noexcept : state_(adopted) {}
    list(list&& other) noexcept : state_(other.release()) {}
    list& operator=(list&& other) noexcept {
        list taken(std::move(other));
        std::swap(state_, taken.state_);
        return *this;
    }
    /// Frees the elements, as far as the storage lets it.
    ~list() { static_cast<void>(clear()); }

    /// Gives the elements up; then the list is empty.
    [[nodiscard]] state release() noexcept { return std::exchange(state_, state{}); }

    [[nodiscard]] size_type size() const noexcept { return state_.size; }
    [[nodiscard]] bool empty() const noexcept { return state_.size == 0; }

    /// Errors: those of `Heap::make`; then the list is as it was.
    [[nodiscard]] result<void> push_back(const T& value) {
        return push(value, state_.last, state_.first, &node::next, &node::before);
    }
    [[nodiscard]] result<void> push_front(const T& value) {
        return push(value, state_.first, state_.last, &node::before, &node::next);
    }

    /// Takes an element out. Errors: empty; those of reading and of `Heap::deallocate`; then the
    /// list is as it was.
    [[nodiscard]] result<T> pop_front() { return pop(state_.first, &node::next); }
    [[nodiscard]] result<T> pop_back() { return pop(state_.last, &node::before); }

    /// A copy of an element. Errors: empty, those of reading.
    [[nodiscard]] result<T> front() const { return peek(state_.first); }
    [[nodiscard]] result<T> back() const { return peek(state_.last); }

    /// Frees all elements. Errors: those of reading and of `Heap::deallocate`; then the list holds
    /// the elements that are left.
    [[nodiscard]] result<void> clear() {
        while (!empty()) {
            if (const auto taken = pop_front(); !taken) {
                return failure(taken.error());
            }
        }
        return {};
    }

    /// The elements in order, for reading; each is pinned while it is looked at. What fails goes to
    /// the heap's fault handler.
    [[nodiscard]] const_iterator begin() const { return const_iterator(state_); }
    [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }

    /// The elements in order, for writing: each counts as changed.
    [[nodiscard]] auto writable() {
        struct view {
            state elements;
            [[nodiscard]] iterator begin() const { return iterator(elements); }
            [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }
        };
        return view{state_};
    }

private:
    using link = node_pointer node::*;

    /// The new element becomes `end`; `ahead` is the link that leads from the old one to it.
    [[nodiscard]] result<void> push(const T& value, node_pointer& end, node_pointer& other_end,
                                    link ahead, link behind) {
        node fresh{.value = value, .next = {}, .before = {}};
        fresh.*behind = end;
        const auto made = Heap::current().template make<node>(fresh);
        if (!made) {
            return failure(made.error());
        }
        if (!empty()) {
            const auto link_at = end.member(ahead).to_address();
            const auto linked = Heap::current().write(link_at, std::as_bytes(std::span{&*made, 1}));
            if (!linked) {
                static_cast<void>(Heap::current().deallocate(*made));
                return linked;
            }
        } else {
            other_end = *made;
        }
        end = *made;
        ++state_.size;
        return {};
    }

    [[nodiscard]] result<T> pop(node_pointer& end, link inward) {
        const auto taken = node_at(end);
        if (!taken) {
            return failure(taken.error());
        }
        if (const auto freed = Heap::current().deallocate(end); !freed) {
            return failure(freed.error());
        }
        --state_.size;
        end = (*taken).*inward;
        return taken->value;
    }

    [[nodiscard]] result<T> peek(node_pointer at) const {
        const auto found = node_at(at);
        if (!found) {
            return failure(found.error());
        }
        return found->value;
    }

    [[nodiscard]] result<node> node_at(node_pointer at) const {
        if (empty()) {
            return failure(errc::empty);
        }
        detail::raw_object<node> copy;
        if (const auto done = Heap::current().read(at.to_address(), copy.bytes()); !done) {
            return failure(done.error());
        }
        return copy.get();
    }

    state state_;
};

/// Input iterator: moves on, cannot be copied.
template <class T, class Heap>
template <class U>
class list<T, Heap>::iterator_of {
    using held_node = std::conditional_t<std::is_const_v<U>, const node, node>;

public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    iterator_of() noexcept = default;
    explicit iterator_of(const state& elements) : at_(elements.first), left_(elements.size) {
        hold();
    }

    [[nodiscard]] U& operator*() const noexcept { return held_->value; }
    [[nodiscard]] U* operator->() const noexcept { return &held_->value; }
    iterator_of& operator++() {
        at_ = held_->next;
        --left_;
        held_.release();
        hold();
        return *this;
    }
    void operator++(int) { ++*this; }
    [[nodiscard]] friend bool operator==(const iterator_of& i, std::default_sentinel_t) noexcept {
        return i.left_ == 0;
    }

private:
    void hold() {
        if (left_ != 0) {
            auto held = pin_node();
            if (!held) {
                Heap::fault(held.error(), at_.to_address());
            }
            held_ = std::move(*held);
        }
    }

    [[nodiscard]] auto pin_node() const {
        if constexpr (std::is_const_v<U>) {
            return at_.read();
        } else {
            return at_.write();
        }
    }

    node_pointer at_;
    size_type left_ = 0;
    pin<held_node, Heap> held_;
};

} // namespace vmem

#endif
