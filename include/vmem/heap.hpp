// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_HEAP_HPP
#define VMEM_HEAP_HPP

#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/fwd.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>
#include <vmem/storable.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/vptr.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

namespace detail {

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

} // namespace detail

/// A virtual memory: where the bytes live (`Storage`), which of them are in RAM (`Residency`), who
/// hands out addresses (`Allocator`), and optional policies in any order: `address_bits<>`,
/// `on_fault<>`, `locking<>`, `instance<>`, `statistics<>`.
///
/// All state is in this object; nothing is allocated. A `vptr` finds its heap by type, so one heap
/// of a type may be alive at a time (`instance<Tag>` makes further types); the object must not
/// move. Call `format` or `open` before anything else.
template <class Storage, class Residency, class Allocator, class... Policies>
class heap {
    static_assert((check_storage<Storage>(), true));
    static_assert((detail::check_policies<Policies...>(), true));

    template <class Kind, class Default>
    using policy = detail::policy<Kind, Default, Policies...>;
    using mutex_type = typename policy<detail::locking_policy, locking<no_lock>>::type;
    using fault_handler = typename policy<detail::fault_policy, on_fault<trap_on_fault>>::type;

public:
    /// Unsigned; the representation of a `vptr`.
    using address_type = typename policy<detail::address_policy, address_bits<32>>::type;
    static constexpr bool counts =
        policy<detail::statistics_policy, vmem::statistics<false>>::value;
    using storage_type = Storage;
    using residency_type = typename Residency::template bind<Storage, address_type, counts>;
    using allocator_type = Allocator;
    template <class T>
    using pointer = vptr<T, heap>;

    /// Whether operators are noexcept: with a fault handler that throws they are not.
    static constexpr bool nothrow_access =
        noexcept(fault_handler{}(fault_info{})) && noexcept(std::declval<mutex_type&>().lock());

    static_assert((check_residency<residency_type>(), true));
    static_assert((check_nonresident_allocator<Allocator, residency_type>(), true));
    static_assert(
        Allocator::max_address >= (std::numeric_limits<address_type>::max)() ||
            fixed_size_storage<Storage>,
        "heap: the allocator's words are narrower than address_bits<>; choose the allocator "
        "with wider words");

    /// Takes the storage. A second live heap of the same type is a fault, already_open.
    explicit heap(Storage storage) : residency_(std::move(storage)) { enter(); }
    heap()
        requires std::default_initializable<Storage>
        : residency_(Storage{}) {
        enter();
    }
    heap(const heap&) = delete;
    heap& operator=(const heap&) = delete;

    /// Flushes what is unsaved; call `flush` yourself to learn whether that succeeded.
    ~heap() {
        if (is_open()) {
            static_cast<void>(flush());
        }
        current_ = nullptr;
    }

    /// Starts afresh: erases what the storage held. Errors: wrong_size (storage too small),
    /// too_large (storage larger than address_bits<> or the translation), the storage's; then the
    /// heap is not open.
    [[nodiscard]] result<void> format() {
        const auto guard = lock();
        return entered(format_image());
    }

    /// Takes up what an earlier `format` of the same composition left. Errors: not_formatted,
    /// version_too_old, version_too_new, geometry_mismatch, truncated, corrupt, the storage's; then
    /// the heap is not open and the storage is unchanged.
    [[nodiscard]] result<void> open() {
        const auto guard = lock();
        return entered(open_image());
    }

    [[nodiscard]] bool is_open() const noexcept { return residency_.size() != 0; }

    /// Writes every change to the storage and syncs it. Errors: not_open, the storage's; what could
    /// not be written stays in RAM, and a later flush tries again.
    [[nodiscard]] result<void> flush() {
        const auto guard = lock();
        if (!is_open()) {
            return failure(errc::not_open);
        }
        if (const auto settled = allocator_.settle(residency_); !settled) {
            return settled;
        }
        return residency_.sync();
    }

    /// Room for `count` objects of `T`, uninitialised, aligned for `T`. An element of a
    /// power-of-two size never straddles pages. Errors: zero_size, out_of_memory, not_open, the
    /// storage's.
    template <class T>
    [[nodiscard]] result<vptr<T, heap>> allocate(std::size_t count) {
        check_storable<T>();
        if (count > (std::numeric_limits<address>::max)() / sizeof(T)) {
            return failure(errc::out_of_memory);
        }
        constexpr bool even = std::has_single_bit(sizeof(T)) && sizeof(T) <= whole_limit;
        return grant<T>({.size = address{count} * sizeof(T),
                         .align = even ? sizeof(T) : alignof(T),
                         .within = 0});
    }

    /// Constructs one `T`. One that fits a page lies in one page. Errors: as `allocate`.
    template <class T, class... Args>
    [[nodiscard]] result<vptr<T, heap>> make(Args&&... args) {
        check_storable<T>();
        const auto made = grant<T>({.size = sizeof(T),
                                    .align = alignof(T),
                                    .within = sizeof(T) <= whole_limit ? whole_limit : 0});
        if (made) {
            if (const auto stored = construct<T>(*made, std::forward<Args>(args)...); !stored) {
                static_cast<void>(deallocate(*made));
                return failure(stored.error());
            }
        }
        return made;
    }

