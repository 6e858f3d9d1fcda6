// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_TYPED_MEMORY_HPP
#define VMEM_DETAIL_TYPED_MEMORY_HPP

#include <vmem/config.hpp>
#include <vmem/detail/raw_object.hpp>
#include <vmem/persist/critical_section.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem::detail {

/// std::lock_guard without <mutex>, which a device may not have.
template <class Mutex>
class scoped_lock {
public:
    [[nodiscard]] constexpr explicit scoped_lock(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
    constexpr ~scoped_lock() { mutex_.unlock(); }
    scoped_lock(const scoped_lock&) = delete;
    scoped_lock& operator=(const scoped_lock&) = delete;

private:
    Mutex& mutex_;
};

/// The part of a heap that virtual pointers are made of: typed access to its residency, under its
/// lock, for the one live `Heap` of its type. `at` is any address; what cannot return an error goes
/// to the fault handler.
template <class Heap, class Residency, class Mutex, class FaultHandler>
class typed_memory {
public:
    using residency_type = Residency;
    /// Unsigned; the representation of a `vptr`.
    using address_type = typename Residency::address_type;

    /// Whether operators are noexcept: with a fault handler that throws they are not.
    static constexpr bool nothrow_access =
        noexcept(FaultHandler{}(fault_info{})) && noexcept(std::declval<Mutex&>().lock());

    typed_memory(const typed_memory&) = delete;
    typed_memory& operator=(const typed_memory&) = delete;

    [[nodiscard]] Residency& residency() noexcept { return residency_; }

    /// Whether a heap of this type is alive.
    [[nodiscard]] static bool alive() noexcept { return current_ != nullptr; }

    /// The live heap of this type. If there is none: fault, no_heap.
    [[nodiscard, gnu::always_inline]] static Heap& current() noexcept(nothrow_access) {
        if (current_ == nullptr) [[unlikely]] {
            fault(errc::no_heap, 0);
        }
        return *current_;
    }

    // Operators work on the live heap; that there is none is found out where nothing is resident
    // either, so that it costs them no more than a branch. Bytes are copied in place. Copy
    // operations of a class's own may reach for virtual memory themselves: they work on a copy in
    // RAM, outside the lock.

    /// A copy of the `T` at `at`. Resident: O(1), no call.
    template <class T>
    [[nodiscard, gnu::always_inline]] static T load(address_type at) noexcept(nothrow_access) {
        if constexpr (std::is_trivially_copyable_v<T>) {
            if (typed_memory* const live = current_; live != nullptr) [[likely]] {
                const auto guard = live->lock();
                Residency& residency = live->residency_;
                place where;
                if (residency.template find<sizeof(T), alignof(T)>(at, where)) [[likely]] {
                    return *reinterpret_cast<const T*>(residency.use(where));
                }
            }
        }
        return load_slowly<T>(at);
    }

    /// Replaces the `T` at `at`. Resident: O(1), no call.
    template <class T>
    [[gnu::always_inline]] static void store(address_type at,
                                             const T& value) noexcept(nothrow_access) {
        if constexpr (std::is_trivially_copyable_v<T>) {
            if (typed_memory* const live = current_; live != nullptr) [[likely]] {
                const auto guard = live->lock();
                place where;
                if (live->template find_to_change<T>(at, where)) [[likely]] {
                    *reinterpret_cast<T*>(live->residency_.use(where)) = value;
                    live->template mark_dirty<T>(where);
                    return;
                }
            }
        }
        store_slowly<T>(at, value);
    }

    /// Applies `change` to the scalar at `at` in place. `change` must not touch virtual memory.
    template <class T, class Change>
    [[gnu::always_inline]] static void update(address_type at,
                                              Change change) noexcept(nothrow_access) {
        if (typed_memory* const live = current_; live != nullptr) [[likely]] {
            const auto guard = live->lock();
            place where;
            if (live->template find_to_change<T>(at, where)) [[likely]] {
                change(*reinterpret_cast<T*>(live->residency_.use(where)));
                live->template mark_dirty<T>(where);
                return;
            }
        }
        update_slowly<T>(at, change);
    }

