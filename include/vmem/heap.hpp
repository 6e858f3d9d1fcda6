// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_HEAP_HPP
#define VMEM_HEAP_HPP

#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/config.hpp>
#include <vmem/detail/heap_parts.hpp>
#include <vmem/detail/raw_object.hpp>
#include <vmem/detail/root_table.hpp>
#include <vmem/fwd.hpp>
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
#include <type_traits>
#include <utility>

namespace vmem {

/// A virtual memory: where the bytes live (`Storage`), which of them are in RAM (`Residency`), who
/// hands out addresses (`Allocator`), and optional policies in any order: `address_bits<>`,
/// `on_fault<>`, `locking<>`, `instance<>`, `statistics<>`, `durability<>`, `roots<>`; with
/// `resident_objects` also `dirty_limit<>` and `on_persisted<>`, and the members of `object_heap`.
/// With `durability<journaled<...>>` it has those of `heap_commit`, with roots those of
/// `heap_roots`.
///
/// All state is in this object; nothing is allocated. A `vptr` finds its heap by type, so one heap
/// of a type may be alive at a time (`instance<Tag>` makes further types); the object must not
/// move. Call `format` or `open` before anything else.
template <class Storage, class Residency, class Allocator, class... Policies>
class heap : public detail::heap_parts<Storage, Residency, Allocator, Policies...>::memory,
             public detail::heap_parts<Storage, Residency, Allocator, Policies...>::objects,
             public detail::heap_parts<Storage, Residency, Allocator, Policies...>::commits,
             public detail::heap_parts<Storage, Residency, Allocator, Policies...>::root_names,
             private detail::heap_parts<Storage, Residency, Allocator, Policies...>::construction,
             private detail::heap_parts<Storage, Residency, Allocator, Policies...>::image {
    static_assert((check_storage<Storage>(), true));
    static_assert((detail::check_policies<Policies...>(), true));

    using parts = detail::heap_parts<Storage, Residency, Allocator, Policies...>;
    using base = typename parts::memory;
    using construction = typename parts::construction;
    using image = typename parts::image;
    using base::residency_;
    using base::section;
    friend typename parts::plain_objects;
    friend typename parts::commits;
    friend typename parts::root_names;
    friend typename parts::copies;
    friend construction;
    friend image;

public:
    using typename base::address_type;
    using typename base::residency_type;
    using storage_type = Storage;
    using allocator_type = Allocator;
    template <class T>
    using pointer = vptr<T, heap>;

    static_assert((check_residency<residency_type>(), true));
    static_assert(
        (check_nonresident_allocator<Allocator, typename detail::medium_of<residency_type>::type>(),
         true));
    static_assert(
        Allocator::max_address >= (std::numeric_limits<address_type>::max)() ||
            fixed_size_storage<Storage>,
        "heap: the allocator's words are narrower than address_bits<>; choose the allocator "
        "with wider words");

    /// Takes the storage. A second live heap of the same type is a fault, already_open.
    explicit heap(Storage storage) : base(std::move(storage)) {}
    heap()
        requires std::default_initializable<Storage>
    = default;

    /// Flushes what is unsaved; call `flush` yourself to learn whether that succeeded. With a
    /// journal what is not committed is dropped, in scratch memory everything.
    ~heap() {
        if constexpr (parts::has_journal) {
            this->close();
        } else if constexpr (!parts::is_scratch) {
            if (is_open()) {
                static_cast<void>(flush());
            }
        }
    }

    /// Starts afresh: erases what the storage held. Errors: wrong_size (storage too small),
    /// too_large (storage larger than address_bits<> or the translation), the storage's; then the
    /// heap is not open. no_free_frame while anything is pinned; then nothing has changed.
    [[nodiscard]] result<void> format() {
        const auto guard = section();
        return entered(this->format_image());
    }

    /// Takes up what an earlier `format` of the same composition left; drops changes that were not
    /// flushed. Errors: not_formatted, version_too_old, version_too_new, geometry_mismatch,
    /// truncated, corrupt, the storage's; then the heap is not open, and what was on the storage is
    /// still there. no_free_frame while anything is pinned; then nothing has changed.
    [[nodiscard]] result<void> open() {
        static_assert(!parts::is_scratch, "heap: durability<scratch> leaves nothing to open; "
                                          "use format, or choose another durability<>");
        const auto guard = section();
        return entered(this->open_image());
    }

    /// Whether `format` or `open` has succeeded. O(1).
    [[nodiscard]] bool is_open() const noexcept { return residency_.size() != 0; }

    /// Writes every change to the storage and syncs it. Errors: not_open, the allocator's (corrupt,
    /// no_free_frame while all frames are pinned), the storage's; what could not be written stays
    /// in RAM, and a later flush tries again. With a journal the same as `commit`.
    [[nodiscard]] result<void> flush() {
        if constexpr (parts::has_journal) {
            return this->commit();
        } else {
            const auto guard = section();
            return is_open() ? flush_now() : failure(errc::not_open);
        }
    }

    /// Room for `count` objects of `T`, uninitialised, aligned for `T`. An element of a
    /// power-of-two size up to a page never straddles pages. Errors: zero_size, out_of_memory,
    /// not_open, the storage's.
    template <class T>
    [[nodiscard]] result<vptr<T, heap>> allocate(std::size_t count) {
        check_storable<T>();
        if (count > (std::numeric_limits<address>::max)() / sizeof(T)) {
            return failure(errc::out_of_memory);
        }
        constexpr bool even =
            std::has_single_bit(sizeof(T)) && sizeof(T) <= construction::whole_limit;
        return grant<T>({.size = address{count} * sizeof(T),
                         .align = even ? sizeof(T) : alignof(T),
                         .within = 0});
    }

    /// Constructs one `T`. One that fits a page lies in one page. Errors: as `allocate`, with
    /// `resident_objects` as `make_unique`; its room is lost if the storage lets it neither be
    /// constructed nor given back.
    template <class T, class... Args>
    [[nodiscard]] result<vptr<T, heap>> make(Args&&... args) {
        check_storable<T>();
        if constexpr (object_residency<residency_type>) {
            auto owned = this->template make_unique<T>(std::forward<Args>(args)...);
            return owned ? result<vptr<T, heap>>(owned->release()) : failure(owned.error());
        } else {
            return construction::template make_in_place<T>(std::forward<Args>(args)...);
        }
    }

    /// Gives back what `allocate` or `make` granted; runs no destructor. Null is allowed and does
    /// nothing. Errors: foreign_pointer, double_free, not_open, the storage's.
    template <class T>
    [[nodiscard]] result<void> deallocate(vptr<T, heap> p) {
        const auto guard = section();
        if (p == nullptr) {
            return {};
        }
        if (!is_open()) {
            return failure(errc::not_open);
        }
        return release(p.to_address());
    }

    /// Gives the object's room back and destroys it. Null is allowed and does nothing. Errors: as
    /// `deallocate`; for a `T` with a destructor also those of `read`; then it has not run.
    template <class T>
    [[nodiscard]] result<void> destroy(vptr<T, heap> p) {
        if constexpr (std::is_trivially_destructible_v<T>) {
            return deallocate(p);
        } else {
            if (p == nullptr) {
                return {};
            }
            // The destructor sees a copy, so that it runs only if there was an object.
            detail::raw_object<T> object;
            if (const auto found = this->read(p.to_address(), object.bytes()); !found) {
                return found;
            }
            const auto freed = deallocate(p);
            if (freed) {
                object.get().~T();
            }
            return freed;
        }
    }

    /// Bytes of virtual memory, the reserved first page included; 0 when not open.
    [[nodiscard]] address size() const noexcept { return residency_.size(); }

    /// What the allocator knows of itself. Errors: not_open, the storage's.
    [[nodiscard]] result<nonresident_stats> allocation() {
        const auto guard = section();
        return is_open() ? allocator_.stats(medium()) : failure(errc::not_open);
    }
    [[nodiscard]] result<address> largest_free() {
        const auto guard = section();
        return is_open() ? allocator_.largest_free(medium()) : failure(errc::not_open);
    }
    /// Whether the allocator's state on the medium is consistent. Reads all of it.
    [[nodiscard]] result<bool> invariants_hold() {
        const auto guard = section();
        return is_open() ? allocator_.invariants_hold(medium()) : failure(errc::not_open);
    }

    [[nodiscard]] Storage& storage() noexcept {
        if constexpr (std::is_same_v<typename residency_type::storage_type, Storage>) {
            return residency_.storage();
        } else {
            return residency_.storage().inner();
        }
    }

private:
    [[nodiscard]] result<void> entered(result<void> outcome) {
        if (!outcome && residency_.unpinned_frames() == residency_type::frame_count) {
            residency_.stop();
        }
        return outcome;
    }

    [[nodiscard]] result<void> flush_now() {
        // What the allocator cannot complete now it can derive later; the user's bytes cannot wait.
        const auto settled = allocator_.settle(medium());
        auto synced = residency_.sync();
        if constexpr (parts::root_count != 0 && !parts::has_journal) {
            if (synced && roots_.changed()) {
                synced = image::save_roots(size(), roots_.entries());
                roots_.set_changed(!synced);
            }
        }
        return settled ? synced : settled;
    }

    /// What the allocator keeps its state on.
    [[nodiscard]] auto& medium() noexcept {
        if constexpr (object_residency<residency_type>) {
            return residency_.medium();
        } else {
            return residency_;
        }
    }

    [[nodiscard]] result<address> grant_block(const block_request& request) {
        if (!is_open()) {
            return failure(errc::not_open);
        }
        const auto granted = allocator_.allocate(medium(), request);
        if (granted) {
            this->note_granted();
        }
        return granted;
    }
    template <class T>
    [[nodiscard]] result<vptr<T, heap>> grant(const block_request& request) {
        const auto guard = section();
        const auto granted = grant_block(request);
        if (!granted) {
            return failure(granted.error());
        }
        return vptr<T, heap>::from_address(static_cast<address_type>(*granted));
    }

    /// Frees a block, and what is resident of it.
    [[nodiscard]] result<void> release(address block) {
        if constexpr (object_residency<residency_type>) {
            return this->release_object(block);
        } else {
            return allocator_.deallocate(medium(), block);
        }
    }

    [[no_unique_address]] detail::root_table<parts::root_count> roots_;
    [[no_unique_address]] Allocator allocator_;
};

} // namespace vmem

#endif