    /// Gives back what `allocate` or `make` granted; runs no destructor. Null is allowed and does
    /// nothing. Errors: foreign_pointer, double_free, not_open, the storage's.
    template <class T>
    [[nodiscard]] result<void> deallocate(vptr<T, heap> p) {
        const auto guard = lock();
        if (p == nullptr) {
            return {};
        }
        if (!is_open()) {
            return failure(errc::not_open);
        }
        return allocator_.deallocate(residency_, p.to_address());
    }

    /// Destroys the object and gives its room back. Errors: as `deallocate`.
    template <class T>
    [[nodiscard]] result<void> destroy(vptr<T, heap> p) {
        if constexpr (!std::is_trivially_destructible_v<T>) {
            if (p != nullptr) {
                p->~T();
            }
        }
        return deallocate(p);
    }

    /// Bytes of virtual memory, the reserved first page included; 0 when not open.
    [[nodiscard]] address size() const noexcept { return residency_.size(); }

    [[nodiscard]] result<nonresident_stats> allocation() {
        const auto guard = lock();
        return is_open() ? allocator_.stats(residency_) : failure(errc::not_open);
    }
    [[nodiscard]] result<address> largest_free() {
        const auto guard = lock();
        return is_open() ? allocator_.largest_free(residency_) : failure(errc::not_open);
    }
    /// Whether the allocator's state on the medium is consistent. Reads all of it.
    [[nodiscard]] result<bool> invariants_hold() {
        const auto guard = lock();
        return is_open() ? allocator_.invariants_hold(residency_) : failure(errc::not_open);
    }

    [[nodiscard]] residency_type& residency() noexcept { return residency_; }
    [[nodiscard]] Storage& storage() noexcept { return residency_.storage(); }

    /// Whether a heap of this type is alive.
    [[nodiscard]] static bool alive() noexcept { return current_ != nullptr; }

    /// The live heap of this type. If there is none: fault, no_heap.
    [[nodiscard, gnu::always_inline]] static heap& current() noexcept(nothrow_access) {
        if (current_ == nullptr) [[unlikely]] {
            fault(errc::no_heap, 0);
        }
        return *current_;
    }

    // What virtual pointers are made of. `at` is any address; those that cannot return an error
    // fault.

    /// A copy of the `T` at `at`. Resident: O(1), no call.
    template <class T>
    [[nodiscard, gnu::always_inline]] T load(address_type at) noexcept(nothrow_access) {
        {
            const auto guard = lock();
            place where;
            if (residency_.template find<sizeof(T), alignof(T)>(at, where)) [[likely]] {
                return *reinterpret_cast<const T*>(residency_.use(where));
            }
        }
        return load_slowly<T>(at);
    }

    /// Replaces the `T` at `at`. Resident: O(1), no call.
    template <class T>
    [[gnu::always_inline]] void store(address_type at, const T& value) noexcept(nothrow_access) {
        {
            const auto guard = lock();
            place where;
            if (residency_.template find<sizeof(T), alignof(T)>(at, where)) [[likely]] {
                *reinterpret_cast<T*>(residency_.use(where)) = value;
                residency_.mark_dirty(where, sizeof(T));
                return;
            }
        }
        store_slowly<T>(at, value);
    }

    /// Applies `change` to the scalar at `at` in place. `change` must not touch virtual memory.
    template <class T, class Change>
    [[gnu::always_inline]] void update(address_type at, Change change) noexcept(nothrow_access) {
        const auto guard = lock();
        place where;
        if (residency_.template find<sizeof(T), alignof(T)>(at, where)) [[likely]] {
            change(*reinterpret_cast<T*>(residency_.use(where)));
            residency_.mark_dirty(where, sizeof(T));
            return;
        }
        update_slowly<T>(at, change);
    }

    /// Copies bytes from or to virtual memory. Errors: null_pointer, out_of_range, not_open, the
    /// storage's.
    [[nodiscard]] result<void> read(address_type from, std::span<std::byte> out) {
        const auto guard = lock();
        return residency_.read(from, out);
    }
    [[nodiscard]] result<void> write(address_type to, std::span<const std::byte> in) {
        const auto guard = lock();
        return residency_.write(to, in);
    }

    /// Pins the `T` at `at` if it is resident; null otherwise. For `operator->`.
    template <class T>
    [[nodiscard, gnu::always_inline]] T* pin_resident(address_type at, std::size_t& slot) {
        const auto guard = lock();
        place where;
        if (!residency_.template find<sizeof(T), alignof(T)>(at, where)) [[unlikely]] {
            return nullptr;
        }
        if constexpr (!std::is_const_v<T>) {
            residency_.mark_dirty(where, sizeof(T));
        }
        std::byte* const raw = residency_.use(where);
        residency_.add_pin(where.frame);
        slot = where.frame;
        return reinterpret_cast<T*>(raw);
    }