    /// Copies bytes from or to virtual memory. Errors: null_pointer, out_of_range, not_open, the
    /// storage's.
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        const auto guard = lock();
        return residency_.read(from, out);
    }
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        const auto guard = lock();
        return residency_.write(to, in);
    }

    /// Pins the `T` at `at` if it is resident; null otherwise. For `operator->`.
    template <class T>
    [[nodiscard, gnu::always_inline]] T* pin_resident(address_type at, std::size_t& slot) {
        const auto guard = lock();
        place where;
        if (!find_to_change<T>(at, where)) [[unlikely]] {
            return nullptr;
        }
        mark_dirty<T>(where);
        std::byte* const raw = residency_.use(where);
        if constexpr (object_residency<Residency> && !std::is_const_v<T>) {
            residency_.add_writer(where.frame);
        } else {
            residency_.add_pin(where.frame);
        }
        slot = where.frame;
        return reinterpret_cast<T*>(raw);
    }

    /// Pins the longest contiguous prefix of `count` elements. Errors: misaligned, and those of the
    /// residency's `pin`.
    template <class T>
    [[nodiscard]] result<pinned_bytes> pin_elements(address_type at, std::size_t count) {
        static_assert(alignof(T) <= alignof(std::max_align_t),
                      "paged: T is aligned more strictly than a page frame; use a less aligned T");
        if (at % alignof(T) != 0) {
            return failure(errc::misaligned);
        }
        const auto guard = lock();
        return residency_.pin(at, count, sizeof(T),
                              std::is_const_v<T> ? access::read : access::write);
    }
    /// A pinned copy of an object that is not contiguous, and its end. See the residency.
    [[nodiscard]] result<pinned_bytes> copy_out(address_type from, std::size_t count) {
        const auto guard = lock();
        return residency_.copy_out(from, count);
    }
    [[nodiscard]] result<void> put_back(const pinned_bytes& copy, address_type to) {
        const auto guard = lock();
        return residency_.put_back(copy, to);
    }
    void discard(const pinned_bytes& copy) {
        const auto guard = lock();
        residency_.discard(copy);
    }

    [[gnu::always_inline]] void unpin(std::size_t slot) {
        const auto guard = lock();
        residency_.unpin(slot);
    }

    /// Hands the error to the fault handler and does not return.
    [[noreturn, gnu::cold, gnu::noinline]] static void
    fault(errc code, address where) noexcept(nothrow_access) {
        FaultHandler{}(fault_info{.code = code, .where = where});
        __builtin_trap();
    }

protected:
    /// A second live heap of the type is a fault, already_open.
    typed_memory()
        requires std::default_initializable<Residency>
    {
        enter();
    }
    explicit typed_memory(typename Residency::storage_type storage)
        : residency_(std::move(storage)) {
        enter();
    }
    ~typed_memory() { current_ = nullptr; }

    [[nodiscard, gnu::always_inline]] auto lock() { return scoped_lock<Mutex>(mutex_); }

    /// For what changes more than bytes that are found: puts off a persist as well, if the
    /// residency has one.
    [[nodiscard]] auto section() {
        if constexpr (object_residency<Residency>) {
            return locked_section(mutex_, residency_.critical());
        } else {
            return lock();
        }
    }

    Residency residency_;

private:
    class locked_section {
    public:
        locked_section(Mutex& mutex, critical_section& critical)
            : lock_(mutex), critical_(critical) {}

    private:
        scoped_lock<Mutex> lock_;
        critical_guard critical_;
    };

    void enter() {
        if (current_ != nullptr) {
            fault(errc::already_open, 0);
        }
        current_ = static_cast<Heap*>(this);
    }

    using place = typename Residency::place;

    /// `find` for bytes that are about to change, unless `T` is const. Where a persist may come
    /// between any two instructions, they must count as unsaved before.
    template <class T>
    [[nodiscard, gnu::always_inline]] bool find_to_change(address_type at, place& where) {
        if constexpr (object_residency<Residency> && !std::is_const_v<T>) {
            return residency_.template find_unsaved<sizeof(T), alignof(T)>(at, where);
        } else {
            return residency_.template find<sizeof(T), alignof(T)>(at, where);
        }
    }
    template <class T>
    [[gnu::always_inline]] void mark_dirty(place where) {
        if constexpr (!object_residency<Residency> && !std::is_const_v<T>) {
            residency_.mark_dirty(where, sizeof(T));
        }
    }

    template <class T>
    [[nodiscard, gnu::noinline, gnu::cold]] static T
    load_slowly(address_type at) noexcept(nothrow_access) {
        raw_object<T> copy;
        if (const auto done = current().read(at, copy.bytes()); !done) {
            fault(done.error(), at);
        }
        return copy.get();
    }

    template <class T>
    [[gnu::noinline, gnu::cold]] static void store_slowly(address_type at,
                                                          const T& value) noexcept(nothrow_access) {
        typed_memory& live = current();
        result<void> done;
        if constexpr (std::is_trivially_copyable_v<T>) {
            done = live.write(at, std::as_bytes(std::span{&value, 1}));
        } else {
            raw_object<T> copy;
            done = live.read(at, copy.bytes());
            if (done) {
                copy.get() = value;
                done = live.write(at, copy.bytes());
            }
        }
        if (!done) {
            fault(done.error(), at);
        }
    }

    template <class T, class Change>
    [[gnu::noinline, gnu::cold]] static void update_slowly(address_type at,
                                                           Change change) noexcept(nothrow_access) {
        typed_memory& live = current();
        raw_object<T> copy;
        result<void> done;
        {
            const auto guard = live.lock();
            done = live.residency_.read(at, copy.bytes());
            if (done) {
                change(copy.get());
                done = live.residency_.write(at, copy.bytes());
            }
        }
        if (!done) {
            fault(done.error(), at);
        }
    }

    inline static Heap* current_ = nullptr;

    [[no_unique_address]] Mutex mutex_;
};

} // namespace vmem::detail

#endif