    /// Pins the longest contiguous prefix of `count` elements. Errors: misaligned, and those of the
    /// residency's `pin`.
    template <class T>
    [[nodiscard]] result<pinned_bytes> pin_elements(address_type at, std::size_t count) {
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
        fault_handler{}(fault_info{.code = code, .where = where});
        __builtin_trap();
    }

private:
    using place = typename residency_type::place;

    /// Objects up to this size (bytes) can be kept from straddling.
    static constexpr address whole_limit = residency_type::page_size;

    [[nodiscard, gnu::always_inline]] auto lock() {
        return detail::scoped_lock<mutex_type>(mutex_);
    }

    void enter() {
        if (current_ != nullptr) {
            fault(errc::already_open, 0);
        }
        current_ = this;
    }

    [[nodiscard]] result<void> entered(result<void> outcome) {
        if (!outcome && residency_.unpinned_frames() == residency_type::frame_count) {
            residency_.stop();
        }
        return outcome;
    }

    [[nodiscard]] superblock description() const noexcept {
        superblock block;
        block.page_size = static_cast<std::uint32_t>(residency_type::page_size);
        block.size = residency_.size();
        block.address_bits = std::numeric_limits<address_type>::digits;
        block.allocator = Allocator::media_id;
        return block.sealed();
    }

    [[nodiscard]] result<void> format_image() {
        if (const auto started = residency_.start(residency_.storage().size()); !started) {
            return started;
        }
        // An image that is half made must not be taken for the one that was there before.
        superblock none;
        none.magic = 0;
        if (const auto wiped = write_superblock(none); !wiped) {
            return wiped;
        }
        if (const auto made = allocator_.format(residency_, residency_type::reserved, size());
            !made) {
            return made;
        }
        if (const auto saved = residency_.sync(); !saved) {
            return saved;
        }
        return write_superblock(description());
    }

    [[nodiscard]] result<void> write_superblock(const superblock& block) {
        if (const auto written = residency_.write_reserved(std::as_bytes(std::span{&block, 1}));
            !written) {
            return written;
        }
        return residency_.storage().sync();
    }

    [[nodiscard]] result<void> open_image() {
        if (const auto started = residency_.start(residency_.storage().size()); !started) {
            return started;
        }
        superblock found;
        if (const auto read =
                residency_.read_reserved(std::as_writable_bytes(std::span{&found, 1}));
            !read) {
            return read;
        }
        if (const auto fits = description().accepts(found); !fits) {
            return fits;
        }
        if (const auto started = residency_.start(static_cast<address>(found.size)); !started) {
            return started;
        }
        return allocator_.open(residency_, residency_type::reserved, size());
    }

    template <class T>
    [[nodiscard]] result<vptr<T, heap>> grant(block_request request) {
        const auto guard = lock();
        if (!is_open()) {
            return failure(errc::not_open);
        }
        const auto granted = allocator_.allocate(residency_, request);
        if (!granted) {
            return failure(granted.error());
        }
        return vptr<T, heap>::from_address(static_cast<address_type>(*granted));
    }

    template <class T, class... Args>
    [[nodiscard]] result<void> construct(vptr<T, heap> p, Args&&... args) {
        if constexpr (sizeof(T) <= whole_limit) {
            auto room = p.write();
            if (!room) {
                return failure(room.error());
            }
            ::new (static_cast<void*>(room->data())) T(std::forward<Args>(args)...);
            return {};
        } else {
            const T value(std::forward<Args>(args)...);
            return write(p.to_address(), std::as_bytes(std::span{&value, 1}));
        }
    }

    template <class T>
    [[nodiscard, gnu::noinline, gnu::cold]] T
    load_slowly(address_type at) noexcept(nothrow_access) {
        detail::raw_object<T> copy;
        if (const auto done = read(at, copy.bytes()); !done) {
            fault(done.error(), at);
        }
        return copy.get();
    }

    template <class T>
    [[gnu::noinline, gnu::cold]] void store_slowly(address_type at,
                                                   const T& value) noexcept(nothrow_access) {
        if (const auto done = write(at, std::as_bytes(std::span{&value, 1})); !done) {
            fault(done.error(), at);
        }
    }

    template <class T, class Change>
    [[gnu::noinline, gnu::cold]] void update_slowly(address_type at,
                                                    Change change) noexcept(nothrow_access) {
        detail::raw_object<T> copy;
        if (const auto done = residency_.read(at, copy.bytes()); !done) {
            fault(done.error(), at);
        }
        change(copy.get());
        if (const auto done = residency_.write(at, copy.bytes()); !done) {
            fault(done.error(), at);
        }
    }

    inline static heap* current_ = nullptr;

    residency_type residency_;
    [[no_unique_address]] Allocator allocator_;
    [[no_unique_address]] mutex_type mutex_;
};

} // namespace vmem

#endif
